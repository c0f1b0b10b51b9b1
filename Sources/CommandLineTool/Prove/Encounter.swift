/// Payments that a plan stages, so that rare paths are taken in every seed. They come first, while
/// nothing else is broken (`OutageSchedule.openingMilliseconds`), except the ambush's.
enum Encounter: Sendable, Equatable {
  /// The first gateway acts, its answers and its list are lost: a second authorisation begins
  /// beside an unknown one, wins, and the first one is found and given back.
  case speculation
  /// A gateway's decline leaves an object that a payer could confirm again: it is cancelled before
  /// the next gateway is asked.
  case fenceWon
  /// The same, and the answer to that cancel is lost.
  case fenceLost
  /// Neither gateway acts, and neither says so: nobody ever knows.
  case silence
  /// The gateway gives back and its answer never comes: a job finds out.
  case silentRefund
  /// The gateway fails before it gives back and keeps that failure for the key: nobody ever knows.
  case unknownRefund
  /// Parts that exceed the payment together, a key again, another payload, another merchant,
  /// nonsense.
  case refundRace
  /// Asks where the ambush lies, and leaves: nobody else asks for this payment again.
  case ambush(at: Int64)

  /// Between two of them.
  static let everyMilliseconds: Int64 = 150

  static func all(ambush: Int64) -> [Encounter] {
    [
      .speculation, .silence, .speculation, .silentRefund, .fenceWon, .fenceLost, .unknownRefund,
      .refundRace, .ambush(at: ambush + OutageSchedule.ambushPaymentAfter),
    ]
  }

  func payment(_ draft: PaymentDraft) -> ProvePlan.Payment {
    var payment = draft.plain
    func fault(_ operation: String, _ name: String, _ count: Int) -> ProvePlan.GatewayFault {
      ProvePlan.GatewayFault(
        operation: operation, fault: name, count: count, amountMinor: draft.amountMinor)
    }
    switch self {
    case .speculation:
      // First send and repetition; the list is away (`PlannedOutage.Kind.loseLists`).
      payment.faults = [fault("authorize", "close_after", 2)]
    case .fenceWon: payment.method = "card_processing_error"
    case .fenceLost:
      payment.method = "card_processing_error"
      payment.faults = [fault("cancel", "close_before", 1)]
    case .silence: payment.faults = [fault("authorize", "error_500", 4)]
    case .silentRefund, .unknownRefund:
      let name = self == .silentRefund ? "timeout_after" : "error_500"
      payment.faults = [fault("refund", name, 1)]
      payment.steps = [.refund(amountsMinor: [draft.amountMinor])]
    case .refundRace:
      let part = draft.amountMinor / 2 + 1
      payment.steps = [
        .refund(amountsMinor: [part, part, 1]), .repeatRefund(amountMinor: part),
        .refundOtherPayload(amountMinor: part + 1), .refundAsOther, .refundNonsense,
      ]
    case .ambush(let at):
      payment.startMilliseconds = at
      payment.leaves = true
    }
    return payment
  }
}
