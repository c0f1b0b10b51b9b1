import CPostgres
package import Reactor

/// One connection for scripts: several statements in one text, no parameters, text results. For
/// migrations, tools and tests; services use `PostgresClient`. Errors keep the server's own words,
/// so scripts must not hold values. One script at a time.
package final class ScriptConnection: @unchecked Sendable {
  private let loop: EventLoop
  private let notices: NoticeReceiver
  /// nil once closed. This and everything below is touched only on the loop.
  private var handle: OpaquePointer?
  private var registration: Registration?
  private var completion: ((Result<[ScriptResult], PostgresError>) -> Void)?
  private var results: [ScriptResult] = []
  private var failure: PostgresError?

  private init(loop: EventLoop, handle: OpaquePointer, settings: PostgresSettings) {
    self.loop = loop
    self.handle = handle
    notices = NoticeReceiver(settings.onNotice)
    notices.attach(to: handle)
  }

  /// - Throws: `.unavailable`.
  package static func open(
    _ settings: PostgresSettings,
    loop: EventLoop
  ) async throws(PostgresError) -> ScriptConnection {
    try await withUnsafeContinuation {
      (continuation: UnsafeContinuation<Result<ScriptConnection, PostgresError>, Never>) in
      loop.execute {
        Connector(loop: loop, limit: settings.connectTimeout)
          .open(settings.parameters(for: .script)) { outcome in
            continuation.resume(
              returning: outcome.map {
                ScriptConnection(loop: loop, handle: $0, settings: settings)
              }
            )
          }
      }
    }.get()
  }

  /// Runs the statements in order; the first error ends the script.
  /// - Throws: `.server`, `.connectionLost`, `.misuse` (a script runs already).
  @discardableResult
  package func execute(_ script: String) async throws(PostgresError) -> [ScriptResult] {
    try await withUnsafeContinuation {
      (continuation: UnsafeContinuation<Result<[ScriptResult], PostgresError>, Never>) in
      loop.execute { self.begin(script) { continuation.resume(returning: $0) } }
    }.get()
  }

  /// Idempotent. A script that runs ends with `.connectionLost`.
  package func close() async {
    await withUnsafeContinuation { (continuation: UnsafeContinuation<Void, Never>) in
      loop.execute {
        self.lose()
        continuation.resume()
      }
    }
  }

  private func begin(
    _ script: String,
    _ completion: @escaping (Result<[ScriptResult], PostgresError>) -> Void
  ) {
    guard self.completion == nil else {
      return completion(.failure(PostgresError(.misuse, "a script runs already")))
    }
    self.completion = completion
    results = []
    failure = nil
    guard let handle, PQsendQuery(handle, script) == 1 else { return lose() }
    do {
      registration = try loop.add(fd: PQsocket(handle), [.read, .write]) { [self] _ in step() }
    } catch {
      lose()
    }
  }

  private func step() {
    guard let handle else { return }
    let left = PQflush(handle)
    guard left >= 0, PQconsumeInput(handle) == 1 else { return lose() }
    while PQisBusy(handle) == 0 {
      guard let result = PQgetResult(handle) else { return finish() }
      receive(result)
      guard self.handle != nil else { return }
    }
    do {
      try registration?.update(left == 1 ? [.read, .write] : .read)
    } catch {
      lose()
    }
  }

  private func receive(_ result: OpaquePointer) {
    defer { PQclear(result) }
    switch PQresultStatus(result) {
    case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
      results.append(ScriptResult(result))
    case PGRES_FATAL_ERROR:
      failure = failure ?? ServerFields(result).error(verbatim: true)
    default:
      failure = PostgresError(.misuse, "COPY is not supported in a script")
      lose()
    }
  }

  private func finish() {
    registration?.remove()
    registration = nil
    let completion = completion
    self.completion = nil
    completion?(failure.map { .failure($0) } ?? .success(results))
  }

  private func lose() {
    registration?.remove()
    registration = nil
    if let handle { PQfinish(handle) }
    handle = nil
    failure = failure ?? PostgresError(.connectionLost, "the connection ended")
    finish()
  }
}

/// What one statement of a script returned, as text.
package struct ScriptResult: Sendable, Hashable {
  package var columns: [String] = []
  package var rows: [[String?]] = []

  fileprivate init(_ result: OpaquePointer) {
    let width = PQnfields(result)
    columns = (0..<width).map { PQfname(result, $0).map { String(cString: $0) } ?? "" }
    rows = (0..<PQntuples(result)).map { row in
      (0..<width).map { column in
        guard PQgetisnull(result, row, column) == 0, let value = PQgetvalue(result, row, column)
        else { return nil }
        return String(cString: value)
      }
    }
  }
}
