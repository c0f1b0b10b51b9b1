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
    guard faults.count == 1 || !faults.contains(where: \.touchesConnections) else {
      throw ControlError("refuse and tls_failure stand alone: they strike the port")
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
    if remaining == nil, json["probability"] == nil, !faults[0].touchesConnections { remaining = 1 }
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

  static func refuseUnknown(
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

extension FaultSchedule {
  private static let members: Set<String> = ["seed", "percent", "gateway", "operation"]

  /// `{"seed":7,"percent":{"timeout_after":2,"webhook_never":1}}`, or `"percent":10`: so much in
  /// all, spread evenly over the standard mix.
  init(_ json: JSON) throws(ControlError) {
    try FaultRule.refuseUnknown(json, Self.members, "schedule")
    guard let seed = json["seed"]?.int else { throw ControlError("seed is missing") }
    var percent: [Fault: Double] = [:]
    if let all = json["percent"]?.number {
      let mix = Fault.allCases.filter(\.isInStandardMix)
      for fault in mix { percent[fault] = all / Double(mix.count) }
    } else if case .object(let members)? = json["percent"] {
      for member in members {
        guard let fault = Fault(rawValue: member.name), !fault.touchesConnections else {
          throw ControlError("\(member.name): not a fault that a seed can draw")
        }
        guard let value = member.value.number, value >= 0 else {
          throw ControlError("\(member.name): per cent, 0 or more")
        }
        percent[fault] = value
      }
    } else {
      throw ControlError("percent: a number, or an object of faults and numbers")
    }
    guard percent.values.reduce(0, +) <= 100.000_001 else {
      throw ControlError("more than 100 per cent in all")
    }
    var gateway: Gateway?
    if let name = json["gateway"]?.text, name != "any" {
      guard let value = Gateway(rawValue: name) else {
        throw ControlError("unknown gateway; stripe, adyen or any")
      }
      gateway = value
    }
    var operations: Set<Operation> = []
    for name in json["operation"]?.items ?? json["operation"].map({ [$0] }) ?? [] {
      guard let operation = name.text.flatMap(Operation.init) else {
        throw ControlError("unknown operation; one of: " + Operation.allCases.map(\.rawValue).list)
      }
      operations.insert(operation)
    }
    self.init(
      seed: UInt64(bitPattern: seed), percent: percent, gateway: gateway, operations: operations)
  }

  /// What the first `count` requests of each kind will meet.
  func write(count: Int64, to out: inout JSONWriter) {
    out.number("seed", Int64(bitPattern: seed))
    out.number("hits", hits)
    out.object("percent") { inner in
      for (fault, percent) in percent { inner.raw(fault.rawValue, Array("\(percent)".utf8)) }
    }
    out.array("schedule") { array in
      for gateway in Gateway.allCases {
        for operation in Operation.allCases {
          for number in 1...max(1, min(count, Self.previewMax)) {
            guard let fault = fault(gateway, operation, number: number) else { continue }
            array.object(nil) { entry in
              entry.text("gateway", gateway.rawValue)
              entry.text("operation", operation.rawValue)
              entry.number("number", number)
              entry.text("fault", fault.rawValue)
            }
          }
        }
      }
    }
  }
}

extension [String] {
  fileprivate var list: String { joined(separator: ", ") }
}
