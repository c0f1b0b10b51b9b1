/// What happens to notifications on their way, drawn by seed: copies, and delays that change their
/// order.
struct WebhookChaos: Sendable {
  static let copiesMax = 3
  static let lateMillisecondsMax: Int64 = 600_000

  let duplicateProbability: Double
  let lateProbability: Double
  /// A late one comes up to so much later.
  let lateMilliseconds: Int64
  private var generator: SeededGenerator

  init(
    duplicateProbability: Double, lateProbability: Double, lateMilliseconds: Int64, seed: UInt64
  ) {
    self.duplicateProbability = duplicateProbability
    self.lateProbability = lateProbability
    self.lateMilliseconds = lateMilliseconds
    generator = SeededGenerator(seed: seed)
  }

  /// The delays of an event's copies; 0 is at once.
  mutating func draw() -> [Int64] {
    var copies = 1
    while copies < Self.copiesMax, strikes(duplicateProbability) { copies += 1 }
    return (0..<copies).map { _ in
      guard lateMilliseconds > 0, strikes(lateProbability) else { return 0 }
      return Int64.random(in: 1...lateMilliseconds, using: &generator)
    }
  }

  private mutating func strikes(_ probability: Double) -> Bool {
    Double.random(in: 0..<1, using: &generator) < probability
  }
}

extension WebhookChaos {
  private static let members: Set<String> = ["duplicate", "late", "late_ms", "seed"]

  /// `{"duplicate":0.3,"late":0.3,"late_ms":3000,"seed":7}`; what is missing is 0.
  init(_ json: JSON) throws(ControlError) {
    guard case .object(let given) = json, given.allSatisfy({ Self.members.contains($0.name) })
    else { throw ControlError("known members: duplicate, late, late_ms, seed") }
    let (duplicate, late) = (json["duplicate"]?.number ?? 0, json["late"]?.number ?? 0)
    let lateMilliseconds = json["late_ms"]?.int ?? 0
    guard (0...1).contains(duplicate), (0...1).contains(late) else {
      throw ControlError("duplicate and late are probabilities, 0 to 1")
    }
    guard (0...Self.lateMillisecondsMax).contains(lateMilliseconds) else {
      throw ControlError("late_ms is 0 to \(Self.lateMillisecondsMax)")
    }
    self.init(
      duplicateProbability: duplicate, lateProbability: late, lateMilliseconds: lateMilliseconds,
      seed: UInt64(bitPattern: json["seed"]?.int ?? 0))
  }
}
