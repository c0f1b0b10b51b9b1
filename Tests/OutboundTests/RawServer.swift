import Foundation
import Glibc
import Reactor
import Synchronization

/// A server of plain sockets on a thread of its own: it does what the script says, and counts the
/// whole requests that it has read.
final class RawServer: Sendable {
  /// What to do on a connection, one step per request; after the last the connection is closed.
  enum Step: Sendable {
    /// Read a request and answer these bytes.
    case answer(String)
    /// Read a request, then close without a word.
    case readAndClose
    /// Read a request, then say nothing until the server stops.
    case readAndHang
    /// Close at once.
    case close
    /// Read a request, answer these bytes, then say nothing.
    case answerAndHang(String)
  }

  struct Seen: Sendable {
    var connections = 0
    var requests: [String] = []
  }

  let address: SocketAddress
  private let listener: Int32
  private let script: [[Step]]
  private let seen = Mutex(Seen())
  private let isRunning = Atomic(true)

  var requests: [String] { seen.withLock { $0.requests } }
  var connections: Int { seen.withLock { $0.connections } }
  var url: String { "http://\(address)" }

  /// - Parameter script: one list of steps per connection; the last serves all later ones.
  init(_ script: [[Step]]) throws {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let bound = SocketAddress.loopback(port: 0).withSockaddr { bind(fd, $0, $1) }
    guard fd >= 0, bound == 0, listen(fd, 64) == 0, let address = SocketAddress.local(of: fd) else {
      throw POSIXError(.EADDRNOTAVAIL)
    }
    self.address = address
    self.script = script
    listener = fd
    let thread = Thread { [self] in self.accept() }
    thread.start()
  }

  func stop() {
    isRunning.store(false, ordering: .relaxed)
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private func accept() {
    while isRunning.load(ordering: .relaxed) {
      let fd = Glibc.accept(listener, nil, nil)
      guard fd >= 0 else { break }
      let index = seen.withLock { seen in
        seen.connections += 1
        return seen.connections - 1
      }
      let steps = script[min(index, script.count - 1)]
      let thread = Thread { [self] in
        self.serve(fd, steps)
        Glibc.close(fd)
      }
      thread.start()
    }
    Glibc.close(listener)
  }

  private func serve(_ fd: Int32, _ steps: [Step]) {
    for step in steps {
      if case .close = step { return }
      guard readRequest(fd) else { return }
      switch step {
      case .answer(let text): send(fd, text)
      case .answerAndHang(let text):
        send(fd, text)
        hang()
      case .readAndHang: hang()
      case .readAndClose, .close: return
      }
    }
  }

  private func hang() {
    while isRunning.load(ordering: .relaxed) { usleep(2_000) }
  }

  private func send(_ fd: Int32, _ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes {
        Glibc.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }

  /// Reads head and body of one request.
  private func readRequest(_ fd: Int32) -> Bool {
    var bytes: [UInt8] = []
    while true {
      let text = String(decoding: bytes, as: UTF8.self)
      if let end = text.range(of: "\r\n\r\n") {
        let head = text[..<end.lowerBound].lowercased()
        let length = head.components(separatedBy: "content-length: ").dropFirst().first.flatMap {
          Int($0.prefix { $0.isNumber })
        }
        if text[end.upperBound...].utf8.count >= length ?? 0 {
          seen.withLock { $0.requests.append(text) }
          return true
        }
      }
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = read(fd, &buffer, buffer.count)
      guard count > 0 else { return false }
      bytes += buffer.prefix(count)
    }
  }
}

/// An address on which nobody listens.
func deadAddress() throws -> SocketAddress {
  let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
  defer { close(fd) }
  guard SocketAddress.loopback(port: 0).withSockaddr({ bind(fd, $0, $1) }) == 0,
    let address = SocketAddress.local(of: fd)
  else { throw POSIXError(.EADDRNOTAVAIL) }
  return address
}

/// A listener that accepts nothing and whose queue is full: connecting to it never ends.
final class FullListener {
  let address: SocketAddress
  private var descriptors: [Int32] = []

  init() throws {
    let kind = Int32(SOCK_STREAM.rawValue)
    let listener = socket(AF_INET, kind, 0)
    guard SocketAddress.loopback(port: 0).withSockaddr({ bind(listener, $0, $1) }) == 0,
      listen(listener, 0) == 0, let address = SocketAddress.local(of: listener)
    else { throw POSIXError(.EADDRNOTAVAIL) }
    self.address = address
    descriptors = [listener]
    for _ in 0..<4 {
      let fd = socket(AF_INET, kind | Int32(SOCK_NONBLOCK.rawValue), 0)
      _ = address.withSockaddr { connect(fd, $0, $1) }
      descriptors.append(fd)
    }
  }

  deinit {
    for fd in descriptors { close(fd) }
  }
}

let okay = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
