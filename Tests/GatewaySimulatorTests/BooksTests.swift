import Foundation
import InboundHTTP
import Testing

@testable import GatewaySimulator

/// The real executable, killed.
@Suite struct BooksTests {
  /// One run of `gateway-sim` next to the test executable.
  final class Program {
    let process = Process()
    let ports: Ports

    init(books: String) throws {
      let own = try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")
      let directory = URL(fileURLWithPath: own).deletingLastPathComponent()
      let ready = books + ".ready"
      unlink(ready)
      process.executableURL = directory.appendingPathComponent("gateway-sim")
      process.arguments = [
        "--books", books, "--stripe-key", "sk_test_1", "--adyen-key", "adyen_key",
        "--adyen-merchant-account", "TestMerchant", "--ready-file", ready,
      ]
      try process.run()
      var json: JSON?
      let end = Date().addingTimeInterval(60)
      while json == nil, Date() < end {
        if let data = FileManager.default.contents(atPath: ready) {
          json = JSON(parsing: Array(data))
        }
        usleep(5000)
      }
      func port(_ name: String) -> UInt16 { UInt16(json?[name]?.int ?? 0) }
      ports = Ports(stripe: port("stripe"), adyen: port("adyen"), control: port("control"))
    }

    func kill9() {
      kill(process.processIdentifier, SIGKILL)
      process.waitUntilExit()
    }

    deinit { if process.isRunning { kill9() } }
  }

  private func temporaryPath() -> String {
    NSTemporaryDirectory() + "books-\(UUID().uuidString)"
  }

  @Test func everyAnsweredEffectSurvivesKill9() throws {
    let path = temporaryPath()
    defer { for name in [path, path + ".ready"] { unlink(name) } }
    var answered: [String: String] = [:]
    for round in 0..<5 {
      let program = try Program(books: path)
      let ports = program.ports
      for (key, id) in answered {
        let replay = ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: key)
        #expect(replay.json["id"]?.text == id)
        #expect(replay.headers["idempotent-replayed"] == "true")
      }
      #expect(ports.summary()["charges"]?.int == Int64(answered.count))
      // Twenty are sent at once; the process dies while they are worked on.
      let connections = (0..<20).map { _ in Connection(port: ports.stripe) }
      for (number, connection) in connections.enumerated() {
        connection.send(
          "POST",
          "/v1/payment_intents",
          headers: Ports.stripeHeaders("key-\(round)-\(number)"),
          body: stripePayment()
        )
      }
      for (number, connection) in connections.prefix(5).enumerated() {
        if let id = connection.receive().json["id"]?.text {
          answered["key-\(round)-\(number)"] = id
        }
      }
      program.kill9()
      for (number, connection) in connections.enumerated().dropFirst(5) {
        if let id = connection.receive().json["id"]?.text {
          answered["key-\(round)-\(number)"] = id
        }
      }
      // The rest is unknown to the client: the same key tells, and does not charge twice.
      let next = try Program(books: path)
      for number in 0..<20 where answered["key-\(round)-\(number)"] == nil {
        let key = "key-\(round)-\(number)"
        let answer = next.ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: key)
        answered[key] = answer.json["id"]?.text
      }
      #expect(next.ports.summary()["charges"]?.int == Int64(answered.count))
      next.kill9()
    }
    #expect(answered.count == 100)
  }

  @Test func dutiesAndClockSurvive() throws {
    let path = temporaryPath()
    defer { for name in [path, path + ".ready"] { unlink(name) } }
    let first = try Program(books: path)
    first.ports.control("POST", "/control/latency", "{\"modification_ms\":3600000}")
    first.ports.control("POST", "/control/clock", "{\"advance_seconds\":1000000}")
    let id = first.ports.adyen("/payments", adyenPayment()).json["pspReference"]?.text ?? ""
    first.ports.adyen("/payments/\(id)/captures", adyenChange(4999))
    let before = first.ports.control("GET", "/control/clock").json["now_ms"]?.int ?? .max
    first.kill9()
    let second = try Program(books: path)
    #expect((second.ports.control("GET", "/control/clock").json["now_ms"]?.int ?? 0) >= before)
    #expect(second.ports.payment(id)?["captured"]?.int == 0)
    second.ports.control("POST", "/control/clock", "{\"advance_seconds\":3601}")
    #expect(second.ports.eventually { second.ports.payment(id)?["captured"]?.int == 4999 })
  }

  @Test func aTornTailIsCutAndDamageIsRefused() throws {
    let path = temporaryPath()
    defer { unlink(path) }
    for _ in 0..<2 {
      let simulator = try Simulator(Gateways.settings(path))
      let ports = Ports(
        stripe: simulator.stripePort,
        adyen: simulator.adyenPort,
        control: simulator.controlPort
      )
      #expect(ports.stripe("POST", "/v1/payment_intents", stripePayment()).status == 200)
      simulator.stop()
      // Half a line, as after a power cut.
      let file = try #require(FileHandle(forWritingAtPath: path))
      try file.seekToEnd()
      try file.write(contentsOf: Data("0123456789abcdef [{\"payment\":".utf8))
      try file.close()
    }
    let simulator = try Simulator(Gateways.settings(path))
    let ports = Ports(
      stripe: simulator.stripePort,
      adyen: simulator.adyenPort,
      control: simulator.controlPort
    )
    #expect(ports.summary()["charges"]?.int == 2)
    simulator.stop()
    var bytes = try #require(FileManager.default.contents(atPath: path))
    bytes[40] ^= 1
    try bytes.write(to: URL(fileURLWithPath: path))
    #expect(throws: BooksDamaged.self) { try Simulator(Gateways.settings(path)) }
  }

  @Test func twoProcessesCannotShareTheBooks() throws {
    let path = temporaryPath()
    defer { unlink(path) }
    let simulator = try Simulator(Gateways.settings(path))
    defer { simulator.stop() }
    #expect(throws: SystemError.self) { try Simulator(Gateways.settings(path)) }
  }
}
