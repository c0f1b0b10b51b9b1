import Wire

/// Makes the payments of a plan: ten callers each, faults at the gateway, kills on the way.
struct DemoPayments: Sendable {
  struct Outcome: Sendable {
    let payment: DemoPlan.Payment
    var intent = ""
    var status: IntentsV1.PaymentIntentStatus = .unspecified
    var gateway = ""
    var calls = 0
    var tries = 0
    var killed: PlatformService?
    var milliseconds: Int64 = 0
    /// What must not happen: callers of one key with two payments, callers without an answer.
    var problems: [String] = []
  }

  /// From the start of one payment to the next.
  static let spacing: Duration = .milliseconds(1_500)

  let session: ServiceSession
  let simulator: SimulatorControl
  let outage: Outage
  let method: String
  let seed: UInt64

  /// Runs them all, overlapping; `report` sees each as it ends.
  func run(_ plan: DemoPlan, report: (Outcome) -> Void) async throws -> [Outcome] {
    try await withThrowingTaskGroup(of: Outcome.self) { group in
      for (place, payment) in plan.payments.enumerated() {
        group.addTask {
          try await Task.sleep(for: Self.spacing * place)
          return try await one(payment)
        }
      }
      var outcomes: [Outcome] = []
      for try await outcome in group {
        report(outcome)
        outcomes.append(outcome)
      }
      return outcomes
    }
  }

  private func one(_ payment: DemoPlan.Payment) async throws -> Outcome {
    let fault = try payment.fault.map {
      try simulator.add(SimulatorControl.Fault($0, amountMinor: payment.amountMinor))
    }
    let start = MonotonicClock.milliseconds
    var outcome = Outcome(payment: payment)
    try await withThrowingTaskGroup(of: DemoCaller.Result?.self) { group in
      for number in 0..<DemoPlan.callers {
        group.addTask {
          let own = seed ^ UInt64(payment.number) << 32 ^ UInt64(number)
          var caller = DemoCaller(
            session: session, payment: payment, method: method, random: SeededRandom(seed: own))
          return await caller.run()
        }
      }
      group.addTask {
        try await killOnTheWay(payment)
        return nil
      }
      for try await result in group {
        if let result { outcome.add(result) }
      }
    }
    outcome.killed = payment.kill
    outcome.milliseconds = MonotonicClock.milliseconds - start
    if let fault { try simulator.remove(fault) }
    return outcome
  }

  private func killOnTheWay(_ payment: DemoPlan.Payment) async throws {
    guard let service = payment.kill else { return }
    try await Task.sleep(for: .milliseconds(payment.killAfterMilliseconds))
    try await outage.kill(service.rawValue)
  }
}

extension DemoPayments.Outcome {
  mutating func add(_ result: DemoCaller.Result) {
    calls += 1
    tries += result.tries
    if let problem = result.problem { problems.append(problem) }
    if !result.intent.isEmpty {
      if !intent.isEmpty, intent != result.intent {
        problems.append("one key, two payments: \(intent) and \(result.intent)")
      }
      intent = result.intent
      gateway = result.gateway.isEmpty ? gateway : result.gateway
    }
    // The last word is the settling's; here the most final of the answers.
    if status != .succeeded, result.status != .unspecified { status = result.status }
  }

  func line(of total: Int) -> String {
    let width = String(total).count
    let number = String(repeating: " ", count: width - String(payment.number).count)
      + String(payment.number)
    let money = CommonV1.Money(currency: DemoPlan.currency, amountMinor: payment.amountMinor)
    let notes = [
      payment.fault.map { "answer swallowed (\($0))" },
      killed.map { "\($0.rawValue) killed" },
    ].compactMap { $0 } + Set(problems).sorted().map { "PROBLEM: \($0)" }
    return
      "[\(number)/\(total)] \(WireText.money(money))  \(WireText.status(status))"
      + "  \(gateway.isEmpty ? "-" : gateway)  \(milliseconds) ms  \(calls) callers,"
      + " \(tries) tries" + (notes.isEmpty ? "" : "  " + notes.joined(separator: " · "))
  }
}
