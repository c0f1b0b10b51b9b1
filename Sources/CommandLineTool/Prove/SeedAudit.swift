import Money
import Synchronization

/// What is collected once a seed is quiet, and once more after every notification came again.
extension SeedRun {
  func audit(
    _ quiescence: Quiescence, _ history: CallHistory, _ inbox: Inbox, _ chaos: SimulatorChaos,
    _ start: Int64, _ watch: LoadWatch, _ report: inout SeedReport
  ) async throws -> Evidence {
    let (queries, collector) = (quiescence.queries, quiescence.collector)
    var evidence = Evidence()
    if let ledger = watch.ledger {
      evidence.ledgerBefore = ledger
    } else {
      report.problems.append("the ledger could not be read while the load ran")
    }
    evidence.halfOpenSeen = watch.halfOpenSeen
    evidence.beforeResend = try await queries.world()
    try chaos.resend(fromMilliseconds: start)
    _ = try await quiesce(quiescence, "after repeated notifications", &report)
    evidence.afterResend = try await queries.world()
    evidence.ledgerAfter = try await queries.ledgerPrefix(upTo: evidence.ledgerBefore.batch)
    let records = history.records
    (evidence.calls, evidence.reads) = (records.calls, records.reads)
    evidence.misuses = records.misuses
    evidence.asked =
      plan.payments.map { AskedPayment($0, departs: false) }
      + plan.departures.map { AskedPayment($0, departs: true) }
    evidence.askedRefunds = plan.payments.flatMap(\.askedRefunds)
    evidence.intents = try await collector.intents()
    evidence.refunds = try await collector.refunds()
    let books = try collector.books(of: evidence.intents)
    (evidence.charges, evidence.gatewayRefunds) = (books.payments, books.refunds)
    // Of payments that no row knows; those of other people's payments are none of the seed's.
    let strange = try collector.strangeCharges(since: start, evidence.intents)
    let unowned = try await queries.unowned(strange.compactMap(\.intent))
    evidence.charges += strange.filter { $0.intent.map(unowned.contains) ?? true }
    evidence.clearing = try await collector.clearing()
    evidence.trial = try await collector.trial()
    evidence.received = inbox.events.withLock { $0 }
    evidence.refusedWebhooks = inbox.refused.withLock { $0 }
    evidence.database = try await queries.facts()
    return evidence
  }
}

extension AskedPayment {
  init(_ payment: ProvePlan.Payment, departs: Bool) {
    self.init(
      number: payment.number, merchant: payment.merchant, description: payment.description,
      amountMinor: payment.amountMinor, leaves: payment.leaves, key: payment.key, departs: departs)
  }
}

extension RarePaths {
  /// What was broken; `problems` of it could not be.
  mutating func add(_ outages: [PlannedOutage], problems: Int) {
    guard problems == 0 else { return }
    for outage in outages {
      switch outage.kind {
      case .kill: add(.serviceKilled, 1)
      case .pause: add(.serviceStoodStill, 1)
      case .stopDatabase: add(.databaseStopped, 1)
      case .jump: add(.clockJumped, 1)
      case .refuse, .loseLists: break
      }
    }
  }
}
