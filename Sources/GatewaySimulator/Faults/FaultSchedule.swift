/// Faults drawn from a seed: which request meets which is a function of the seed, the gateway, the
/// operation and the how-manieth of its kind the request is, so that a schedule can be read before
/// it happens and does not depend on what other requests run beside it.
struct FaultSchedule: Sendable {
  /// Requests of one kind that `GET /control/seed` shows.
  static let previewMax: Int64 = 1_000

  private struct Kind: Hashable {
    let gateway: Gateway
    let operation: Operation
  }

  let seed: UInt64
  /// Per cent of the requests, by fault, in the order of `Fault.allCases`; 100 in all at most.
  let percent: [(fault: Fault, percent: Double)]
  /// nil: both.
  let gateway: Gateway?
  /// Empty: all.
  let operations: Set<Operation>
  private(set) var hits: Int64 = 0
  private var counts: [Kind: Int64] = [:]

  init(
    seed: UInt64,
    percent: [Fault: Double],
    gateway: Gateway? = nil,
    operations: Set<Operation> = []
  ) {
    self.seed = seed
    self.percent = Fault.allCases.compactMap { fault in percent[fault].map { (fault, $0) } }
    self.gateway = gateway
    self.operations = operations
  }

  /// What the `number`th request of its kind meets, from 1, should it fit.
  func fault(_ gateway: Gateway, _ operation: Operation, number: Int64) -> Fault? {
    if let only = self.gateway, only != gateway { return nil }
    if !operations.isEmpty, !operations.contains(operation) { return nil }
    let place = "\(gateway.rawValue) \(operation.rawValue) \(number)"
    var generator = SeededGenerator(seed: hash64(place.utf8, seed: seed))
    var rest = Double.random(in: 0..<100, using: &generator)
    for (fault, percent) in percent {
      if rest < percent { return fault }
      rest -= percent
    }
    return nil
  }

  /// Counts the request and says what it meets.
  mutating func next(_ facts: FaultFacts) -> Fault? {
    let kind = Kind(gateway: facts.gateway, operation: facts.operation)
    let number = (counts[kind] ?? 0) + 1
    counts[kind] = number
    guard let fault = fault(facts.gateway, facts.operation, number: number), fault.fits(facts)
    else { return nil }
    hits += 1
    return fault
  }
}
