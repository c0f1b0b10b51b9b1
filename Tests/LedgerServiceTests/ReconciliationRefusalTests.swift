import LedgerCore
import Postgres
import TestSupport
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

  /// A slip of the pen in one name does not keep a file from the books that it is of.
  @Test func aFileForMistypedBooksIsStillTakenForTheRightOnes() async throws {
    try await Self.with { recon in
      let text = ReconCalls.header + Self.rows[0].line
      var other = recon
      for (number, account) in [
        GatewayAccount(gateway: "adyen", account: "acct_1"),
        GatewayAccount(gateway: "stripe", account: "acct_2"),
      ].enumerated() {
        other.account = account
        try await other.importing(text, key: "mistyped-\(number)")
        let again = other
        #expect(
          try await recon.reason { try await again.importing(text, key: "again-\(number)") }
            == "REPORT_DUPLICATE")
      }
      try await recon.importing(text, key: "right")
      #expect(
        try await recon.reason { try await recon.importing(text, key: "twice") }
          == "REPORT_DUPLICATE")
      for (number, gateway) in ["paypal", "Stripe", "stripe ", ""].enumerated() {
        other.account = GatewayAccount(gateway: gateway, account: "acct_1")
        let unknown = other
        #expect(
          try await recon.reason { try await unknown.importing(text, key: "unknown-\(number)") }
            == "GATEWAY_ACCOUNT_INVALID")
      }
      #expect(try await recon.books.count("recon_file") == 3)
    }
  }

  /// Who forgets `--live` leaves no lines behind that nobody could ever take back.
  @Test func aReportForTheWrongBooksIsRefused() async throws {
    try await Books.with { books in
      let test = try ReconCalls(books)
      books.clock.set(Self.today)
      let text = ReconCalls.header + Self.rows[0].line
      try await test.live.book(1, .capture, "pi_1", 4_999)
      #expect(
        try await test.reason { try await test.importing(text, key: "import-1") } == "BOOKS_UNKNOWN")
      for table in ["recon_file", "recon_line", "recon_schedule"] {
        #expect(try await books.count(table) == 0, "\(table)")
      }
      try await test.live.importing(text, key: "import-2")
      // Once both know the account, both are right.
      try await test.book(2, .capture, "pi_1", 4_999)
      try await test.importing(text, key: "import-3")
    }
  }

  /// In whatever order and however it is cut, it is the same report.
  @Test func aReportInPartsIsTheReport() async throws {
    try await Self.with { recon in
      for part in [3, 1, 3] {
        let answer = try await recon.importing(part: part, of: 3, Self.report, key: "part-\(part)")
        #expect(answer.file == nil && answer.partsReceived == (part == 3 ? 1 : 2))
        #expect(try await recon.books.count("recon_file") == 0)
      }
      let done = try await recon.importing(part: 2, of: 3, Self.report, key: "part-2")
      #expect(done.file?.lineCount == 12 && done.partsReceived == 3)
      #expect(try await recon.books.count("recon_part") == 0)
      // The same lines as in one message, and their digest.
      #expect(
        try await recon.reason { try await recon.importing(Self.report, key: "import-1") }
          == "REPORT_DUPLICATE")
      let dressed = Self.report.replacing("\n", with: "\r\n")
      #expect(
        try await recon.reason { try await recon.importing(dressed, key: "import-2") }
          == "REPORT_REENCODED")
      #expect(try await recon.run(key: "run-1").lineCount == 12)
      let expected = Self.rows.enumerated().map { "\($0 + 2) \($1.reconClass.rawValue)" }
      #expect(try await recon.classes() == expected)
    }
  }

  @Test func badPartsLeaveNothingBehind() async throws {
    try await Self.with { recon in
      for (number, (part, count)) in [(0, 2), (1, 1), (3, 2), (1, 41)].enumerated() {
        #expect(
          try await recon.reason {
            try await recon.importing(part: part, of: count, Self.report, key: "bad-\(number)")
          } == "PART_INVALID")
      }
      #expect(
        try await recon.reason {
          try await recon.importing(part: 1, of: 2, Self.report, sealedBy: [1], key: "bad-key")
        } == "PART_INVALID")
      // Nothing of a file lies open while it waits; who mixes keys sends it again.
      _ = try await recon.importing(part: 1, of: 2, Self.report, key: "one-key")
      let waiting = try await recon.books.database.query("select sealed from recon_part").single()[
        0, as: [UInt8].self]
      #expect(!String(decoding: waiting, as: UTF8.self).contains("payout"))
      let other = [UInt8](repeating: 4, count: 32)
      #expect(
        try await recon.reason {
          try await recon.importing(part: 2, of: 2, Self.report, sealedBy: other, key: "another")
        } == "PART_KEY_DIFFERS")
      let wrong = Self.report.replacing("49.99", with: "49,99")
      for (number, (text, sha256, reason)) in [
        (wrong, nil, "REPORT_MALFORMED"),
        (Self.report, [UInt8](repeating: 1, count: 32), "REPORT_HASH_DIFFERS"),
      ].enumerated() {
        _ = try await recon.importing(part: 1, of: 2, text, sha256: sha256, key: "first-\(number)")
        #expect(
          try await recon.reason {
            try await recon.importing(part: 2, of: 2, text, sha256: sha256, key: "last-\(number)")
          } == reason)
      }
      for table in ["recon_file", "recon_line", "recon_open_line"] {
        #expect(try await recon.books.count(table) == 0, "\(table)")
      }
    }
  }
}
