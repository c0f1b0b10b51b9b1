import Foundation
import Glibc
import Money
import Reactor
import Seal
import Synchronization
import WebhooksCore

/// A merchant's receiver on loopback: one thread per connection, one request per connection.
final class Receiver: Sendable {
  struct Request: Sendable {
    var headers: [String: String]
    var body: String

    var id: String { headers["webhook-id"] ?? "" }
    var isChallenge: Bool { body.contains(#""type":"endpoint.challenge""#) }
    var challenge: String {
      body.components(separatedBy: #""challenge":""#).last?.components(separatedBy: "\"").first ?? ""
    }

    /// As a receiver does it, with nothing of the service's code.
    func isSigned(by secret: String) -> Bool {
      guard let key = Data(base64Encoded: String(secret.dropFirst("whsec_".count))),
        let timestamp = headers["webhook-timestamp"], let seconds = Double(timestamp),
        abs(Date().timeIntervalSince1970 - seconds) < 300
      else { return false }
      let code = HMACSHA256.code(
        Array("\(id).\(timestamp).\(body)".utf8), key: SecretBytes(Array(key)))
      let expected = "v1," + Data(code).base64EncodedString()
      return (headers["webhook-signature"] ?? "").split(separator: " ").contains { $0 == expected }
    }
  }

  enum Answer: Sendable {
    case status(Int, headers: [String] = [], body: String = "")
    /// Say nothing until the receiver is released or stopped.
    case hang
  }

  typealias Behaviour = @Sendable (Request, _ earlier: Int) -> Answer

  private struct State {
    var events: [Request] = []
    var challenges: [Request] = []
    var hanging = 0
    var behaviour: Behaviour
    var echoes = true
    var isStopped = false
  }

  let url: String
  private let listener: Int32
  private let state: Mutex<State>

  var events: [Request] { state.withLock { $0.events } }
  var challenges: [Request] { state.withLock { $0.challenges } }
  var hanging: Int { state.withLock { $0.hanging } }
  private var isStopped: Bool { state.withLock { $0.isStopped } }

  init(echoes: Bool = true, _ behaviour: @escaping Behaviour = { _, _ in .status(200) }) throws {
    let fd = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    let bound = SocketAddress.loopback(port: 0).withSockaddr { bind(fd, $0, $1) }
    guard fd >= 0, bound == 0, listen(fd, 128) == 0, let address = SocketAddress.local(of: fd) else {
      throw POSIXError(.EADDRNOTAVAIL)
    }
    listener = fd
    url = "http://\(address)/hooks"
    var first = State(behaviour: behaviour)
    first.echoes = echoes
    state = Mutex(first)
    Thread { [self] in accept() }.start()
  }

  func behave(_ behaviour: @escaping Behaviour) { state.withLock { $0.behaviour = behaviour } }
  func echo(_ echoes: Bool) { state.withLock { $0.echoes = echoes } }

  func stop() {
    state.withLock { $0.isStopped = true }
    shutdown(listener, Int32(SHUT_RDWR))
  }

  private func accept() {
    while !isStopped {
      let fd = Glibc.accept(listener, nil, nil)
      guard fd >= 0 else { break }
      Thread { [self] in
        serve(fd)
        Glibc.close(fd)
      }.start()
    }
    Glibc.close(listener)
  }

  private func serve(_ fd: Int32) {
    guard let request = Self.read(fd) else { return }
    let (answer, behaviour, earlier) = state.withLock { state -> (Answer?, Behaviour, Int) in
      if request.isChallenge {
        state.challenges.append(request)
        return (.status(200, body: state.echoes ? request.challenge : "no"), state.behaviour, 0)
      }
      let earlier = state.events.count { $0.id == request.id }
      state.events.append(request)
      return (nil, state.behaviour, earlier)
    }
    switch answer ?? behaviour(request, earlier) {
    case .status(let status, let headers, let body):
      let lines =
        ["HTTP/1.1 \(status) X", "Connection: close", "Content-Length: \(body.utf8.count)"] + headers
      let text = lines.joined(separator: "\r\n") + "\r\n\r\n" + body
      _ = Array(text.utf8).withUnsafeBytes {
        Glibc.send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
    case .hang:
      state.withLock { $0.hanging += 1 }
      // Until the other side closes, or the test ends.
      var poll = pollfd(fd: fd, events: Int16(POLLIN), revents: 0)
      while !isStopped, Glibc.poll(&poll, 1, 50) == 0 {}
      state.withLock { $0.hanging -= 1 }
    }
  }

  private static func read(_ fd: Int32) -> Request? {
    var bytes: [UInt8] = []
    while true {
      let text = String(decoding: bytes, as: UTF8.self)
      if let end = text.range(of: "\r\n\r\n") {
        var headers: [String: String] = [:]
        for line in text[..<end.lowerBound].components(separatedBy: "\r\n").dropFirst() {
          let parts = line.split(separator: ":", maxSplits: 1)
          guard parts.count == 2 else { continue }
          headers[parts[0].lowercased()] = parts[1].trimmingCharacters(in: .whitespaces)
        }
        let body = String(text[end.upperBound...])
        if body.utf8.count >= Int(headers["content-length"] ?? "0") ?? 0 {
          return Request(headers: headers, body: body)
        }
      }
      var buffer = [UInt8](repeating: 0, count: 65_536)
      let count = Glibc.read(fd, &buffer, buffer.count)
      guard count > 0 else { return nil }
      bytes += buffer.prefix(count)
    }
  }
}
