import InboundHTTP

/// Times that the control port can change.
struct Tuning: Sendable {
  /// Added before a request acts, per gateway.
  var latencyMilliseconds: [Gateway: Int64] = [:]
  /// From `received` to the effect of an Adyen modification, and until pending refunds end.
  var modificationMilliseconds: Int64 = 500
  /// From `processing` to the bank's answer.
  var bankMilliseconds: Int64 = 2000
  /// From success to CAPTURE_FAILED and the like; also the slow bank.
  var lateFailureMilliseconds: Int64 = 180_000
}

extension Monitor<Tuning> {
  var modification: Int64 { withLock { $0.modificationMilliseconds } }
  var bank: Int64 { withLock { $0.bankMilliseconds } }
  var lateFailure: Int64 { withLock { $0.lateFailureMilliseconds } }
}

/// What both fronts, the control port and the clock share: the books, the journal, the faults.
///
/// One lock for the books. A request holds it for microseconds, twice: to claim its key and to
/// act; it waits for the disk and for latencies outside.
final class Core: Sendable {
  let books: Monitor<Books>
  let journal: Journal
  let faults = Monitor(FaultPlan())
  let tuning: Monitor<Tuning>
  /// Called after a group is durable.
  let announcer: Announcer

  init(
    booksPath: String,
    syncs: Bool,
    tuning: Monitor<Tuning>,
    announcer: Announcer
  ) throws {
    self.tuning = tuning
    var replayed = Books()
    journal = try Journal(path: booksPath, syncs: syncs) { replayed.apply($0) }
    for event in replayed.takeUndelivered() { announcer.enqueue(event) }
    books = Monitor(replayed)
    self.announcer = announcer
  }

  func now(_ books: Books) -> Int64 { machineMilliseconds() + books.clockOffsetMilliseconds }

  /// Changes the books and returns when the change is on disk. nil: the disk failed, say nothing.
  func commit<Result>(_ body: (inout Books, _ now: Int64) -> Result) -> Result? {
    let (result, ticket, events, isEarlier) = books.withLock { books in
      let dueBefore = (books.duties.nextDue ?? .max) - books.clockOffsetMilliseconds
      let result = body(&books, now(books))
      let ticket = journal.append(books.takeUnwritten())
      let due = (books.duties.nextDue ?? .max) - books.clockOffsetMilliseconds
      return (result, ticket, books.takeUndelivered(), due < dueBefore)
    }
    if isEarlier { books.wakeAll() }
    guard journal.wait(ticket) else { return nil }
    for event in events { announcer.enqueue(event) }
    return result
  }

  /// Changes the books without waiting for the disk: what may be forgotten in a crash.
  func note(_ record: Record) {
    books.withLock { books in
      books.put(record)
      _ = journal.append(books.takeUnwritten())
    }
  }
}
