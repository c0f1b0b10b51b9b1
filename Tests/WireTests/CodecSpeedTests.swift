import Foundation
import Testing
import Wire

/// Prints what one message costs. Meant for a release build: `TENDER_MEASURE=1 swift test -c release`.
@Suite(.enabled(if: ProcessInfo.processInfo.environment["TENDER_MEASURE"] != nil, "only on demand"))
struct CodecSpeedTests {
  @Test func oneLedgerTransaction() throws {
    func entry(_ code: String, _ side: LedgerV1.NormalSide) -> LedgerV1.Entry {
      .init(accountCode: code, side: side, amount: .init(currency: "EUR", amountMinor: 123_456))
    }
    let message = LedgerV1.PostingCommand(
      transactionID: "ltx_aaaabbbbccccddddeeeeffffgggg",
      merchantID: "mt_aaaabbbbccccddddeeeeffffgggg", kind: "capture",
      entries: [
        entry("gateway_clearing:stripe:acct_test", .debit), entry("merchant_payable", .credit),
      ],
      effectiveAt: .init(seconds: 1_700_000_000, nanos: 1_000),
      subject: "pi_aaaabbbbccccddddeeeeffffgggg", externalReference: "ch_3PxYzAbCdEfGhIjKlMnOpQrS",
      recordsFact: true)
    let encoded = message.encode()
    let rounds = 200_000
    var sum = 0
    func measure(_ name: String, _ body: () throws -> Int) rethrows {
      for _ in 0..<rounds / 10 { sum &+= try body() }
      let clock = ContinuousClock()
      let elapsed = try clock.measure { for _ in 0..<rounds { sum &+= try body() } }
      let nanoseconds = Double(elapsed.components.attoseconds) / 1e9 + Double(elapsed.components.seconds) * 1e9
      print("\(name): \(Int(nanoseconds / Double(rounds))) ns for \(encoded.count) bytes")
    }
    try measure("decode strictly") {
      try LedgerV1.PostingCommand(decoding: encoded, strict: true).entries.count
    }
    try measure("decode tolerantly") {
      try LedgerV1.PostingCommand(decoding: encoded, strict: false).entries.count
    }
    measure("encode") { message.encode().count }
    #expect(sum > 0)
  }
}
