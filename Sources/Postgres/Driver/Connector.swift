import CPostgres
import Reactor

/// Opens one connection on the loop, within a limit. Touch it only on the loop.
final class Connector: @unchecked Sendable {
  private let loop: EventLoop
  private let limit: Duration
  private var handle: OpaquePointer?
  private var registration: Registration?
  private var timer: TimerToken?
  private var completion: ((Result<OpaquePointer, PostgresError>) -> Void)?

  init(loop: EventLoop, limit: Duration) {
    self.loop = loop
    self.limit = limit
  }

  /// - Parameter completion: called once, never from within this call; owns the handle.
  func open(
    _ parameters: [(String, String)],
    completion: @escaping (Result<OpaquePointer, PostgresError>) -> Void
  ) {
    self.completion = completion
    handle = Self.begin(parameters)
    timer = loop.schedule(after: limit) { [self] in finish(failure: "connecting took too long") }
    guard let handle, PQstatus(handle) != CONNECTION_BAD else {
      timer?.cancel()
      timer = loop.schedule(after: .zero) { [self] in finish(failure: message) }
      return
    }
    watch(.write)
  }

  /// Gives up; the completion is not called.
  func cancel() {
    completion = nil
    finish(failure: "cancelled")
  }

  private static func begin(_ parameters: [(String, String)]) -> OpaquePointer? {
    func array(_ strings: [String]) -> [UnsafeMutablePointer<CChar>?] {
      strings.map { duplicate($0) } + [nil]
    }
    let keywords = array(parameters.map(\.0))
    let values = array(parameters.map(\.1))
    defer { for pointer in keywords + values { pointer?.deallocate() } }
    return PQconnectStartParams(
      keywords.map { UnsafePointer($0) },
      values.map { UnsafePointer($0) },
      0
    )
  }

  private static func duplicate(_ text: String) -> UnsafeMutablePointer<CChar> {
    let bytes = text.utf8CString
    let copy = UnsafeMutablePointer<CChar>.allocate(capacity: bytes.count)
    for (index, byte) in bytes.enumerated() { copy[index] = byte }
    return copy
  }

  private func watch(_ interest: Interest) {
    guard let handle else { return }
    do {
      registration = try loop.add(fd: PQsocket(handle), interest) { [self] _ in poll() }
    } catch {
      timer?.cancel()
      timer = loop.schedule(after: .zero) { [self] in finish(failure: "no descriptor to watch") }
    }
  }

  private func poll() {
    guard let handle else { return }
    // libpq may replace its socket on the way: it is watched anew after every step.
    registration?.remove()
    registration = nil
    switch PQconnectPoll(handle) {
    case PGRES_POLLING_READING: watch(.read)
    case PGRES_POLLING_WRITING: watch(.write)
    case PGRES_POLLING_OK: succeed(handle)
    default: finish(failure: message)
    }
  }

  private func succeed(_ handle: OpaquePointer) {
    timer?.cancel()
    self.handle = nil
    guard PQsetnonblocking(handle, 1) == 0 else {
      self.handle = handle
      return finish(failure: "no non-blocking mode")
    }
    let completion = completion
    self.completion = nil
    completion?(.success(handle))
  }

  private func finish(failure: String) {
    timer?.cancel()
    registration?.remove()
    registration = nil
    if let handle { PQfinish(handle) }
    handle = nil
    let completion = completion
    self.completion = nil
    completion?(.failure(PostgresError(.unavailable, failure)))
  }

  /// libpq's words for why; they name addresses and roles, not passwords.
  private var message: String {
    guard let handle, let text = PQerrorMessage(handle) else { return "out of memory" }
    return String(cString: text).split(separator: "\n").joined(separator: "; ")
  }
}
