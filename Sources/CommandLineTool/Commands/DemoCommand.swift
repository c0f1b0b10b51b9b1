import ArgumentParser
import Wire

/// Payments under fire, and then the books side by side.
struct DemoCommand: Command {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Make payments while gateways swallow answers and services are killed.")
  static let paymentsMax = 200

  @OptionGroup var common: CommonOptions
  @Option(help: "Repeats a run's faults, kills and amounts.") var seed: UInt64?
  @Option(help: "How many payments.") var payments = 20

  struct Answer: Encodable {
    let seed: UInt64
    let books: DemoBooks
    let differenceMinor: Int64
    let agrees: Bool
    let tries: Int
    let confirmedAgain: Int
    let settledSeconds: Int64
    let stillProcessing: Int
    let problems: [String]
    let seconds: Int64
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    guard (1...Self.paymentsMax).contains(payments) else {
      throw Failure("--payments is 1 to \(Self.paymentsMax)", next: "", status: .usage)
    }
    let checkout = try Checkout.find()
    try Outage.requireReady(checkout)
    let seed = seed ?? UInt64.random(in: 1...999_999)
    let run = String(MonotonicClock.wallMilliseconds, radix: 36)
    let plan = DemoPlan(seed: seed, payments: payments, run: run)
    let answer = try await ServiceSession.with(checkout) { session in
      try await perform(plan, seed, session, output)
    }
    try output.result(answer) {
      [""] + answer.books.table + [""] + answer.problems.map { "PROBLEM: \($0)" }
        + ["\(answer.books.line)  (seed \(seed))"]
    }
    return answer.agrees ? .succeeded : .differs
  }

  private func perform(
    _ plan: DemoPlan, _ seed: UInt64, _ session: ServiceSession, _ output: Output
  ) async throws -> Answer {
    let start = MonotonicClock.milliseconds
    let simulator = try SimulatorControl(session.checkout)
    let reads = Reads(session: session, merchant: session.merchant)
    let runner = DemoPayments(
      session: session, simulator: simulator,
      outage: Outage(supervisor: SupervisorState(checkout: session.checkout)),
      method: try await MethodAlias.resolve("card_visa", session), seed: seed)
    output.line("seed \(seed): \(plan.payments.count) payments, \(DemoPlan.callers) callers each")
    let outcomes = try await runner.run(plan) { output.line($0.line(of: plan.payments.count)) }
    let intents = outcomes.map(\.intent).filter { !$0.isEmpty }
    let state = try await DemoSettling(reads: reads).run(intents) {
      output.line("settling, \($0.seconds) s: \($0.line)")
    }
    var books = DemoBooks()
    for outcome in outcomes {
      books.asked.add(outcome.payment.amountMinor)
      books.calls += outcome.calls
      books.kills += outcome.killed == nil ? 0 : 1
    }
    for intent in Set(intents).sorted() { try await books.add(intent, reads, simulator) }
    var problems = Set(outcomes.flatMap(\.problems)).sorted()
    if !state.isSettled { problems.append("not settled after \(state.seconds) s: \(state.line)") }
    return Answer(
      seed: seed, books: books, differenceMinor: books.differenceMinor,
      agrees: books.agrees && problems.isEmpty, tries: outcomes.reduce(0) { $0 + $1.tries },
      confirmedAgain: state.confirmedAgain, settledSeconds: state.seconds,
      stillProcessing: state.processing, problems: problems,
      seconds: (MonotonicClock.milliseconds - start) / 1000)
  }
}
