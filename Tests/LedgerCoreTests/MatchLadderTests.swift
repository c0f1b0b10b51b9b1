import LedgerCore
import Money
import ReportFormats
import Testing

/// What a line of a report and a transaction of the books have to do with each other, as a table.
struct MatchLadderTests {
  static let ids = (1...9).map { LedgerTransactionID(bits: UInt128($0)) }

  struct Row: Sendable, CustomTestStringConvertible {
    var what: String
    // The line.
    var type: ReportRowType
    var source = ""
    var payment = ""
    var reported: Int64
    // The item.
    var kind: String
    var reference: String
    var booked: Int64
    var currency = Currency.eur
    // Known by, and how far they agree; nil: nothing to do with each other.
    var rung: MatchRung?
    var fit: MatchFit?

    var testDescription: String { what }
  }

  static let rows = [
    Row(
      what: "a payment, by its id",
      type: .captured,
      source: "ch_1",
      payment: "pi_1",
      reported: 4_999,
      kind: "capture",
      reference: "pi_1",
      booked: 4_999,
      rung: .payment,
      fit: .exact
    ),
    Row(
      what: "a refund, by its own id",
      type: .refunded,
      source: "re_1",
      payment: "pi_1",
      reported: -2_000,
      kind: "refund",
      reference: "re_1",
      booked: -2_000,
      rung: .source,
      fit: .exact
    ),
    Row(
      what: "an orphan's capture",
      type: .captured,
      payment: "pi_9",
      reported: 500,
      kind: "orphan_capture",
      reference: "pi_9",
      booked: 500,
      rung: .payment,
      fit: .exact
    ),
    Row(
      what: "a payment of another amount",
      type: .captured,
      payment: "pi_1",
      reported: 4_990,
      kind: "capture",
      reference: "pi_1",
      booked: 4_999,
      rung: .payment,
      fit: .otherAmount
    ),
    Row(
      what: "a refund with the sign of a payment",
      type: .refunded,
      source: "re_1",
      reported: 2_000,
      kind: "refund",
      reference: "re_1",
      booked: -2_000,
      rung: .source,
      fit: .otherAmount
    ),
    Row(
      what: "a payment in another currency",
      type: .captured,
      payment: "pi_1",
      reported: 4_999,
      kind: "capture",
      reference: "pi_1",
      booked: 4_999,
      currency: .usd,
      rung: .payment,
      fit: .otherCurrency
    ),
    Row(
      what: "captured here, failed there",
      type: .captureFailed,
      payment: "pi_1",
      reported: -4_999,
      kind: "capture",
      reference: "pi_1",
      booked: 4_999,
      rung: .payment,
      fit: .otherStatus
    ),
    Row(
      what: "another payment",
      type: .captured,
      payment: "pi_2",
      reported: 4_999,
      kind: "capture",
      reference: "pi_1",
      booked: 4_999
    ),
    Row(
      what: "a refund is not its payment",
      type: .refunded,
      source: "re_1",
      payment: "pi_1",
      reported: -4_999,
      kind: "capture",
      reference: "pi_1",
      booked: 4_999,
      rung: .payment
    ),
    Row(
      what: "no reference is no common reference",
      type: .fee,
      reported: -100,
      kind: "fee",
      reference: "",
      booked: -100
    ),
    Row(
      what: "a kind that this release does not know",
      type: .captured,
      payment: "pi_1",
      reported: 4_999,
      kind: "capture_of_2030",
      reference: "pi_1",
      booked: 4_999,
      rung: .payment
    ),
  ]

  @Test(arguments: rows) func table(_ row: Row) {
    let line = ReconLine(
      type: row.type,
      sourceReferences: row.source.isEmpty ? [] : [row.source],
      paymentReference: row.payment,
      amount: Amount(.eur, minor: row.reported)
    )
    let item = LedgerItem(
      id: Self.ids[0],
      kind: row.kind,
      externalReference: row.reference,
      amount: Amount(row.currency, minor: row.booked)
    )
    #expect(MatchLadder.rung(line, item) == row.rung)
    #expect(MatchLadder.step(line, item)?.fit == row.fit)
  }

  @Test func theMovementsOwnIdIsStrongest() {
    let line = ReconLine(
      type: .disputed,
      movementIDs: [Self.ids[3]],
      sourceReferences: ["dp_1"],
      paymentReference: "pi_1",
      amount: Amount(.eur, minor: -4_999)
    )
    let item = LedgerItem(
      id: Self.ids[3],
      kind: "direct_debit_return",
      externalReference: "pi_1",
      amount: Amount(.eur, minor: -4_999)
    )
    #expect(MatchLadder.step(line, item) == .init(fit: .exact, rung: .movement, place: 1, family: .dispute))
  }

  /// A line with several keys on a rung meets an item at the first of them that both have.
  @Test(arguments: [("s_1", 1, MatchRung.source), ("s_2", 2, .source), ("pi_1", 1, .payment)])
  func eachKeyIsAStepOfItsOwn(reference: String, place: Int, rung: MatchRung) {
    let line = ReconLine(
      type: .refunded,
      movementIDs: [Self.ids[3]],
      sourceReferences: ["s_1", "s_2"],
      paymentReference: "pi_1",
      amount: Amount(.eur, minor: -500)
    )
    let item = LedgerItem(
      id: Self.ids[0],
      kind: "refund",
      externalReference: reference,
      amount: Amount(.eur, minor: -500)
    )
    #expect(
      MatchLadder.step(line, item)
        == .init(fit: .exact, rung: rung, place: place, family: .refund)
    )
  }

  /// Nothing that matches exactly is taken by something that nearly does, and nothing that is known
  /// by a strong key by something with a weak one; whatever order the keys were found in.
  @Test func everyExactStepComesFirst() {
    let footholds: [MatchLadder.Foothold] = [
      (.payment, 1, .refund), (.source, 2, .charge), (.source, 1, .refund), (.payment, 1, .charge),
      (.movement, 1, .dispute), (.source, 1, .charge),
    ]
    let steps = MatchFit.allCases.flatMap { MatchLadder.steps($0, over: footholds) }
    #expect(steps.count == 24 && steps == steps.sorted())
    #expect(
      steps.prefix(6) == [
        .init(fit: .exact, rung: .movement, place: 1, family: .dispute),
        .init(fit: .exact, rung: .source, place: 1, family: .charge),
        .init(fit: .exact, rung: .source, place: 1, family: .refund),
        .init(fit: .exact, rung: .source, place: 2, family: .charge),
        .init(fit: .exact, rung: .payment, place: 1, family: .charge),
        .init(fit: .exact, rung: .payment, place: 1, family: .refund),
      ]
    )
    #expect(MatchFit.allCases.map(\.reconClass.isBreak) == [false, true, true, true])
  }

  @Test func theClassesAreAClosedList() {
    #expect(
      ReconClass.allCases.map(\.rawValue) == [
        "matched", "timing", "missing_internal", "missing_external", "amount_mismatch",
        "fee_mismatch", "currency_mismatch", "status_mismatch", "duplicate", "orphan_reversal",
        "batch_total_mismatch", "unknown_type",
      ]
    )
    #expect(ReconClass.allCases.filter { !$0.isBreak } == [.matched, .timing])
  }

  /// A type that settles money is answered by a booking, or is nobody's.
  @Test func everyTypeIsPairedOnce() {
    let unpaired = ReportRowType.allCases.filter { ReconPairing.of($0) == nil }
    #expect(
      Set(unpaired) == [
        .received, .refused, .authorized, .canceled, .captureSent, .refundSent, .transfer, .topUp,
      ]
    )
    #expect(Set(ReconPairing.all.map(\.type)).count == ReconPairing.all.count)
  }
}
