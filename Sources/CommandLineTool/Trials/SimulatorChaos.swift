/// What the test gateways do to notifications.
struct SimulatorChaos: Sendable {
  struct Counts: Decodable, Sendable {
    var waiting: Int64 = 0
    var duplicated: Int64 = 0
    var late: Int64 = 0
  }

  private struct Request: Encodable {
    let duplicate: Double
    let late: Double
    let late_ms: Int64
    let seed: Int64
  }

  let simulator: SimulatorControl

  /// Notifications are copied and held back from now on.
  func begin(duplicate: Double, late: Double, lateMilliseconds: Int64, seed: UInt64) throws {
    let request = Request(
      duplicate: duplicate, late: late, late_ms: lateMilliseconds, seed: Int64(seed >> 1))
    try simulator.send("POST", "/control/webhooks", json: try JSONText.encode(request))
  }

  func end() throws { try simulator.send("DELETE", "/control/webhooks") }

  /// Sends every notification about what happened since `start` once more, the latest first.
  func resend(fromMilliseconds start: Int64) throws {
    try simulator.send("POST", "/control/webhooks/resend", json: "{\"from_ms\":\(start)}")
  }

  func counts() throws -> Counts { try simulator.get("/control/webhooks") }
}
