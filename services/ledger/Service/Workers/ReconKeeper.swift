import LedgerCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit

/// Compares each book that has a report once a day and after each import, at one replica by lease, one
/// book after the other. Times are the database's: one clock for all processes.
final class ReconKeeper: Sendable {
  /// How often a replica looks whether it is time.
  static let lookInterval = Duration.seconds(20)

  private let environment: ServiceEnvironment
  private let settings: ReconSettings
  private let worker: WorkerLoop
  private let holder = UUIDBits(UInt128.random(in: 1...UInt128.max))

  init(_ environment: ServiceEnvironment, _ settings: ReconSettings) {
    self.environment = environment
    self.settings = settings
    worker = WorkerLoop("reconciliation keeper", environment, every: Self.lookInterval)
  }

  func start() {
    worker.start { [self] in try await work() }
  }

  func shutdown() async { await worker.shutdown() }

  /// Compares what is due; answers how many books.
  @discardableResult
  func work() async throws -> Int {
    _ = try await environment.database.query(ReconImport.forgetOldParts())
    guard let timetable = settings.timetable else { return 0 }
    var done = 0
    let schedules = try await environment.database.query(ReconScheduleStore.list())
      .map { try ReconScheduleRecord($0) }
    for schedule in schedules where Self.isDue(schedule, timetable) && !Task.isCancelled {
      let lease = try await WorkerLease.acquire(
        "recon \(schedule.book.text)",
        holder: holder,
        environment.database
      )
      guard lease != nil else { continue }
      // Another replica may have finished between the look and the lease.
      guard
        let row = try await environment.database.query(ReconScheduleStore.load(schedule.book))
          .first
      else { continue }
      let now = try ReconScheduleRecord(row)
      if Self.isDue(now, timetable), await run(now) { done += 1 }
    }
    return done
  }

  /// Books that wait for a run, and since when.
  func queue() async throws -> QueueReport {
    guard let timetable = settings.timetable else {
      return QueueReport(name: "reconciliations", length: 0, oldestAgeSeconds: 0)
    }
    let waits = try await environment.database.query(ReconScheduleStore.list())
      .map { try ReconScheduleRecord($0) }
      .map { $0.readAt.seconds - timetable.dueAt($0.entry, now: $0.readAt).seconds }
      .filter { $0 >= 0 }
    return QueueReport(
      name: "reconciliations",
      length: Int64(waits.count),
      oldestAgeSeconds: waits.max() ?? 0
    )
  }

  private static func isDue(
    _ schedule: ReconScheduleRecord,
    _ timetable: ReconTimetable
  ) -> Bool {
    timetable.isDue(schedule.entry, now: schedule.readAt)
  }

  /// The lease says who begins; two that overlap all the same take turns (`ReconTurn`), and the second
  /// finds nothing to change.
  private func run(_ schedule: ReconScheduleRecord) async -> Bool {
    let book = schedule.book
    let limit = Duration.seconds(ReconciliationHandler.runLimitSeconds)
    do {
      try await Deadline.$current.withValue(.after(limit)) {
        try await compare(book, at: schedule.readAt)
      }
      return true
    } catch let failure as RPCFailure where failure.reason == ReconTurn.isRunning.reason {
      // Somebody is at it: the next look tells.
      return false
    } catch {
      await note(error, of: book)
      return false
    }
  }

  private func compare(_ book: ReconBook, at now: Timestamp) async throws {
    let run = ReconRun(
      id: environment.identifiers.make(ReconRunID.self),
      book: book,
      settings: settings,
      now: now,
      stamp: environment.stamp
    )
    let booked = try await ReconBooker(environment: environment, settings: settings, run: run)
      .perform()
    _ = try await environment.database.transaction { transaction in
      try await run.perform(in: transaction, after: booked)
    }
  }

  private func note(_ error: any Error, of book: ReconBook) async {
    // A refusal of ours says what to do; anything else is in the log.
    let why = (error as? RPCFailure)?.message ?? "see the log of ledger."
    environment.logger.error(
      "a book was not compared",
      metadata: ["book": "\(book.text)", "error": "\(error)"]
    )
    do {
      let failures = try await environment.database.query(ReconScheduleStore.failed(book, why))
        .single()[0, as: Int32.self]
      guard failures >= Int32(ReconTimetable.failuresForAlert) else { return }
      _ = try await environment.database.query(ReconAlerts.failed(book, failures, why))
    } catch {
      environment.logger.warning(
        "a failed comparison was not noted",
        metadata: ["book": "\(book.text)", "error": "\(error)"]
      )
    }
  }
}
