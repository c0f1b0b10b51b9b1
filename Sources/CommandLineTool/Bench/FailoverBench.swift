import Synchronization
import Wire

/// What a payer waits for while the first gateway is away: dead, silent, or answering 500 after it
/// has acted; with the breaker still closed, and open; and how soon traffic is back (DESIGN
/// sections 9 and 16).
struct FailoverBench: Sendable {
  static let alias = "card_visa"
  static let first = "stripe"
  static let answerBar: Double = 5_000
  static let answerAim: Double = 3_000
  static let openBar: Double = 1_500
  /// The longest that a breaker stays open, with its jitter, and the probes after it.
  static let returnSeconds: Int64 = 90
  /// So many payments in a row at the first gateway: it is back.
  static let backInRow = 5
  static let returnPauseMilliseconds: Int64 = 200
  /// After so many answers of the second gateway alone, the breaker is taken for open.
  static let settledShare = 2

  enum Way: String, CaseIterable, Sendable {
    case dead, silent
    case error500AfterActing = "500 after acting"

    var fault: SimulatorControl.Fault {
      switch self {
      case .dead: SimulatorControl.Fault(refusedBy: FailoverBench.first)
      case .silent: SimulatorControl.Fault("timeout_before", at: FailoverBench.first)
      case .error500AfterActing:
        SimulatorControl.Fault("error_500_after", at: FailoverBench.first, operation: "authorize")
      }
    }
  }

  private struct Answer: Sendable {
    let milliseconds: Double
    /// Empty where no gateway has it yet.
    let gateway: String
    let status: IntentsV1.PaymentIntentStatus
  }

  /// By the number of the payment.
  private final class Answers: Sendable {
    let byNumber = Mutex<[Int: Answer]>([:])
  }

  let session: ServiceSession
  let simulator: SimulatorControl
  let method: String
  let payments: Int
  let callers: Int

  func run(_ output: Output) async throws -> [Measurement] {
    try simulator.removeFaults()
    var rows: [Measurement] = []
    for way in Way.allCases {
      output.line("\(Self.first) \(way.rawValue): waiting until payments go there")
      _ = try await waitForReturn()
      let rule = try simulator.add(way.fault)
      output.line("\(Self.first) \(way.rawValue): \(payments) payments, \(callers) at once")
      let answers: [Answer]
      do {
        answers = try await load()
      } catch {
        try simulator.remove(rule)
        throw error
      }
      try simulator.remove(rule)
      let back = try await waitForReturn()
      rows += self.rows(way, answers, back)
    }
    return rows
  }

  private func rows(_ way: Way, _ answers: [Answer], _ back: Int64) -> [Measurement] {
    // The breaker opens within the first answers; the last half has it open, or never will.
    let late = answers.suffix(answers.count / Self.settledShare)
    func slowest(_ answers: some Sequence<Answer>) -> Double {
      answers.map(\.milliseconds).max() ?? 0
    }
    func count(_ holds: (Answer) -> Bool) -> Double { Double(answers.count(where: holds)) }
    let name = way.rawValue
    return [
      Measurement(
        name: "\(name): slowest answer", value: slowest(answers), unit: "ms", bar: Self.answerBar,
        aim: Self.answerAim),
      Measurement(
        name: "\(name): slowest of the last half", value: slowest(late), unit: "ms",
        bar: Self.openBar),
      Measurement(
        name: "\(name): succeeded", value: count { $0.status == .succeeded }, unit: "payments"),
      Measurement(
        name: "\(name): processing", value: count { $0.status == .processing }, unit: "payments"),
      Measurement(
        name: "\(name): neither",
        value: count { $0.status != .succeeded && $0.status != .processing }, unit: "payments",
        bar: 0),
      Measurement(
        name: "\(name): at the second gateway",
        value: count { !$0.gateway.isEmpty && $0.gateway != Self.first }, unit: "payments"),
      Measurement(
        name: "\(name): back at the first after", value: Double(back), unit: "ms",
        bar: Double(Self.returnSeconds) * 1000),
    ]
  }

  /// In the order in which they were asked for.
  private func load() async throws -> [Answer] {
    let prefix = try CallKeys.fresh("bench-failover")
    let answers = Answers()
    try await withThrowingTaskGroup(of: Void.self) { group in
      for index in 0..<payments {
        if index >= callers { try await group.next() }
        group.addTask {
          let answer = try await pay("\(prefix)-\(index)")
          answers.byNumber.withLock { $0[index] = answer }
        }
      }
      try await group.waitForAll()
    }
    return answers.byNumber.withLock { all in all.sorted { $0.key < $1.key }.map(\.value) }
  }

  private func pay(_ key: String) async throws -> Answer {
    let start = MonotonicClock.microseconds
    let request = IntentsV1.CreatePaymentIntentRequest(
      amount: CommonV1.Money(currency: "EUR", amountMinor: 2_499), captureMethod: .automatic,
      paymentMethodID: method, confirm: true)
    let intent = try await PaymentCall.create(request, key: key, session).message
    return Answer(
      milliseconds: Double(MonotonicClock.microseconds - start) / 1000, gateway: intent.gateway,
      status: intent.status)
  }

  /// Pays until payments go to the first gateway again.
  /// - Returns: milliseconds until the first of those.
  private func waitForReturn() async throws -> Int64 {
    let start = MonotonicClock.milliseconds
    let prefix = try CallKeys.fresh("bench-return")
    var row = 0
    var since: Int64 = 0
    var number = 0
    while row < Self.backInRow {
      let asked = MonotonicClock.milliseconds - start
      guard asked < Self.returnSeconds * 1000 else {
        throw Failure(
          "no payment goes to \(Self.first) after \(Self.returnSeconds) s",
          next: "see tender doctor, and tender metrics for the breakers")
      }
      number += 1
      let answer = try await pay("\(prefix)-\(number)")
      if answer.gateway == Self.first, answer.status == .succeeded {
        if row == 0 { since = asked }
        row += 1
      } else {
        row = 0
        try await Task.sleep(for: .milliseconds(Self.returnPauseMilliseconds))
      }
    }
    return since
  }
}
