/// Why a control request was refused.
struct ControlError: Error {
  let message: String
  init(_ message: String) { self.message = message }
}

extension FaultRule {
  private static let members: Set<String> = [
    "gateway", "fault", "match", "count", "skip", "probability", "seed", "delay_ms",
  ]
  private static let conditions: Set<String> = [
    "operation", "reference_prefix", "metadata", "amount", "idempotency_key", "replay",
    "kept_alive",
  ]

  /// `{"gateway":"stripe","fault":"timeout_after","match":{"operation":"authorize"},"count":1}`.
  /// Unknown members are refused: a misspelt condition must not strike everything.
  init(_ json: JSON) throws(ControlError) {
    try FaultRule.refuseUnknown(json, FaultRule.members, "rule")
    let names = json["fault"]?.items ?? json["fault"].map { [$0] } ?? []
    var faults: [Fault] = []
    for name in names {
      guard let fault = name.text.flatMap(Fault.init) else {
        throw ControlError("unknown fault; one of: " + Fault.allCases.map(\.rawValue).list)
      }
      faults.append(fault)
    }
    guard !faults.isEmpty else { throw ControlError("fault is missing") }
    guard !faults.contains(.refuse) || faults == [.refuse] else {
      throw ControlError("refuse cannot be drawn among others: it closes the listener")
    }
    var seed = json["seed"]?.int.map { UInt64(bitPattern: $0) }
    if seed == nil { seed = UInt64.random(in: 0...UInt64(Int32.max)) }
    self.init(
      faults: faults,
      seed: seed ?? 0,
      generator: SeededGenerator(seed: seed ?? 0)
    )
    if let name = json["gateway"]?.text, name != "any" {
      guard let value = Gateway(rawValue: name) else {
        throw ControlError("unknown gateway; stripe, adyen or any")
      }
      gateway = value
    }
    remaining = json["count"]?.int
    skips = json["skip"]?.int ?? 0
    probability = json["probability"]?.number ?? 1
    delayMilliseconds = json["delay_ms"]?.int ?? delayMilliseconds
    // Without either, once: a forgotten count must not break everything after it.
    if remaining == nil, json["probability"] == nil, faults != [.refuse] { remaining = 1 }
    if let match = json["match"] { try read(match) }
  }

  private mutating func read(_ match: JSON) throws(ControlError) {
    try FaultRule.refuseUnknown(match, FaultRule.conditions, "match")
    for name in match["operation"]?.items ?? match["operation"].map({ [$0] }) ?? [] {
      guard let operation = name.text.flatMap(Operation.init) else {
        throw ControlError("unknown operation; one of: " + Operation.allCases.map(\.rawValue).list)
      }
      operations.insert(operation)
    }
    referencePrefix = match["reference_prefix"]?.text
    metadata = match["metadata"]?.pairs ?? []
    amount = match["amount"]?.int
    idempotencyKey = match["idempotency_key"]?.text
    replay = match["replay"]?.bool
    keptAlive = match["kept_alive"]?.bool
  }

  private static func refuseUnknown(
    _ json: JSON,
    _ known: Set<String>,
    _ place: String
  ) throws(ControlError) {
    guard case .object(let members) = json else { throw ControlError("\(place): not an object") }
    for member in members where !known.contains(member.name) {
      throw ControlError("\(place): unknown member; known: " + known.sorted().list)
    }
  }

  func write(to writer: inout JSONWriter) {
    writer.object(nil) { out in
      out.text("id", id)
      out.text("gateway", gateway?.rawValue ?? "any")
      out.array("fault") { array in for fault in faults { array.text(nil, fault.rawValue) } }
      out.array("operation") { array in
        for operation in operations.map(\.rawValue).sorted() { array.text(nil, operation) }
      }
      out.number("count", remaining)
      out.raw("probability", Array("\(probability)".utf8))
      out.number("seed", Int64(bitPattern: seed))
      out.number("hits", hits)
    }
  }
}

extension [String] {
  fileprivate var list: String { joined(separator: ", ") }
}
