import LedgerCore
import Money
import Postgres
import Reactor
import ServiceKit

/// What one run has booked, and what it could not.
struct ReconBooked: Sendable, Hashable {
  /// Lines and payouts; fees within lines.
  var movements = 0
  var fees = 0
  /// They are the account's own, and nobody knows whose account it is (`recon.merchants`).
  var withoutMerchant = 0
  /// The books have the movement in other words, or refuse it.
  var contradicted = 0

  var count: Int { movements + fees }
}

/// Books what the reports of a book prove, in transactions of their own: a run holds up no posting for
/// longer than one of them takes. Whatever ends it on the way, the next run goes on: what was booked is
/// booked once, by its id.
struct ReconBooker: Sendable {
  /// What was booked may answer lines with fees of their own, and leave what answered these to others:
  /// then once more, mostly once or twice.
  static let roundsMax = 10
  /// Booking ends in time for the comparison; what is left is the next run's.
  static let leftForTheRun = Duration.seconds(60)

  let environment: ServiceEnvironment
  let settings: ReconSettings
  let run: ReconRun

  private var book: ReconBook { run.book }
  private var bookings: ReconBookings { ReconBookings(run.book) }

  /// - Throws: `RECONCILIATION_RUNNING`, and what the database throws; everything booked so far is.
  func perform() async throws -> ReconBooked {
    var booked = ReconBooked()
    guard settings.booksReports else { return booked }
    for _ in 0..<Self.roundsMax {
      let open = try await environment.database.query(bookings.isAnythingOpen())
      guard try open.single()[0, as: Bool.self] else { break }
      // What is matched by now is not booked again.
      _ = try await environment.database.transaction { transaction in
        try await run.match(in: transaction)
      }
      let known = try await environment.database.query(bookings.merchants())
        .column(as: MerchantID.self)
      let owner = settings.merchants.owner(of: book, known: known)
      let before = booked.count
      // The last round's words count.
      (booked.withoutMerchant, booked.contradicted) = (0, 0)
      for part in [ReconCandidate.Part.line, .payout, .fee] {
        try await bookAll(part, for: owner, &booked)
      }
      if booked.count == before { break }
    }
    return booked
  }

  private func bookAll(
    _ part: ReconCandidate.Part,
    for owner: MerchantID?,
    _ booked: inout ReconBooked
  ) async throws {
    var place = ReconBookings.start
    while Deadline.current.map({ $0.remaining > Self.leftForTheRun }) ?? true {
      let limit = Int64(ReconPosting.itemsMax)
      let page =
        switch part {
        case .line: bookings.lines(after: place, limit: limit)
        case .fee: bookings.fees(after: place, limit: limit)
        case .payout: bookings.payouts(after: place, limit: limit)
        }
      let answers = try await environment.database.transaction(batch: [
        ReconBookings.byKeys(), page,
      ])
      let rows = answers[1]
      guard !rows.isEmpty else { return }
      place = try Self.place(of: rows[rows.count - 1], part)
      let found = try candidates(part, rows, owner)
      if part != .fee, owner == nil { booked.withoutMerchant += rows.count }
      if !found.isEmpty { try await post(found, part, &booked) }
      if rows.count < ReconPosting.itemsMax { return }
    }
  }

  private static func place(
    of row: Row,
    _ part: ReconCandidate.Part
  ) throws -> ReconBookings.Place {
    let file = try row[0, as: ReconFileID.self]
    guard part == .payout else { return (file, try row[1, as: Int32.self], "") }
    return (file, 0, try row[1, as: String.self])
  }

  private func candidates(
    _ part: ReconCandidate.Part,
    _ rows: Rows,
    _ owner: MerchantID?
  ) throws -> [ReconCandidate] {
    try rows.compactMap { row in
      switch part {
      case .fee: try bookings.decodeFee(row)
      case .line: try owner.flatMap { try bookings.decodeLine(row, of: $0) }
      case .payout: try owner.flatMap { try bookings.decodePayout(row, of: $0) }
      }
    }
  }

  private func post(
    _ candidates: [ReconCandidate],
    _ part: ReconCandidate.Part,
    _ booked: inout ReconBooked
  ) async throws {
    let stamp = run.stamp
    // Before the transaction: it waits for the database alone.
    let posting = try await environment.workers.run {
      Result { () throws(PostingRefusal) in try ReconPosting(candidates.map(\.command), stamp) }
    }.get()
    let outcomes: [PostingOutcome]
    do {
      outcomes = try await book(candidates, part, posting, decides: false)
    } catch let error as PostgresError where error.sqlState == .numericOutOfRange {
      // One of them has no room in a balance: the others are booked.
      outcomes = try await book(candidates, part, posting, decides: true)
    }
    let created = outcomes.count { $0 == .created }
    // What is there in the same words was noted, and is nobody's doing now.
    booked.contradicted += outcomes.count { $0 != .created && $0 != .exists }
    if part == .fee { booked.fees += created } else { booked.movements += created }
  }
  private func book(
    _ candidates: [ReconCandidate],
    _ part: ReconCandidate.Part,
    _ posting: ReconPosting,
    decides: Bool
  ) async throws -> [PostingOutcome] {
    try await environment.database.transaction { transaction -> [PostingOutcome] in
      try await ReconTurn.take(book.account, in: transaction)
      let open = try await transaction.batch([
        ReconBookings.byKeys(), bookings.stillOpen(part, candidates),
      ])
      // Somebody was faster: the next run looks again.
      guard try open[1].single()[0, as: Int64.self] == Int64(candidates.count) else {
        throw ReconTurn.isRunning
      }
      let outcomes =
        try await decides ? posting.decide(in: transaction) : posting.post(in: transaction)
      let done = zip(candidates, outcomes).filter { $1 == .created || $1 == .exists }.map(\.0)
      try await transaction.commit(
        with: done.isEmpty
          ? []
          : [ReconBookings.insert(done, of: book, at: environment.clock.now, run.stamp)]
      )
      return outcomes
    }
  }
}
