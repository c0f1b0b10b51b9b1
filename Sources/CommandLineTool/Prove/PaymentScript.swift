import Money
import Wire

/// Plays one payment of a plan: its impatient callers, then what follows.
struct PaymentScript: Sendable {
  static let firstTryMilliseconds = 200...2_500
  static let laterTryMilliseconds = 6_000
  static let leavesAfterMilliseconds = 1_000
  static let pauseMilliseconds = 50...500
  /// Longer than a service stands still, with its recovery after it.
  static let patienceMilliseconds: Int64 = 45_000
  /// How long a processing payment is waited for before what follows.
  static let settleMilliseconds: Int64 = 12_000

  let session: ServiceSession
  let payment: ProvePlan.Payment
  let merchant: MerchantID
  let other: MerchantID
  let method: String
  let history: CallHistory
  let seed: UInt64

  func run() async {
    let intent = await together(payment.callers) { await create(&$0) }
    guard let intent, !payment.leaves else { return }
    if payment.form == .inTwoCalls {
      _ = await together(2) { await confirm(intent, "", &$0) }
    }
    guard await settle(intent) else { return }
    for step in payment.steps { await play(step, intent) }
  }

  // MARK: What follows

  private func play(_ step: ProvePlan.Step, _ intent: String) async {
    switch step {
    case .capture(let amount):
      _ = await together(2) { await capture(intent, amount, "", &$0) }
    case .cancel:
      _ = await together(2) { await cancel(intent, "", &$0) }
    case .captureAgainstCancel(let amount):
      async let captured = together(2) { await capture(intent, amount, "", &$0) }
      async let canceled = together(2) { await cancel(intent, "", &$0) }
      _ = await (captured, canceled)
    case .twoCaptures(let one, let two):
      async let first = together(2) { await capture(intent, one, "", &$0) }
      async let second = together(2) { await capture(intent, two, "-other", &$0) }
      _ = await (first, second)
    case .repeatCall:
      _ = await together(1) { await create(&$0) }
    case .otherPayload:
      _ = await together(2) { await create(&$0, addMinor: 1) }
    case .confirmAgain:
      _ = await together(1) { await confirm(intent, "-again", &$0) }
    case .captureAgain:
      _ = await together(1) { await capture(intent, nil, "-again", &$0) }
    case .cancelAgain:
      _ = await together(1) { await cancel(intent, "-again", &$0) }
    case .askAsOther:
      await misuse(.strangerReads, intent) {
        _ = try await Reads(session: session, merchant: other).intent(intent)
      }
    case .refund(let amounts):
      await withTaskGroup(of: Void.self) { group in
        for (place, amount) in amounts.enumerated() {
          group.addTask { _ = await together(2) { await refund(intent, place, amount, &$0) } }
        }
      }
    case .repeatRefund(let amount), .refundOtherPayload(let amount):
      // Before the first one is answered, this one might be the first.
      guard history.isAnswered(payment.refundKey(0), merchant: payment.merchant) else { return }
      _ = await together(2) { await refund(intent, 0, amount, &$0) }
    case .refundAsOther: await misuse(.strangerRefunds, intent, nil, by: other)
    case .refundNonsense:
      await misuse(.refundOfNothing, intent, money(0))
      await misuse(.refundBelowNothing, intent, money(-1))
      await misuse(
        .refundInOtherCurrency, intent,
        CommonV1.Money(currency: ProvePlan.otherCurrency, amountMinor: 1))
    }
  }

  func money(_ amountMinor: Int64) -> CommonV1.Money {
    CommonV1.Money(currency: ProvePlan.currency, amountMinor: amountMinor)
  }

  /// Looks until the payment is not processing, at most for a while.
  /// - Returns: whether it was seen to have an outcome.
  private func settle(_ intent: String) async -> Bool {
    let end = MonotonicClock.milliseconds + Self.settleMilliseconds
    while MonotonicClock.milliseconds < end {
      if let read = await look(intent), read.status != "processing" { return true }
      do { try await Task.sleep(for: .milliseconds(400)) } catch { return false }
    }
    return false
  }

  private func look(_ intent: String) async -> ReadRecord? {
    await Self.look(intent, session, merchant, history)
  }

  @discardableResult
  static func look(
    _ intent: String, _ session: ServiceSession, _ merchant: MerchantID, _ history: CallHistory
  ) async -> ReadRecord? {
    let start = MonotonicClock.microseconds
    do {
      let found = try await Reads(session: session, merchant: merchant).intent(intent).intent
      let read = ReadRecord(
        intent: intent, status: WireText.status(found.status), version: found.version,
        startedAt: start, endedAt: MonotonicClock.microseconds)
      history.add(read)
      return read
    } catch {
      // No answer, no record.
      return nil
    }
  }
}
