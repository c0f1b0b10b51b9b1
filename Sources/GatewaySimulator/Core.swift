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
  /// From `processing` to the end of a direct debit (`sepa_debit…`); three days.
  var sepaMilliseconds: Int64 = 3 * 86_400_000
  /// From its success until the payer's bank returns it; three weeks.
  var returnMilliseconds: Int64 = 21 * 86_400_000
  /// How late `webhook_delayed` is.
  var webhookMilliseconds: Int64 = 60_000
  /// How long Stripe's search does not show what was made or changed.
  var searchMilliseconds: Int64 = 60_000

  /// As the control port names them.
  static var times: [(String, WritableKeyPath<Tuning, Int64>)] {
    [
      ("modification_ms", \.modificationMilliseconds), ("bank_ms", \.bankMilliseconds),
      ("late_failure_ms", \.lateFailureMilliseconds), ("sepa_ms", \.sepaMilliseconds),
      ("return_ms", \.returnMilliseconds), ("webhook_ms", \.webhookMilliseconds),
      ("search_ms", \.searchMilliseconds),
    ]
  }

  /// When what became of a captured payment shows, from its capture on.
  func milliseconds(until fate: DueAction) -> Int64 {
    fate == .sepaReturn ? returnMilliseconds : lateFailureMilliseconds
  }
}

extension Monitor<Tuning> {
  var modification: Int64 { withLock { $0.modificationMilliseconds } }
  var bank: Int64 { withLock { $0.bankMilliseconds } }
  var lateFailure: Int64 { withLock { $0.lateFailureMilliseconds } }
  var sepa: Int64 { withLock { $0.sepaMilliseconds } }
  var search: Int64 { withLock { $0.searchMilliseconds } }
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
    announcer.setClock(offsetMilliseconds: replayed.clockOffsetMilliseconds)
    for event in replayed.takeUndelivered() { announcer.enqueue(event) }
    books = Monitor(replayed)
    self.announcer = announcer
  }

  func now(_ books: Books) -> Int64 { machineMilliseconds() + books.clockOffsetMilliseconds }

  /// Changes the books and returns when the change is on disk. nil: the disk failed, say nothing.
  func commit<Result>(_ body: (inout Books, _ now: Int64) -> Result) -> Result? {
    let (result, ticket, events, isEarlier) = books.withLock { books in
      let dueBefore = (books.duties.nextDue ?? .max) - books.clockOffsetMilliseconds
      books.time = now(books)
      let result = body(&books, books.time)
      let ticket = journal.append(books.takeUnwritten())
      let due = (books.duties.nextDue ?? .max) - books.clockOffsetMilliseconds
      return (result, ticket, books.takeUndelivered(), due < dueBefore)
    }
    if isEarlier { books.wakeAll() }
    guard journal.wait(ticket) else { return nil }
    for event in events { announcer.enqueue(event) }
    return result
  }

  /// Moves the clock of keys, holds, banks and notifications forward; nil: the disk failed.
  func advanceClock(by milliseconds: Int64) -> (now: Int64, offset: Int64)? {
    let moved = commit { books, now -> (now: Int64, offset: Int64) in
      let offset = books.clockOffsetMilliseconds + milliseconds
      if milliseconds > 0 { books.put(.clock(offsetMilliseconds: offset)) }
      return (now + milliseconds, offset)
    }
    if let moved { announcer.setClock(offsetMilliseconds: moved.offset) }
    return moved
  }

  /// Writes down a request that was answered from what is known.
  func noteRequest(_ facts: FaultFacts, _ call: Call, _ fault: Fault?, status: Int) {
    let at = books.withLock { now($0) }
    note(.request(AcceptedRequest(facts, call, fault, status: status, at: at)))
  }

  /// Changes the books without waiting for the disk: what may be forgotten in a crash.
  func note(_ record: Record) {
    books.withLock { books in
      books.put(record)
      _ = journal.append(books.takeUnwritten())
    }
  }
}
