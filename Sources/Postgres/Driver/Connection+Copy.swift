import CPostgres
import Reactor

/// A `COPY … FROM STDIN` under way. libpq knows none in pipeline mode, so the connection, which a
/// transaction holds alone, leaves that mode for it.
struct CopyRun {
  enum Phase {
    case starting
    /// The server takes rows.
    case open
    case ending
  }

  typealias Answer = (Result<Int, PostgresError>) -> Void

  var phase = Phase.starting
  /// Rows that libpq has not taken yet.
  var pending: [UInt8] = []
  /// Rows that the server has counted.
  var count = 0
  var failure: PostgresError?
  var timer: TimerToken?
  /// Of the step that is under way.
  var answer: Answer?
}

extension Connection {
  /// Answers when the server takes rows.
  /// - Parameter expires: when the connection is given up at the latest.
  func beginCopy(_ sql: String, expires: MonotonicInstant, _ answer: @escaping CopyRun.Answer) {
    guard isIdle else {
      return answer(
        .failure(isClosed ? Self.lostCopy : PostgresError(.misuse, "something else is out")))
    }
    var run = CopyRun()
    run.answer = answer
    run.timer = loop.schedule(after: loop.now.duration(to: expires)) { [weak self] in
      self?.copy?.failure = PostgresError(.timeout, "the deadline of a COPY has passed")
      self?.close()
    }
    copy = run
    guard PQexitPipelineMode(handle) == 1, PQsendQuery(handle, sql) == 1 else { return close() }
    stepCopy()
  }

  /// Answers when the bytes have been given to the kernel: the next ones wait until then.
  func putCopy(_ bytes: [UInt8], _ answer: @escaping CopyRun.Answer) {
    guard copy?.phase == .open, copy?.answer == nil else {
      return answer(.failure(Self.lostCopy))
    }
    copy?.answer = answer
    copy?.pending = bytes
    stepCopy()
  }

  /// Answers how many rows the server has stored.
  /// - Parameter isGivenUp: the server is told to forget them; it answers an error.
  func endCopy(isGivenUp: Bool, _ answer: @escaping CopyRun.Answer) {
    guard copy?.phase == .open, copy?.answer == nil else {
      return answer(.failure(Self.lostCopy))
    }
    copy?.answer = answer
    copy?.phase = .ending
    guard PQputCopyEnd(handle, isGivenUp ? "given up by the client" : nil) == 1 else {
      return close()
    }
    stepCopy()
  }

  private static let lostCopy = PostgresError(.connectionLost, "the connection ended during COPY")

  func copyReady(_ readiness: Readiness) {
    if readiness.contains(.read), PQconsumeInput(handle) != 1 { return close() }
    stepCopy()
  }

  private func stepCopy() {
    if let pending = copy?.pending, !pending.isEmpty {
      let taken = pending.withUnsafeBytes {
        PQputCopyData(handle, $0.baseAddress?.assumingMemoryBound(to: CChar.self), Int32($0.count))
      }
      guard taken == 1 else { return close() }
      copy?.pending = []
    }
    let isFlushed = flush()
    guard let phase = copy?.phase else { return }
    if phase != .open {
      drainCopy()
    } else if isFlushed {
      answerCopy(.success(0))
    }
  }

  private func drainCopy() {
    while copy != nil, PQisBusy(handle) == 0 {
      guard let result = PQgetResult(handle) else { return finishCopy() }
      defer { PQclear(result) }
      switch PQresultStatus(result) {
      case PGRES_COPY_IN:
        copy?.phase = .open
        return answerCopy(.success(0))
      case PGRES_COMMAND_OK where copy?.phase == .ending:
        copy?.count = PQcmdTuples(result).flatMap { Int(String(cString: $0)) } ?? 0
      case PGRES_FATAL_ERROR:
        // The first is the reason.
        if copy?.failure == nil { copy?.failure = ServerFields(result).error() }
      default:
        copy?.failure = PostgresError(.misuse, "the statement was no COPY FROM STDIN")
      }
    }
  }

  private func finishCopy() {
    guard let run = copy else { return }
    guard PQenterPipelineMode(handle) == 1 else { return close() }
    run.timer?.cancel()
    copy = nil
    run.answer?(run.failure.map { .failure($0) } ?? .success(run.count))
  }

  private func answerCopy(_ result: Result<Int, PostgresError>) {
    let answer = copy?.answer
    copy?.answer = nil
    answer?(result)
  }

  /// The connection is gone.
  func abandonCopy() {
    guard let run = copy else { return }
    copy = nil
    run.timer?.cancel()
    run.answer?(.failure(run.failure ?? Self.lostCopy))
  }
}
