import Money

/// Before anything is broken: payers ask for payments that their gateway takes its time for, and leave
/// at once. The payment is no longer theirs to stop: it is finished by the process that began it. Once
/// it is, they ask again.
struct Departures: Sendable {
  /// When they leave, and when the gateway answers. It tells the payment by notification at once.
  static let leavesAfter: Duration = .milliseconds(300)
  static let answerMilliseconds: Int64 = 900
  /// Longer than a claim is kept for a holder that says nothing (5 s), and what follows.
  static let endsWithinMilliseconds: Int64 = 12_000
  static let pause: Duration = .milliseconds(200)

  let session: ServiceSession
  let payments: [ProvePlan.Payment]
  let merchants: [MerchantID]
  /// Ids by alias, for each merchant.
  let methods: [[String: String]]
  let history: CallHistory
  let simulator: SimulatorControl
  let queries: EvidenceQueries
  let seed: UInt64

  func run() async throws {
    for payment in payments {
      _ = try simulator.add(
        SimulatorControl.Fault(
          "slow", amountMinor: payment.amountMinor, delayMilliseconds: Self.answerMilliseconds))
    }
    await withTaskGroup(of: Void.self) { group in
      for payment in payments { group.addTask { await ask(payment, within: Self.leavesAfter) } }
    }
    let end = MonotonicClock.milliseconds + Self.endsWithinMilliseconds
    while try await queries.running(payments.map(\.key)) > 0, MonotonicClock.milliseconds < end {
      try await Task.sleep(for: Self.pause)
    }
    await withTaskGroup(of: Void.self) { group in
      for payment in payments {
        group.addTask { await ask(payment, within: ServiceSession.callLimit) }
      }
    }
  }

  private func ask(_ payment: ProvePlan.Payment, within limit: Duration) async {
    let merchant = merchants[payment.merchant]
    let request = PaymentScript.creation(
      payment, amountMinor: payment.amountMinor,
      method: methods[payment.merchant][payment.method] ?? "")
    let start = MonotonicClock.microseconds
    let answer = await PaymentScript.answer {
      CallRecord.Answer(
        try await PaymentCall.create(
          request, key: payment.key, within: limit, session, merchant: merchant))
    }
    history.add(
      CallRecord(
        payment: payment.number, merchant: payment.merchant, method: .create, key: payment.key,
        payload: "\(payment.amountMinor)", startedAt: start, endedAt: MonotonicClock.microseconds,
        answer: answer))
  }
}
