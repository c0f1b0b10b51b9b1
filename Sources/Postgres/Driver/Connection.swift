import CPostgres
import Reactor

/// Moves bytes between libpq and the session machine. Touch it only on the loop.
final class Connection: @unchecked Sendable {
  let loop: EventLoop
  let handle: OpaquePointer
  private let notices: NoticeReceiver
  private var machine: SessionMachine<Submission>
  private var registration: Registration?
  /// Rows that are streamed to the server; then nothing else is out.
  var copy: CopyRun?
  private var calls: [SessionMachine<Submission>.Call] = []
  private(set) var isClosed = false
  /// Called once, after what was out has been answered.
  var onClosed: (() -> Void)?

  /// - Parameter handle: connected and non-blocking; finished with this object.
  init(
    loop: EventLoop,
    handle: OpaquePointer,
    settings: PostgresSettings
  ) throws(PostgresError) {
    self.loop = loop
    self.handle = handle
    machine = SessionMachine(cacheCapacity: settings.preparedStatementsMax)
    notices = NoticeReceiver(settings.onNotice)
    notices.attach(to: handle)
    guard PQenterPipelineMode(handle) == 1 else {
      PQfinish(handle)
      throw PostgresError(.unavailable, "no pipeline mode")
    }
    do {
      registration = try loop.add(fd: PQsocket(handle), .read) { [weak self] readiness in
        self?.ready(readiness)
      }
    } catch {
      PQfinish(handle)
      throw PostgresError(.unavailable, "no descriptor to watch")
    }
  }

  /// Submissions that are out.
  var depth: Int { machine.depth }
  var preparedCount: Int { machine.preparedCount }
  var oldest: Submission? { machine.oldestUnit }

  /// Nothing is out.
  var isIdle: Bool { !isClosed && machine.isIdle && copy == nil }

  /// Nothing is out and no transaction is open.
  var isReusable: Bool {
    isIdle && PQtransactionStatus(handle) == PQTRANS_IDLE
  }

  func forEachSubmission(_ body: (Submission) -> Void) { machine.forEachUnit(body) }

  /// - Parameter mayDeallocate: no transaction is open.
  func submit(_ submission: Submission, mayDeallocate: Bool) {
    guard !isClosed else {
      submission.fail(PostgresError(.connectionLost, "the connection was closed before sending"))
      submission.finish()
      return
    }
    submission.sentAt = loop.now
    calls.removeAll(keepingCapacity: true)
    if submission.statements.count == 1 {
      machine.submit(
        submission,
        key: submission.statements[0].key,
        mayDeallocate: mayDeallocate,
        calls: &calls
      )
    } else {
      machine.submit(
        submission,
        keys: submission.statements.map(\.key),
        mayDeallocate: mayDeallocate,
        calls: &calls
      )
    }
    for call in calls {
      guard perform(call, submission) else { return close() }
    }
    flush()
  }

  private func perform(_ call: SessionMachine<Submission>.Call, _ submission: Submission) -> Bool {
    switch call {
    case .prepare(let number, let index):
      let key = submission.statements[index].key
      return key.types.withUnsafeBufferPointer { types in
        types.withMemoryRebound(to: Oid.self) {
          PQsendPrepare(handle, "s\(number)", key.text, Int32(types.count), $0.baseAddress) == 1
        }
      }
    case .execute(let number, let index):
      return execute(number, submission.statements[index].parameters)
    case .deallocate(let number):
      return PQsendQueryParams(handle, "deallocate s\(number)", 0, nil, nil, nil, nil, 1) == 1
    case .sync: return PQpipelineSync(handle) == 1
    }
  }

  private func execute(_ number: Int, _ parameters: Parameters) -> Bool {
    let count = parameters.slots.count
    return withUnsafeTemporaryAllocation(of: UnsafePointer<CChar>?.self, capacity: count + 1) {
      values in
      withUnsafeTemporaryAllocation(of: Int32.self, capacity: 2 * count + 1) { numbers in
        parameters.bytes.withUnsafeBytes { bytes in
          for (index, slot) in parameters.slots.enumerated() {
            // An empty value still needs a pointer: null means SQL null.
            let base = bytes.baseAddress ?? UnsafeRawPointer(numbers.baseAddress)
            let value = base?.advanced(by: slot.offset).assumingMemoryBound(to: CChar.self)
            values.initializeElement(at: index, to: slot.length < 0 ? nil : value)
            numbers.initializeElement(at: index, to: Int32(max(slot.length, 0)))
            numbers.initializeElement(at: count + index, to: 1)
          }
          return PQsendQueryPrepared(
            handle,
            "s\(number)",
            Int32(count),
            values.baseAddress,
            numbers.baseAddress,
            numbers.baseAddress?.advanced(by: count),
            1
          ) == 1
        }
      }
    }
  }

  /// Answers whether all has been given to the kernel.
  @discardableResult
  func flush() -> Bool {
    let left = PQflush(handle)
    guard left >= 0 else {
      close()
      return false
    }
    do {
      try registration?.update(left == 1 ? [.read, .write] : .read)
    } catch {
      close()
    }
    return left == 0 && !isClosed
  }

  private func ready(_ readiness: Readiness) {
    guard !isClosed else { return }
    guard copy == nil else { return copyReady(readiness) }
    if readiness.contains(.read) {
      // What arrived before the end still counts, so it is read before giving up.
      let isAlive = PQconsumeInput(handle) == 1
      drain()
      guard isAlive else { return close() }
    }
    guard !isClosed, readiness.contains(.write) || registration?.interest.contains(.write) == true
    else { return }
    flush()
  }

  private func drain() {
    while !isClosed, !machine.isIdle, PQisBusy(handle) == 0 {
      receive(PQgetResult(handle))
    }
  }

  private func receive(_ pointer: OpaquePointer?) {
    guard let pointer else { return apply(machine.receive(.end), nil) }
    switch PQresultStatus(pointer) {
    case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
      let effect = machine.receive(.success)
      if case .rows(let submission) = effect {
        submission.add(ResultSet(pointer))
        return
      }
      PQclear(pointer)
      apply(effect, nil)
    case PGRES_PIPELINE_SYNC:
      PQclear(pointer)
      apply(machine.receive(.sync), nil)
    case PGRES_PIPELINE_ABORTED:
      PQclear(pointer)
      apply(machine.receive(.skipped), nil)
    default:
      let fields = ServerFields(pointer)
      PQclear(pointer)
      let failure = SessionMachine<Submission>.Result.failure(
        isStale: fields.isStaleStatement,
        isFatal: fields.isFatal
      )
      apply(machine.receive(failure), fields)
    }
  }

  private func apply(_ effect: SessionMachine<Submission>.Effect, _ fields: ServerFields?) {
    switch effect {
    case .ignore, .rows: break
    case .fail(let submission):
      guard let fields else { break }
      submission.fail(fields.error())
    case .finish(let submission): submission.finish()
    case .close: close()
    }
  }

  /// Ends the connection; everything out is answered `.connectionLost`, first sent first.
  func close() {
    guard !isClosed else { return }
    isClosed = true
    registration?.remove()
    registration = nil
    PQfinish(handle)
    for submission in machine.abandon() {
      submission.fail(
        PostgresError(.connectionLost, "the connection ended", mayHaveExecuted: true)
      )
      submission.finish()
    }
    abandonCopy()
    let onClosed = onClosed
    self.onClosed = nil
    onClosed?()
  }
}
