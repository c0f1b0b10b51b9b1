import Foundation
import Testing
import Wire

/// Time that this thread has spent on a processor: other work on the machine does not count.
private func processorNanoseconds() -> Int {
  var time = timespec()
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
  return time.tv_sec * 1_000_000_000 + time.tv_nsec
}

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
      let before = processorNanoseconds()
      for _ in 0..<rounds { sum &+= try body() }
      let nanoseconds = processorNanoseconds() - before
      print("\(name): \(nanoseconds / rounds) ns of CPU for \(encoded.count) bytes")
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
