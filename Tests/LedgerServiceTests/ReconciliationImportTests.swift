import LedgerCore
import Money
import Postgres
import ReportFormats
import Seal
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// What an import leaves behind.
extension ReconciliationTests {
  /// One row of `recon_line`, as text.
  private static func row(_ line: StagedLine) -> String {
    let parts: [String?] = [
      "\(line.line)", line.match.type.rawValue, line.typeText, line.movementReference,
      line.match.sourceReferences.joined(separator: ";"), line.match.paymentReference,
      line.match.movementIDs.map { Hex.encode($0.bytes) }.joined(separator: ";"), line.batch,
      line.bookedAt, "\(line.bookedOn)", line.match.amount.currency.code,
      "\(line.match.amount.minor)", line.feeMinor.map { "\($0)" }, line.net?.currency.code,
      line.net.map { "\($0.minor)" }, "\(line.adds)", line.others,
    ]
    return parts.map { $0 ?? "-" }.joined(separator: "|")
  }

  /// No column is lost on the way into the table, nor one that nobody knows, nor a letter of it.
  @Test func everyLineIsKeptAsItWasRead() async throws {
    try await Books.with { books in
      var recon = try ReconCalls(books)
      books.clock.set(Self.today)
      recon.account = GatewayAccount(gateway: "adyen", account: "Main")
      let text = ReconciliationBookingTests.settlement
        .replacing("Batch Number", with: "Batch Number,Händler")
        .replacing(",7\n", with: ",7,\"Müller \"\"&\"\" 東京,\"\n")
      try await recon.importing(text, .settlementDetail, key: "import-1")
      let content = Array(text.utf8)
      let read = try ReportFile(
        content,
        ReportTerms(
          account: recon.account, kind: .settlementDetail, sha256: SHA256.hash(content))
      )
      let kept = try await books.database.query(
        """
        select concat_ws('|', line, type, type_text, movement_reference,
          array_to_string(source_references, ';'), payment_reference,
          replace(array_to_string(movement_ids, ';'), '-', ''), batch, booked_at, booked_on, currency,
          gross_minor, coalesce(fee_minor::text, '-'), coalesce(net_currency, '-'),
          coalesce(net_minor::text, '-'), adds::text,
          -- In the form in which it was given.
          replace(others::text, '": "', '":"')) from recon_line
        where gateway = 'adyen' and account = 'Main' and not livemode order by line
        """
      ).column(as: String.self)
      #expect(kept == read.lines.map(Self.row))
      #expect(kept.count == 3 && kept.allSatisfy { $0.contains("東京") })
      #expect(read.lines.contains { $0.feeMinor == nil })
    }
  }

  /// Of two processes one may have a clock that is behind: what it imports later is the later file.
  @Test func filesAreInTheOrderOfTheirImports() async throws {
    try await Books.with { books in
      let recon = try ReconCalls(books)
      let other = ReconCalls.line("txn_2", "charge", "ch_2", "pi_2", 700, fee: 32)
      books.clock.set(Self.today)
      try await recon.book(1, .capture, "pi_1", 4_999)
      let line = ReconCalls.line("txn_1", "charge", "ch_1", "pi_1", 4_999, fee: 75)
      try await recon.importing(ReconCalls.header + line, key: "import-1")
      books.clock.set(Self.today + .seconds(-60))
      try await recon.importing(ReconCalls.header + other + line, key: "import-2")
      _ = try await recon.run(key: "run-1")
      let classes = try await books.database.query(
        """
        select m.line || ' ' || m.class from recon_match m join recon_file f on f.id = m.file_id
        order by f.number, m.line
        """
      ).column(as: String.self)
      #expect(classes == ["2 matched", "2 missing_internal", "3 duplicate"])
      // The ids say otherwise.
      let ids = try await books.database.query(
        "select count(*) from recon_file a join recon_file b on b.number > a.number and b.id < a.id"
      ).single()[0, as: Int64.self]
      #expect(ids == 1)
    }
  }
}
