import GatewayAdapters
import Money
import ReportFormats
import Testing

@testable import GatewayCore

struct CSVReaderTests {
  static func read(_ bytes: [UInt8], pieces: Int) -> Result<[[String]], ReportError> {
    var reader = CSVReader()
    var records: [[String]] = []
    do throws(ReportError) {
      for start in stride(from: 0, to: bytes.count, by: pieces) {
        let piece = bytes[start..<min(start + pieces, bytes.count)]
        try reader.read(piece) { (fields, _) throws(ReportError) in records.append(fields) }
      }
      try reader.finish { (fields, _) throws(ReportError) in records.append(fields) }
      return .success(records)
    } catch {
      return .failure(error)
    }
  }

  @Test(arguments: [
    ("a,b\nc,d\n", [["a", "b"], ["c", "d"]]), ("a,b\r\nc,d", [["a", "b"], ["c", "d"]]),
    ("\u{FEFF}a,b\n", [["a", "b"]]), ("a,,\n,,\n", [["a", "", ""], ["", "", ""]]),
    ("\"a,\"\"b\"\"\",\"c\r\nd\"\r\n", [["a,\"b\"", "c\r\nd"]]), ("\"\"\n", [[""]]),
    ("a\n\n\nb\n", [["a"], ["b"]]), ("", []), ("é,\u{20AC}\n", [["é", "\u{20AC}"]]),
    ("a,b\r\n\r\n", [["a", "b"]]), ("\u{FEFF}", []),
  ] as [(String, [[String]])])
  func records(text: String, expected: [[String]]) {
    // The same whatever the pieces are.
    for pieces in [1, 2, 3, 7, 1_000] {
      #expect(Self.read(Array(text.utf8), pieces: pieces) == .success(expected), "\(pieces)")
    }
  }

  @Test(arguments: [
    ("a,\"b", ReportError.quoteMisplaced(line: 1)), ("x\na\"b\n", .quoteMisplaced(line: 2)),
    ("\"a\"b\n", .quoteMisplaced(line: 1)), ("a\rb\n", .quoteMisplaced(line: 1)),
    (String(repeating: "a", count: 4_097), .recordTooLong(line: 1)),
    ("x\n" + String(repeating: "abc,", count: 201), .tooManyFields(line: 2)),
    ("x\n\"a\nb\"\nc\"d\n", .quoteMisplaced(line: 4)),
  ])
  func mistakes(text: String, expected: ReportError) {
    for pieces in [1, 64, 100_000] {
      #expect(Self.read(Array(text.utf8), pieces: pieces) == .failure(expected))
    }
  }

  @Test func bytesThatAreNoText() {
    #expect(Self.read([0x61, 0xFF, 0x0A], pieces: 1) == .failure(.notUTF8(line: 1)))
    let long = Array(String(repeating: String(repeating: "a", count: 1_000) + ",", count: 66).utf8)
    #expect(Self.read(long, pieces: 4_096) == .failure(.recordTooLong(line: 1)))
  }
}

struct ReportParserTests {
  static let stripeHeader =
    "automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,payment_intent_id,brand_new"
  static let settlementHeader =
    "Company Account,Merchant Account,Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number,Reserved4,Reserved4"
  static let accountingHeader =
    "Merchant Account,Psp Reference,Merchant Reference,Booking Date,TimeZone,Record Type,Payment Currency,Received (PC),Authorised (PC),Captured (PC),Modification Psp Reference"

  static func parse(
    _ kind: ReportKind, _ lines: [String], account: String = "Main"
  ) -> Result<[ReportRow], ReportError> {
    var parser = ReportParser(kind, account: account)
    var rows: [ReportRow] = []
    do throws(ReportError) {
      let bytes = Array(lines.joined(separator: "\r\n").utf8)
      for start in stride(from: 0, to: bytes.count, by: 50) {
        try parser.read(bytes[start..<min(start + 50, bytes.count)]) { rows.append($0) }
      }
      try parser.finish { rows.append($0) }
      return .success(rows)
    } catch {
      return .failure(error)
    }
  }

  static func error(
    _ kind: ReportKind, _ lines: [String], account: String = "Main"
  ) -> ReportError? {
    if case .failure(let error) = parse(kind, lines, account: account) { error } else { nil }
  }

  static let charge = "po_1,txn_1,2026-11-01 10:00:00,eur,49.99,1.25,48.74,charge,pi_1,new"
  static let refund = "po_1,txn_2,2026-11-02 10:00:00,eur,-20.00,0.00,-20.00,refund,pi_1,"

  @Test func stripesPayoutReconciliation() throws {
    let rows = try Self.parse(
      .payoutReconciliation, [Self.stripeHeader, Self.charge, Self.refund, ""]).get()
    #expect(rows.count == 2 && rows[0].type == .captured && rows[1].type == .refunded)
    #expect(rows[0].gross == Amount(.eur, minor: 4_999) && rows[0].fee == Amount(.eur, minor: 125))
    #expect(rows[1].net == Amount(.eur, minor: -2_000) && rows[1].batch == "po_1")
    #expect(rows[0].others == ["brand_new": "new"] && rows[0].paymentReference == "pi_1")
    #expect(rows.map(\.line) == [2, 3])
    // In another order of columns.
    let turned = [Self.stripeHeader, Self.charge].map {
      $0.split(separator: ",").reversed().joined(separator: ",")
    }
    #expect(try Self.parse(.payoutReconciliation, turned).get()[0].gross == rows[0].gross)
  }

  @Test(arguments: [
    ("charge,pi_1", "charge_of_next_year,pi_1",
      ReportError.unknownType(line: 2, "charge_of_next_year")),
    ("49.99", "49,99", .fieldCount(line: 2, expected: 10, found: 11)),
    ("49.99", "49.999", .amountInvalid(line: 2, column: "gross")),
    ("49.99", "", .amountInvalid(line: 2, column: "gross")),
    ("49.99", "1e3", .amountInvalid(line: 2, column: "gross")),
    ("48.74", "48.75", .lineDoesNotAdd(line: 2)), ("eur", "zzz", .currencyUnknown(line: 2)),
  ])
  func stripesBadLines(text: String, other: String, expected: ReportError) {
    let bad = Self.charge.replacing(text, with: other, maxReplacements: 1)
    #expect(Self.error(.payoutReconciliation, [Self.stripeHeader, bad]) == expected)
  }

  @Test func headersAreChecked() {
    #expect(Self.error(.payoutReconciliation, []) == .empty)
    #expect(Self.error(.payoutReconciliation, [Self.stripeHeader]) == nil)
    #expect(
      Self.error(.payoutReconciliation, [Self.stripeHeader.replacing("gross", with: "brutto")])
        == .columnMissing("gross"))
    #expect(
      Self.error(.payoutReconciliation, [Self.stripeHeader + ",net"]) == .columnTwice("net"))
    #expect(Self.error(.settlementDetail, [Self.stripeHeader]) == .columnMissing("Merchant Account"))
    let html = ["<!DOCTYPE html>", "<html>Sign in</html>"]
    for kind in ReportKind.allCases { #expect(Self.error(kind, html) != nil) }
  }

  static func settled(
    _ type: String, gross: (String, String), net: (String, String), psp: String = "P1"
  ) -> String {
    "Co,Main,\(psp),ref1,2026-11-01 10:00:00,CET,\(type),M1,EUR,\(gross.0),\(gross.1),1,EUR,\(net.0),\(net.1),,0.50,0.20,0.55,7,,"
  }

  static let batch = [
    settlementHeader, settled("Settled", gross: ("", "49.99"), net: ("", "48.74")),
    settled("Refunded", gross: ("20.00", ""), net: ("20.00", "")),
    settled("MerchantPayout", gross: ("28.74", ""), net: ("28.74", ""), psp: ""),
  ]

  @Test func adyensSettlementDetails() throws {
    let rows = try Self.parse(.settlementDetail, Self.batch).get()
    #expect(rows.map(\.type) == [.captured, .refunded, .payout])
    #expect(rows[0].gross == Amount(.eur, minor: 4_999) && rows[0].fee == Amount(.eur, minor: 125))
    #expect(rows[1].net == Amount(.eur, minor: -2_000) && rows[0].batch == "7")
    var summary = ReportSummary()
    rows.forEach { summary.add($0) }
    #expect(summary.rowCount == 3 && summary.net == [.eur: 0] && summary.countByType[.payout] == 1)
  }

  @Test func adyensBadSettlements() {
    var lines = Self.batch
    lines[3] = lines[3].replacing("28.74", with: "28.75")
    #expect(Self.error(.settlementDetail, lines) == .batchDoesNotAdd(batch: "7"))
    lines = Self.batch
    lines.remove(at: 2)
    #expect(Self.error(.settlementDetail, lines) == .batchDoesNotAdd(batch: "7"))
    #expect(Self.error(.settlementDetail, Self.batch, account: "Other") == .otherAccount(line: 2))
    lines = Self.batch
    lines[2] = lines[2].replacing("Refunded", with: "SettledTwice")
    #expect(Self.error(.settlementDetail, lines) == .unknownType(line: 3, "SettledTwice"))
  }

  static func booked(
    _ type: String, _ amount: String = "49.99", own: String, psp: String = "P1"
  ) -> String {
    "Main,\(psp),\(own),2026-11-01 10:00:00,CET,\(type),EUR,\(amount),\(amount),\(amount),"
  }

  static let own = GatewayReference.authorize(AttemptID(bits: 7))

  static func evidence(_ types: [(String, String)], psps: [String] = ["P1"]) throws -> ReportEvidence
  {
    let other = GatewayReference.authorize(AttemptID(bits: 8)).text
    let lines = types.enumerated().map { index, type in
      booked(type.0, type.1, own: own.text, psp: psps[index % psps.count])
    }
    let rows = try parse(
      .paymentAccounting,
      [accountingHeader, booked("Authorised", own: other, psp: "P9")] + lines
    ).get()
    // In any order.
    let found = ReportEvidence.evidence(of: own, in: rows)
    #expect(ReportEvidence.evidence(of: own, in: rows.reversed()) == found)
    return found
  }

  @Test(arguments: [
    ([], ReportEvidence.absent), (["Received"], .undecided), (["Received", "Refused"], .refused),
    (["Received", "Error"], .refused),
    (["Received", "Authorised"], .authorized(paymentReference: "P1", Amount(.eur, minor: 4_999))),
    (["Received", "Authorised", "Cancelled"], .canceled),
    (["Received", "Authorised", "Expired"], .canceled),
    (["Received", "Authorised", "SentForSettle"],
      .captured(paymentReference: "P1", Amount(.eur, minor: 4_999), refunded: 0)),
    (["Received", "Authorised", "SentForSettle", "Settled"],
      .captured(paymentReference: "P1", Amount(.eur, minor: 4_999), refunded: 0)),
    (["Received", "Authorised", "SentForSettle", "Settled", "SentForRefund", "Refunded"],
      .captured(paymentReference: "P1", Amount(.eur, minor: 4_999), refunded: 4_999)),
    (["Authorised", "SentForSettle", "Settled", "Refunded", "RefundedReversed"],
      .captured(paymentReference: "P1", Amount(.eur, minor: 4_999), refunded: 0)),
    (["Authorised", "SentForSettle", "CaptureFailed"],
      .authorized(paymentReference: "P1", Amount(.eur, minor: 4_999))),
  ] as [([String], ReportEvidence)])
  func evidence(types: [String], expected: ReportEvidence) throws {
    #expect(try Self.evidence(types.map { ($0, "49.99") }) == expected)
  }

  @Test func evidenceThatContradictsItself() throws {
    #expect(
      try Self.evidence([("Authorised", "49.99"), ("Authorised", "49.99")], psps: ["P1", "P2"])
        == .contradictory)
    #expect(
      try Self.evidence([("Authorised", "49.99"), ("Settled", "20.00"), ("Settled", "-5.00")])
        == .captured(paymentReference: "P1", Amount(.eur, minor: 2_500), refunded: 0))
  }
}

struct ReportRequestTests {
  @Test func stripesRuns() throws {
    let reports = StripeReports()
    let start = Timestamp(seconds: 1_764_000_000)
    let request = try #require(
      reports.create(.payoutReconciliation, from: start, until: start + .seconds(86_400), key: "k"))
    #expect(request.path == "/v1/reporting/report_runs" && !request.hasMoneyEffect)
    #expect(
      String(decoding: request.body, as: UTF8.self)
        == "report_type=payout_reconciliation.itemized.5&parameters%5Binterval_start%5D=1764000000&parameters%5Binterval_end%5D=1764086400"
    )
    #expect(reports.create(.settlementDetail, from: start, until: start, key: "k") == nil)
    #expect(try reports.get(run: "frr_1")?.path == "/v1/reporting/report_runs/frr_1")
    #expect(try reports.download("file_1", account: "").path == "/v1/files/file_1/contents")
    #expect(throws: ExpressionError.referenceMalformed) { try reports.get(run: "../x") }
  }

  @Test(arguments: [
    (200, #"{"id":"frr_1","object":"reporting.report_run","status":"pending","result":null}"#,
      ReportRun.pending(reference: "frr_1")),
    (200,
      #"{"id":"frr_1","object":"reporting.report_run","status":"succeeded","result":{"id":"file_1","object":"file"}}"#,
      .ready(reference: "frr_1", file: "file_1")),
    (200, #"{"id":"frr_1","object":"reporting.report_run","status":"failed","error":"no data"}"#,
      .failed(reference: "frr_1", reason: "no data")),
    (200, #"{"id":"frr_1","object":"reporting.report_run","status":"succeeded"}"#,
      .unknown(.unreadable)),
    (200, #"{"id":"frr_1","object":"reporting.report_run","status":"new"}"#, .unknown(.unreadable)),
    (200, #"{"id":"frr_1","object":"charge","status":"pending"}"#, .unknown(.unreadable)),
    (200, "<html>", .unknown(.unreadable)),
    (502, "<html>", .unknown(.foreignError(status: 502))),
    (404, #"{"error":{"type":"invalid_request_error","code":"resource_missing"}}"#,
      .unknown(.notFound)),
  ])
  func stripesRunStates(status: Int, body: String, expected: ReportRun) {
    #expect(StripeReports().readRun(OutcomeTests.facts(status, body)) == expected)
  }

  /// The address of an announcement is not signed: only a plain name is taken from it.
  @Test(arguments: [
    ("https://ca-live.adyen.com/reports/download/MerchantAccount/M/settlement_detail_report_batch_7.csv",
      "settlement_detail_report_batch_7.csv", ReportKind.settlementDetail),
    ("payments_accounting_report_2026_11_01.csv", "payments_accounting_report_2026_11_01.csv",
      .paymentAccounting),
    ("https://evil.example/payments_accounting_report_2026_11_01.csv?x=/../", nil, nil),
    ("https://evil.example/payments_accounting_report_%2e%2e.csv", nil, nil),
    ("https://x/received_payments_report.csv", nil, nil), ("", nil, nil), ("/", nil, nil),
    ("settlement_detail_report_batch_7.xlsx", nil, nil),
    ("settlement_detail_report_" + String(repeating: "7", count: 200) + ".csv", nil, nil),
  ] as [(String, String?, ReportKind?)])
  func adyensFileNames(address: String, name: String?, kind: ReportKind?) throws {
    #expect(ReportFileName(address)?.text == name && ReportFileName(address)?.kind == kind)
    if let name {
      #expect(
        try AdyenReports().download(address, account: "Main").path
          == "/reports/download/MerchantAccount/Main/\(name)")
    } else {
      #expect(throws: ExpressionError.referenceMalformed) {
        try AdyenReports().download(address, account: "Main")
      }
    }
  }
}
