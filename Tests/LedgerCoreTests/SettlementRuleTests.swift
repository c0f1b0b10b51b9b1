import LedgerCore
import Money
import ReportFormats
import Seal
import Testing

/// What is booked from lines and differences, as an accountant would check it.
struct SettlementRuleTests {
  private static let account = GatewayAccount(gateway: "stripe", account: "acct_1")
  private static let day = CivilDate(daysSince1970: 20_758)

  /// Template, amount towards us, kind, and the account on the other side.
  @Test(
    arguments: [
      (LineTemplate.fee, -100, "fee", "gateway_fees:stripe:acct_1"),
      (.fee, 100, "fee", "gateway_fees:stripe:acct_1"),
      (.payout, -100, "payout", "payouts_in_transit:stripe:acct_1"),
      (.payoutReversal, 100, "reversal", "payouts_in_transit:stripe:acct_1"),
      (.reserve, -100, "reserve_held", "rolling_reserve:stripe:acct_1"),
      (.reserve, 100, "reserve_released", "rolling_reserve:stripe:acct_1"),
      (.adjustment, -100, "adjustment", "adjustments"),
      (.adjustment, 100, "adjustment", "adjustments"),
      (.disputeOpened, -100, "dispute_opened", "chargebacks:stripe:acct_1"),
      (.directDebitReturn, -100, "direct_debit_return", "merchant_payable"),
      (.disputeWon, 100, "dispute_won", "chargebacks:stripe:acct_1"),
      (.orphanCapture, 100, "orphan_capture", "orphan_receipts:stripe:acct_1"),
      (.orphanReversal, -100, "orphan_reversal", "orphan_receipts:stripe:acct_1"),
    ] as [(LineTemplate, Int64, String, String)]
  )
  func templates(template: LineTemplate, minor: Int64, kind: String, counter: String) throws {
    let amount = Amount(.eur, minor: minor)
    let entries = try #require(template.entries(amount, at: Self.account))
    #expect(template.kind(of: amount).rawValue == kind)
    let sides = Dictionary(uniqueKeysWithValues: entries.map { ($0.accountCode, $0.side) })
    #expect(
      sides == [
        "gateway_clearing:stripe:acct_1": minor > 0 ? .debit : .credit,
        counter: minor > 0 ? .credit : .debit,
      ]
    )
    #expect(entries.allSatisfy { $0.amountMinor == 100 && $0.currencyCode == "EUR" })
    // The next run pairs it with its line.
    let pairing = try #require(ReconPairing.of(template.type))
    #expect(pairing.kinds.map(\.rawValue).contains(kind))
    let command = try #require(
      ReconCommands.line(
        template,
        amount,
        name: "m_1",
        reference: "m_1",
        on: Self.day,
        of: MerchantID(bits: 2),
        at: Self.account
      )
    )
    let posting = try PostingRules.check(command)
    #expect(posting.remarks.isEmpty && command.recordsFact)
    let midnight: Int64 = 20_758 * 86_400 * 1_000_000
    #expect(command.effectiveAtMicroseconds == midnight)
  }

  /// What only reports tell of is booked by runs; what our own operations book never is.
  @Test func runsBookNoPayments() {
    let automatic = ReportRowType.allCases.filter { LineTemplate.automatic($0) != nil }
    #expect(automatic == [.fee, .payout, .payoutReversed, .adjustment, .reserve])
    for type in [ReportRowType.captureFailed, .refundFailed] {
      #expect(LineTemplate.of(type).isEmpty, "\(type)")
    }
    let kinds = LineTemplate.allCases.map { $0.kind(of: Amount(.eur, minor: 1)) }
    #expect(!kinds.contains(.capture) && !kinds.contains(.refund))
  }

  /// The id is among those that matching asks for, so that a line is booked once by whoever tells it.
  @Test func aLinesBookingBearsAnIdOfTheLine() throws {
    let text = """
      automatic_payout_id,balance_transaction_id,created_utc,currency,gross,fee,net,\
      reporting_category,source_id,payment_intent_id
      po_1,txn_1,2026-11-02 10:00:00,eur,-1.00,0.00,-1.00,fee,fee_1,

      """
    let bytes = Array(text.utf8)
    let file = try ReportFile(
      bytes,
      ReportTerms(account: Self.account, kind: .payoutReconciliation, sha256: hash(bytes))
    )
    let line = try #require(file.lines.first)
    let reference = try #require(line.match.sourceReferences.first)
    let command = try #require(
      ReconCommands.line(
        .fee,
        line.match.amount,
        name: MovementName.of(
          reference, payment: line.match.paymentReference, batch: line.batch,
          in: ReconBook(Self.account, isLive: false), .payoutReconciliation),
        reference: reference,
        on: line.bookedOn,
        of: MerchantID(bits: 2),
        at: Self.account
      )
    )
    #expect(line.match.movementIDs.contains(command.id))
  }

  @Test func whatCannotBeBooked() {
    func line(_ minor: Int64, _ reference: String) -> PostingCommand? {
      ReconCommands.line(
        .fee,
        Amount(.eur, minor: minor),
        name: reference,
        reference: reference,
        on: Self.day,
        of: MerchantID(bits: 2),
        at: Self.account
      )
    }
    #expect(line(-1, "m") != nil)
    #expect(line(0, "m") == nil && line(-1, "") == nil && line(.min, "m") == nil)
  }

  /// Class, reported, booked, whether it is a line's: the difference.
  @Test(
    arguments: [
      (ReconClass.amountMismatch, 1_000, 999, true, 1), (.missingInternal, -100, nil, true, -100),
      (.orphanReversal, -100, nil, true, -100), (.unknownType, 5, nil, true, 5),
      (.missingExternal, nil, 900, false, -900), (.batchTotalMismatch, -100, -90, false, -10),
      (.duplicate, nil, 900, false, -900), (.duplicate, 900, nil, true, nil),
      (.feeMismatch, 50, 35, true, nil), (.currencyMismatch, 1_000, 1_000, true, nil),
      (.statusMismatch, -100, 100, true, nil), (.amountMismatch, 7, 7, true, nil),
      (.amountMismatch, .max, -1, true, nil),
    ] as [(ReconClass, Int64?, Int64?, Bool, Int64?)]
  )
  func differences(
    reconClass: ReconClass,
    reported: Int64?,
    booked: Int64?,
    isOfLine: Bool,
    difference: Int64?
  ) {
    #expect(
      BreakSettlement.differenceMinor(
        reconClass,
        reportedMinor: reported,
        bookedMinor: booked,
        isOfLine: isOfLine
      ) == difference
    )
  }

  /// What is in our favour one person books; what is given up two write off.
  @Test func onePersonAdjustsInOurFavour() {
    func templates(_ minor: Int64?) -> [LineTemplate] {
      BreakSettlement.templates(.amountMismatch, type: .captured, differenceMinor: minor)
    }
    #expect(templates(1) == [.adjustment])
    #expect(templates(-1) == [] && templates(0) == [] && templates(nil) == [])
  }

  @Test(
    arguments: [
      // kind, live, reference, payment, batch, name
      (.payoutReconciliation, false, "txn_1", "", "po_1", "txn_1"),
      (.payoutReconciliation, true, "po_1", "", "po_1", "po_1"),
      (.settlementDetail, false, "M1", "P1", "7", "M1"),
      (.settlementDetail, false, "Fees November 2026", "", "7", "test 7 Fees November 2026"),
      (.settlementDetail, false, "Fees November 2026", "", "8", "test 8 Fees November 2026"),
      (.settlementDetail, true, "7", "", "7", "live 7 7"),
      (.settlementDetail, true, "", "", "7", ""),
    ] as [(ReportKind, Bool, String, String, String, String)]
  )
  func namesOfMovements(
    kind: ReportKind, isLive: Bool, reference: String, payment: String, batch: String, name: String
  ) {
    let book = ReconBook(Self.account, isLive: isLive)
    #expect(MovementName.of(reference, payment: payment, batch: batch, in: book, kind) == name)
  }

  @Test func limitsOfWriteOffs() throws {
    let limits = try WriteOffLimits(parsing: "EUR 5000; USD 0;")
    #expect(limits.allows(Amount(.eur, minor: -5_000)) && limits.allows(Amount(.eur, minor: 5_000)))
    #expect(!limits.allows(Amount(.eur, minor: 5_001)) && !limits.allows(Amount(.usd, minor: 1)))
    #expect(!limits.allows(Amount(.eur, minor: .min)))
    #expect(!WriteOffLimits().allows(Amount(.eur, minor: 1)))
    for text in ["EUR", "EUR -1", "EUR 1; EUR 2", "EURO 1", "EUR 1 2"] {
      #expect(throws: WriteOffLimits.Mistake.self) { try WriteOffLimits(parsing: text) }
    }
    #expect(WriteOffAgreement(proposedBy: "ann", approvedBy: "bob") != nil)
    #expect(WriteOffAgreement(proposedBy: "ann", approvedBy: "ann") == nil)
  }

  @Test func whoseAnAccountIs() throws {
    let (test, live) = (MerchantID(bits: 2), MerchantID(bits: 3))
    let merchants = try ReconMerchants(parsing: "stripe acct_1 \(live)")
    let books = [false, true].map { ReconBook(Self.account, isLive: $0) }
    #expect(merchants.owner(of: books[1], known: [test]) == live)
    #expect(merchants.owner(of: books[0], known: [test]) == test)
    #expect(merchants.owner(of: books[0], known: []) == nil)
    #expect(merchants.owner(of: books[0], known: [test, MerchantID(bits: 4)]) == nil)
    for text in ["stripe acct_1", "stripe acct_1 x", "a b \(live); a b \(live)"] {
      #expect(throws: ReconMerchants.Mistake.self) { try ReconMerchants(parsing: text) }
    }
  }

  /// Seconds of a day that begins at 0; runs are at 06:00, which is 21,600.
  @Test(
    arguments: [
      // never yet; imported before the first run: when no further file has come for 30 s
      (nil, nil, nil, 0, 50_000, true), (40_000, nil, nil, 0, 40_029, false),
      (40_000, nil, nil, 0, 40_030, true),
      // ran at 07:00 of the day: due at 06:00 of the next one
      (nil, 25_200, nil, 0, 86_400 + 21_599, false), (nil, 25_200, nil, 0, 86_400 + 21_600, true),
      // ran at 05:00: due at 06:00, though files come
      (nil, 18_000, nil, 0, 21_599, false), (nil, 18_000, nil, 0, 21_600, true),
      (21_590, 18_000, nil, 0, 21_600, true),
      // imported after it began, at its very instant, before it
      (30_000, 25_200, nil, 0, 30_029, false), (30_000, 25_200, nil, 0, 30_030, true),
      (25_200, 25_200, nil, 0, 25_230, true), (25_199, 25_200, nil, 0, 25_300, false),
      // failed: a minute, two, at most an hour
      (30_000, 25_200, 30_110, 1, 30_169, false), (30_000, 25_200, 30_110, 1, 30_170, true),
      (30_000, 25_200, 30_110, 2, 30_229, false), (30_000, 25_200, 30_110, 2, 30_230, true),
      (30_000, 25_200, 30_110, 99, 33_709, false), (30_000, 25_200, 30_110, 99, 33_710, true),
    ] as [(Int64?, Int64?, Int64?, Int, Int64, Bool)]
  )
  func timetable(
    requested: Int64?,
    started: Int64?,
    tried: Int64?,
    failures: Int,
    now: Int64,
    isDue: Bool
  ) throws {
    func instant(_ seconds: Int64?) -> Timestamp? { seconds.map { Timestamp(seconds: $0) } }
    let entry = ReconTimetable.Entry(
      requestedAt: instant(requested),
      startedAt: instant(started),
      triedAt: instant(tried),
      failures: failures
    )
    let timetable = try #require(ReconTimetable("06:00"))
    #expect(timetable.isDue(entry, now: Timestamp(seconds: now)) == isDue)
    for text in ["24:00", "6:00", "06:60", "06", "06:00:00", "", "never"] {
      #expect(ReconTimetable(text) == nil, "\(text)")
    }
  }

  private func hash(_ bytes: [UInt8]) -> [UInt8] { SHA256.hash(bytes) }
}
