import Testing
import Wire

@testable import LedgerService

/// What is refused leaves nothing behind.
extension ReconciliationTests {
  @Test func badFilesLeaveNothingBehind() async throws {
    try await Self.with { recon in
      let line = Self.rows[0].line
      let bad: [(String, String, [UInt8]?, [LedgerV1.PayoutTotal])] = [
        ("REPORT_HASH_DIFFERS", Self.report, [UInt8](repeating: 1, count: 32), []),
        ("REPORT_TRUNCATED", String(Self.report.dropLast(3)), nil, []),
        ("REPORT_ENCODING_INVALID", Self.report.replacing("pi_1", with: "p\u{0}1"), nil, []),
        ("REPORT_MALFORMED", Self.report.replacing("49.99", with: "49,99"), nil, []),
        ("REPORT_TYPE_UNKNOWN", Self.report.replacing("transfer", with: "transfer_2"), nil, []),
        (
          "REPORT_CURRENCY_DIFFERS", ReconCalls.header + line.replacing("eur", with: "zzz"), nil, []
        ),
        (
          "REPORT_TOTAL_DIFFERS", ReconCalls.header + line, nil,
          [
            LedgerV1.PayoutTotal(
              batch: "po_1",
              net: CommonV1.Money(currency: "EUR", amountMinor: 4_925)
            )
          ]
        ),
      ]
      for (number, (reason, text, sha256, payouts)) in bad.enumerated() {
        let found = try await recon.reason {
          try await recon.importing(text, sha256: sha256, payouts: payouts, key: "bad-\(number)")
        }
        #expect(found == reason)
      }
      let other = ReportFileText.adyen.replacing("Main,P1", with: "Other,P1")
      #expect(
        try await recon.reason {
          try await recon.importing(other, .settlementDetail, key: "bad-account")
        } == "REPORT_ACCOUNT_DIFFERS"
      )
      for table in ["recon_file", "recon_line", "recon_match"] {
        #expect(try await recon.books.count(table) == 0, "\(table)")
      }
    }
  }

  /// A total that was mistyped is another request: its correction is not answered from memory.
  @Test func controlTotalsBelongToTheRequest() async throws {
    try await Self.with { recon in
      let text = ReconCalls.header + Self.rows[0].line
      func total(_ minor: Int64) -> [LedgerV1.PayoutTotal] {
        [
          LedgerV1.PayoutTotal(
            batch: "po_1", net: CommonV1.Money(currency: "EUR", amountMinor: minor))
        ]
      }
      #expect(
        try await recon.reason {
          try await recon.importing(text, payouts: total(4_925), key: "k")
        } == "REPORT_TOTAL_DIFFERS")
      #expect(
        try await recon.reason {
          try await recon.importing(text, payouts: total(4_924), key: "k")
        } == "IDEMPOTENCY_KEY_REUSED")
      try await recon.importing(text, payouts: total(4_924), key: "k2")
    }
  }

  @Test func requestsThatNameNothingAreRefused() async throws {
    try await Self.with { recon in
      let text = ReconCalls.header + Self.rows[0].line
      let unknown = CommonV1.Money(currency: "ZZZ", amountMinor: 1)
      let bad: [(String, String, [LedgerV1.PayoutTotal])] = [
        ("CURRENCY_UNKNOWN", "ZZZ", []),
        ("CURRENCY_UNKNOWN", "", [LedgerV1.PayoutTotal(batch: "po_1", net: unknown)]),
        ("TOTAL_INVALID", "", [LedgerV1.PayoutTotal(batch: "", net: unknown)]),
        ("TOTAL_INVALID", "", [LedgerV1.PayoutTotal(batch: "po_1")]),
      ]
      for (number, (reason, currency, payouts)) in bad.enumerated() {
        #expect(
          try await recon.reason {
            try await recon.importing(
              text, currency: currency, payouts: payouts, key: "bad-\(number)")
          } == reason)
      }
      try await recon.importing(Self.report, key: "import-1")
      _ = try await recon.run(key: "run-1")
      let id = try #require(try await recon.breaks().breaks.first?.id)
      #expect(
        try await recon.reason { try await recon.change(id, .unspecified, key: "k1") }
          == "ACTION_REQUIRED")
      #expect(try await recon.reason { try await recon.explain("x") } == "ID_INVALID")
      #expect(
        try await recon.reason { try await recon.breaks(token: "x") } == "PAGE_TOKEN_INVALID")
    }
  }
}
