import Money
import ReportFormats
import Seal
import Testing

@testable import LedgerCore

/// What is imported, and what is refused and why.
struct ReportFileTests {
  static let stripe = GatewayAccount(gateway: "stripe", account: "acct_1")
  static let adyen = GatewayAccount(gateway: "adyen", account: "Main")

  static let stripeText = """
    automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,reporting_category,source_id,payment_intent_id,new_column
    po_1,txn_1,2026-11-01 10:00:00,eur,49.99,0.75,49.24,charge,ch_1,pi_1,4111111111111111
    po_1,txn_2,2026-11-02 09:00:00,eur,-20.00,0.00,-20.00,refund,re_1,pi_1,"say ""yes"", twice"

    """
  static let adyenText = """
    Merchant Account,Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Batch Number
    Main,P1,ta1,2026-11-01 10:00:00,CET,Settled,M1,EUR,,49.99,EUR,,49.24,0.75,7
    Main,,,2026-11-02 00:00:00,CET,MerchantPayout,,,,,EUR,49.24,,,7

    """

  static func read(
    _ text: String,
    _ kind: ReconReportKind,
    sha256: [UInt8]? = nil,
    currency: Currency? = nil,
    payouts: [ReportTerms.Payout] = []
  ) -> Result<ReportFile, ReportRefusal> {
    read(Array(text.utf8), kind, sha256: sha256, currency: currency, payouts: payouts)
  }

  static func read(
    _ bytes: [UInt8],
    _ kind: ReconReportKind,
    sha256: [UInt8]? = nil,
    currency: Currency? = nil,
    payouts: [ReportTerms.Payout] = []
  ) -> Result<ReportFile, ReportRefusal> {
    let terms = ReportTerms(
      account: kind == .settlementDetail ? adyen : stripe,
      kind: kind,
      sha256: sha256 ?? SHA256.hash(bytes),
      currency: currency,
      payouts: payouts
    )
    return Result { () throws(ReportRefusal) in try ReportFile(bytes, terms) }
  }

  static func refusal(_ result: Result<ReportFile, ReportRefusal>) -> ReportRefusal? {
    if case .failure(let refusal) = result { refusal } else { nil }
  }

  static func reason(_ result: Result<ReportFile, ReportRefusal>) -> ReportRefusal.Reason? {
    refusal(result)?.reason
  }

  @Test func linesAreKeptWithTheirReferences() throws {
    let lines = try Self.read(Self.stripeText, .payoutReconciliation).get().lines
    #expect(lines.map(\.line) == [2, 3] && lines.map(\.batch) == ["po_1", "po_1"])
    #expect(lines[1].match.sourceReferences == ["re_1", "txn_2"])
    #expect(lines[1].match.amount == Amount(.eur, minor: -2_000))
    #expect(lines[0].bookedOn == CivilDate(year: 2026, month: 11, day: 1))
    #expect(lines.map(\.adds) == [true, true])
    // What may be a card number is not kept; other unknown columns are.
    #expect(lines[0].others == #"{"new_column":"withheld"}"#)
    #expect(lines[1].others == #"{"new_column":"say \"yes\", twice"}"#)
  }

  /// As gateways write it, always the day that stands there.
  @Test(
    arguments: [
      "2026-11-01", "2026-11-01 23:59:59", "2026-11-01T23:59:59", "2026-11-01 10:00",
      "2026-11-01T10:00:00Z", "2026-11-01T23:00:00.123-05:00",
    ]
  )
  func aLineHasADay(written: String) throws {
    let text = Self.stripeText.replacing("2026-11-01 10:00:00", with: written)
    let line = try Self.read(text, .payoutReconciliation).get().lines[0]
    #expect(line.bookedOn == CivilDate(year: 2026, month: 11, day: 1) && line.bookedAt == written)
  }

  /// Either way, to the minor unit; and who is refused is told by how much.
  @Test func anAmountHasALimit() throws {
    let most = "10000000000000.00,0.00,10000000000000.00"
    for sign in ["", "-"] {
      let amounts = most.split(separator: ",").map { $0 == "0.00" ? $0 : "\(sign)\($0)" }
      let text = Self.stripeText.replacing("49.99,0.75,49.24", with: amounts.joined(separator: ","))
      let line = try Self.read(text, .payoutReconciliation).get().lines[0]
      #expect(line.match.amount.minor.magnitude == UInt64(ReportParser.amountMinorMax))
    }
    for written in ["10000000000000.01", "-10000000000000.01", "99999999999999999.99"] {
      let text = Self.stripeText.replacing("49.99", with: written)
      #expect(
        Self.refusal(Self.read(text, .payoutReconciliation))
          == ReportRefusal(.malformed, "line 2 has more than 1000000000000000 minor units in gross")
      )
    }
  }

  /// What may be a card number is not said either.
  @Test func whatIsRefusedIsNotSaidInFull() {
    let text = Self.stripeText.replacing("charge", with: "4111 1111 1111 1111")
    #expect(
      Self.refusal(Self.read(text, .payoutReconciliation))
        == ReportRefusal(.typeUnknown, "line 2 is of a type nobody knows: withheld")
    )
    let batch = Self.adyenText.replacing(",7\n", with: ",4111111111111111\n")
      .replacing("EUR,49.24,,,", with: "EUR,49.25,,,")
    #expect(
      Self.refusal(Self.read(batch, .settlementDetail))
        == ReportRefusal(
          .totalDiffers, "the lines of batch withheld and its payout do not come to zero")
    )
  }

  @Test func aPayoutIsNamedByWhatItPaysOut() throws {
    let adyen = try Self.read(Self.adyenText, .settlementDetail).get().lines
    #expect(adyen.map(\.match.sourceReferences) == [["M1"], ["7"]])
  }

  @Test func whatIsTooLongSaysByWhat() {
    let long = String(repeating: "x", count: ReportFile.bytesMax) + "\n"
    guard case .failure(let large) = Self.read(long, .payoutReconciliation) else {
      Issue.record("taken")
      return
    }
    #expect(large.detail == "it has more than 8000000 bytes")
    let many = "automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,"
      + "reporting_category,source_id,payment_intent_id\n"
      + String(
        repeating: ",t,2026-11-01,eur,1.00,0.00,1.00,charge,c,p\n", count: ReportFile.linesMax + 1)
    guard case .failure(let refusal) = Self.read(many, .payoutReconciliation) else {
      Issue.record("taken")
      return
    }
    #expect(refusal.detail == "it has more than 100000 lines")
  }

  /// The id that intents gives to a returned debit is the one that its line has.
  @Test func aMovementHasOneId() throws {
    let text = Self.stripeText.replacing("refund,re_1", with: "dispute,dp_1")
    let line = try Self.read(text, .payoutReconciliation).get().lines[1]
    let movement = Movement(
      account: Self.stripe,
      kind: .directDebitReturn,
      source: .gatewayMovement("dp_1")
    )
    let id = try #require(
      LedgerTransactionID(bytes: SHA256.hash(movement.canonicalText).prefix(16))
    )
    #expect(line.match.movementIDs.contains(id))
  }

  struct Bad: Sendable, CustomTestStringConvertible {
    var what: String
    var kind = ReconReportKind.payoutReconciliation
    var from: String
    var to: String
    var reason: ReportRefusal.Reason
    var testDescription: String { what }
  }

  static let bad = [
    Bad(
      what: "cut within a line",
      from: "pi_1,\"say \"\"yes\"\", twice\"\n",
      to: "pi",
      reason: .truncated
    ),
    Bad(
      what: "cut behind a line",
      kind: .settlementDetail,
      from: "Main,,,2026-11-02 00:00:00,CET,MerchantPayout,,,,,EUR,49.24,,,7\n",
      to: "",
      reason: .totalDiffers
    ),
    Bad(what: "cut within a quote", from: ", twice\"", to: "", reason: .truncated),
    Bad(what: "no amount", from: "49.99", to: "49,99", reason: .malformed),
    Bad(what: "a fraction of a cent", from: "49.99", to: "49.999", reason: .malformed),
    Bad(what: "gross less fee is not net", from: "49.24", to: "49.23", reason: .malformed),
    Bad(what: "a column is missing", from: ",net,", to: ",netto,", reason: .malformed),
    Bad(what: "no day", from: "2026-11-01", to: "2026-13-01", reason: .malformed),
    Bad(what: "hour 25", from: "10:00:00", to: "25:00:00", reason: .malformed),
    Bad(what: "minute 60", from: "10:00:00", to: "10:60:00", reason: .malformed),
    Bad(what: "half a time", from: "10:00:00", to: "10", reason: .malformed),
    Bad(what: "words behind the day", from: " 10:00:00", to: " at noon", reason: .malformed),
    Bad(
      what: "more money than there is",
      from: "49.99,0.75,49.24",
      to: "10000000000000.01,0.00,10000000000000.01",
      reason: .malformed
    ),
    Bad(
      what: "another kind's file",
      kind: .settlementDetail,
      from: "Merchant Account",
      to: "Account",
      reason: .malformed
    ),
    Bad(what: "a type of next year", from: "charge", to: "charge_2", reason: .typeUnknown),
    Bad(
      what: "another account",
      kind: .settlementDetail,
      from: "Main,P1",
      to: "Other,P1",
      reason: .accountDiffers
    ),
    Bad(what: "a currency nobody knows", from: "eur", to: "zzz", reason: .currencyDiffers),
    Bad(
      what: "another sum",
      kind: .settlementDetail,
      from: "EUR,49.24,,,7",
      to: "EUR,49.25,,,7",
      reason: .totalDiffers
    ),
    Bad(what: "a NUL", from: "pi_1", to: "pi\u{0}1", reason: .encodingInvalid),
  ]

  @Test(arguments: bad) func badFiles(_ bad: Bad) {
    let text = bad.kind == .settlementDetail ? Self.adyenText : Self.stripeText
    #expect(text.contains(bad.from))
    let changed = text.replacing(bad.from, with: bad.to, maxReplacements: 1)
    #expect(Self.reason(Self.read(changed, bad.kind)) == bad.reason)
  }

  @Test func otherEncodings() {
    let utf16 = Self.stripeText.utf16.flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
    #expect(Self.reason(Self.read(utf16, .payoutReconciliation)) == .encodingInvalid)
    let latin = Array(Self.stripeText.replacing("yes", with: "j").utf8).map {
      $0 == 0x6A ? 0xE9 : $0
    }
    #expect(Self.reason(Self.read(latin, .payoutReconciliation)) == .encodingInvalid)
    let empty = ReportRefusal(.truncated, "it is empty")
    #expect(Self.refusal(Self.read("", .payoutReconciliation)) == empty)
  }

  /// What is said of the file from elsewhere is compared before anything of it counts.
  @Test func termsAreKept() throws {
    let other = [UInt8](repeating: 1, count: 32)
    #expect(
      Self.reason(Self.read(Self.stripeText, .payoutReconciliation, sha256: other)) == .hashDiffers
    )
    #expect(
      Self.reason(Self.read(Self.stripeText, .payoutReconciliation, currency: .usd))
        == .currencyDiffers
    )
    func paid(
      _ minor: Int64,
      for batch: String = "po_1",
      _ kind: ReconReportKind = .payoutReconciliation
    ) -> ReportRefusal.Reason? {
      let payout = ReportTerms.Payout(batch: batch, net: Amount(.eur, minor: minor))
      let text = kind == .settlementDetail ? Self.adyenText : Self.stripeText
      return Self.reason(Self.read(text, kind, currency: .eur, payouts: [payout]))
    }
    #expect(paid(2_924) == nil && paid(2_925) == .totalDiffers)
    #expect(paid(2_924, for: "po_2") == .totalDiffers)
    #expect(paid(4_924, for: "7", .settlementDetail) == nil)
  }

  /// Header and value in front of each line; the day of a payout that was named, nil: the report is
  /// refused.
  @Test(
    arguments: [
      ("description", "x", "2026-11-02"), ("available_on", "2026-11-04", "2026-11-04"),
      ("available_on_utc", "", "2026-11-02"),
      ("automatic_payout_effective_at", "2026-11-05 00:00:00", "2026-11-05"),
      ("automatic_payout_effective_at_utc", "2026-11-01T00:00:00Z", "2026-11-01"),
      ("automatic_payout_effective_at_utc", "5.11.2026", nil),
    ] as [(String, String, String?)]
  )
  func aPayoutHasItsOwnDay(column: String, value: String, day: String?) throws {
    let text = Self.stripeText.split(separator: "\n").enumerated().map { number, line in
      "\(number == 0 ? column : value),\(line)\n"
    }.joined()
    let payout = ReportTerms.Payout(batch: "po_1", net: Amount(.eur, minor: 2_924))
    let read = Self.read(text, .payoutReconciliation, payouts: [payout])
    guard let day else { return #expect(Self.reason(read) == .malformed) }
    #expect(try read.get().payoutDays.mapValues { "\($0)" } == ["po_1": day])
    // Who names none is not asked for its day; and nothing of the column is lost.
    #expect(try Self.read(text, .payoutReconciliation).get().payoutDays == [:])
    let others = try read.get().lines[0].others
    #expect(value.isEmpty || others.contains("\"\(column)\":\"\(value)\""))
  }

  /// The same lines in another dress are the same content; another line is another.
  @Test func contentIsRecognised() throws {
    let content = try Self.read(Self.stripeText, .payoutReconciliation).get().contentSHA256
    let dressed = "\u{FEFF}" + Self.stripeText.replacing("\n", with: "\r\n")
    #expect(try Self.read(dressed, .payoutReconciliation).get().contentSHA256 == content)
    let other = Self.stripeText.replacing("txn_2", with: "txn_3")
    #expect(try Self.read(other, .payoutReconciliation).get().contentSHA256 != content)
  }
}
