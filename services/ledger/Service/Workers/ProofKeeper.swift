import LedgerCore
import Logging
import Money
import Postgres
import Reactor
import Seal
import ServiceKit

/// Verifies the chain and checks for drift once a day, at one replica, a page at a time.
final class ProofKeeper: Sendable {
  static let interval = Duration.seconds(24 * 3_600)
  /// How often a replica looks whether it is time.
  static let lookInterval = Duration.seconds(600)
  /// Between two pages, so that nobody waits for the proof.
  static let pagePause = Duration.milliseconds(10)

  enum Kind: String, CaseIterable { case chain, drift }

  /// What a run looked at.
  private struct Tally {
    var checked = 0
    var findings = 0
    var head = ProofPlace.start
  }

  private let environment: ServiceEnvironment
  private let worker: WorkerLoop
  private let verifier: BooksVerifier
  private let checker: DriftChecker
  private let alerts: ProofAlerts
  private let holder = UUIDBits(UInt128.random(in: 1...UInt128.max))

  init(_ environment: ServiceEnvironment) {
    self.environment = environment
    worker = WorkerLoop("proof keeper", environment, every: Self.lookInterval)
    verifier = BooksVerifier(database: environment.database, workers: environment.workers)
    checker = DriftChecker(database: environment.database)
    alerts = ProofAlerts(database: environment.database)
  }

  private struct LeaseLost: Error {}

  func start() {
    worker.start { [self] in try await work() }
  }

  func shutdown() async { await worker.shutdown() }

  /// Runs what is due; answers how many runs.
  @discardableResult
  func work() async throws -> Int {
    var runs = 0
    for kind in Kind.allCases where try await isDue(kind) {
      guard
        let lease = try await WorkerLease.acquire(
          "proof \(kind.rawValue)",
          holder: holder,
          environment.database
        )
      else { continue }
      // Another replica may have finished between the look and the lease.
      if try await isDue(kind), try await run(kind, lease) { runs += 1 }
    }
    return runs
  }

  private func isDue(_ kind: Kind) async throws -> Bool {
    let before = environment.clock.now - Self.interval
    return try await environment.database.query(
      """
      select 1 from proof_run where kind = \(kind.rawValue) and finished_at > \(before) limit 1
      """
    ).isEmpty
  }

  /// False when the lease was lost on the way: somebody else goes on from the beginning.
  private func run(_ kind: Kind, _ lease: WorkerLease) async throws -> Bool {
    let started = environment.clock.now
    var tally = Tally()
    switch kind {
    case .chain:
      var place: BooksVerifier.Place? = .batch(0)
      while let next = place {
        let page: BooksVerifier.Page
        do {
          page = try await verifier.page(next) { [database = environment.database] in
            guard try await database.query(lease.renewal()).affected == 1 else { throw LeaseLost() }
          }
        } catch is LeaseLost {
          return false
        }
        try await alerts.raise(page.findings)
        tally.checked += page.batches
        tally.findings += page.findings.count
        tally.head = page.head ?? tally.head
        guard try await goesOn(lease) else { return false }
        place = page.next
      }
    case .drift:
      var place: DriftChecker.Place? = DriftChecker.start
      while let next = place {
        let page = try await checker.page(next)
        try await alerts.raise(page.findings)
        tally.checked += page.accounts + page.snapshots
        tally.findings += page.findings.count
        guard try await goesOn(lease) else { return false }
        place = page.next
      }
    }
    try await record(kind, tally, since: started)
    return true
  }

  private func goesOn(_ lease: WorkerLease) async throws -> Bool {
    try await environment.loop.sleep(for: Self.pagePause)
    return try await environment.database.query(lease.renewal()).affected == 1
  }

  private func record(_ kind: Kind, _ tally: Tally, since started: Timestamp) async throws {
    let isHead = kind == .chain
    _ = try await environment.database.query(
      """
      insert into proof_run (id, kind, started_at, finished_at, checked, findings, head_batch,
        head_hash, actor, seal_number, seal_root)
      select gen_random_uuid(), \(kind.rawValue), \(started), \(environment.clock.now),
        \(Int64(tally.checked)), \(Int64(tally.findings)),
        \(isHead ? tally.head.number : nil), \(isHead ? tally.head.hash : nil),
        \(PostingAlerts.actor), s.number, s.root
      from (select) one left join lateral (
        select number, root from day_seal where \(isHead && tally.findings == 0) order by number desc limit 1) s on true
      """
    )
    // The log is where the head leaves the database.
    environment.logger.info(
      "the books were checked",
      metadata: [
        "kind": "\(kind.rawValue)", "checked": "\(tally.checked)",
        "findings": "\(tally.findings)", "head_batch": "\(tally.head.number)",
        "head_hash": "\(Hex.encode(tally.head.hash))",
      ]
    )
  }
}
