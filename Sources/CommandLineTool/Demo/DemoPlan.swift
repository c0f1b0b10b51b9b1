/// What a demo run does, all of it decided by the seed.
struct DemoPlan: Sendable, Equatable {
  struct Payment: Sendable, Equatable {
    let number: Int
    let amountMinor: Int64
    let key: String
    /// What the gateway does to its authorisation; nil: nothing.
    let fault: String?
    /// The service that is killed while it is on its way, and how long after its start.
    let kill: PlatformService?
    let killAfterMilliseconds: Int64
  }

  static let callers = 10
  static let currency = "EUR"
  /// The payer is charged, the answer does not arrive.
  static let faults = [
    "timeout_after", "close_after", "reset_after", "truncated", "error_500_after",
  ]
  /// Out of so many payments one loses its answer.
  static let paymentsPerFault = 3
  static let killAfterMillisecondsMax: Int64 = 120

  let payments: [Payment]

  /// - Parameter run: tells the keys of runs with the same seed apart.
  init(seed: UInt64, payments count: Int, run: String) {
    var random = SeededRandom(seed: seed)
    // Distinct amounts tell the payments of one run apart at the gateway.
    var amounts: Set<Int64> = []
    while amounts.count < count { amounts.insert(Int64.random(in: 1_000...9_999, using: &random)) }
    let shuffled = amounts.sorted().shuffled(using: &random)
    let kills = Self.places(PlatformService.allCases.count, among: count, &random)
    let services = PlatformService.allCases.shuffled(using: &random)
    let faulty = Set(Self.places(max(1, count / Self.paymentsPerFault), among: count, &random))
    payments = (0..<count).map { index in
      Payment(
        number: index + 1, amountMinor: shuffled[index], key: "demo-\(seed)-\(run)-\(index + 1)",
        fault: faulty.contains(index) ? Self.faults.randomElement(using: &random) : nil,
        kill: kills.firstIndex(of: index).map { services[$0] },
        killAfterMilliseconds: Int64.random(in: 0...Self.killAfterMillisecondsMax, using: &random))
    }
  }

  /// Distinct places; in a run shorter than `wanted` the rest is left out.
  private static func places(
    _ wanted: Int, among count: Int, _ random: inout SeededRandom
  ) -> [Int] {
    Array(Array(0..<count).shuffled(using: &random).prefix(wanted))
  }
}
