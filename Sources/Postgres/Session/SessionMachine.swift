/// The order of things on one connection in pipeline mode, without any I/O: statements in, libpq
/// calls out; results in, effects out.
///
/// A unit is what is sent under one sync: a single statement, or a transaction's batch. Its
/// statements share their fate; units do not. Results come back in the order of the calls.
struct SessionMachine<Unit> {
  /// A libpq call for the driver, in order.
  enum Call: Equatable {
    case prepare(number: Int, statement: Int)
    case execute(number: Int, statement: Int)
    case deallocate(number: Int)
    case sync
  }

  /// A result as the machine sees it.
  enum Result: Equatable {
    case success
    case failure(isStale: Bool, isFatal: Bool)
    /// Skipped, because an earlier call of the unit failed.
    case skipped
    /// The end of one call's results.
    case end
    case sync
  }

  /// What the driver does with the result it just fed.
  enum Effect {
    case ignore
    /// Rows of the unit's next statement.
    case rows(Unit)
    case fail(Unit)
    case finish(Unit)
    /// The server ended the connection, or answered out of order.
    case close
  }

  private enum Step {
    case prepare(Int)
    case execute(Int)
    case deallocate
    case sync
    /// A sync that ends a deallocation, not a unit.
    case innerSync
  }

  private var cache: StatementCache
  private var steps = RingBuffer<Step>()
  private var units = RingBuffer<Unit>()
  private var headFailed = false
  /// The current step has had its result and waits for its end.
  private var headAnswered = false

  init(cacheCapacity: Int) {
    cache = StatementCache(capacity: cacheCapacity)
  }

  /// Units that are out.
  var depth: Int { units.count }
  var isIdle: Bool { steps.isEmpty }
  var preparedCount: Int { cache.count }
  var oldestUnit: Unit? { units.first }

  /// - Parameter mayDeallocate: no transaction is open, so that surplus statements can be dropped
  ///   first, under a sync of their own.
  mutating func submit(
    _ unit: Unit,
    keys: [StatementKey],
    mayDeallocate: Bool,
    calls: inout [Call]
  ) {
    if mayDeallocate { dropSurplus(&calls) }
    for (index, key) in keys.enumerated() { enqueue(key, index, &calls) }
    finishUnit(unit, &calls)
  }

  /// The same for a unit of one statement.
  mutating func submit(
    _ unit: Unit,
    key: StatementKey,
    mayDeallocate: Bool,
    calls: inout [Call]
  ) {
    if mayDeallocate { dropSurplus(&calls) }
    enqueue(key, 0, &calls)
    finishUnit(unit, &calls)
  }

  private mutating func enqueue(_ key: StatementKey, _ index: Int, _ calls: inout [Call]) {
    let (number, isNew) = cache.use(key)
    if isNew {
      calls.append(.prepare(number: number, statement: index))
      steps.append(.prepare(number))
    }
    calls.append(.execute(number: number, statement: index))
    steps.append(.execute(number))
  }

  private mutating func finishUnit(_ unit: Unit, _ calls: inout [Call]) {
    calls.append(.sync)
    steps.append(.sync)
    units.append(unit)
  }

  private mutating func dropSurplus(_ calls: inout [Call]) {
    for number in cache.takeSurplus() {
      calls.append(.deallocate(number: number))
      calls.append(.sync)
      steps.append(.deallocate)
      steps.append(.innerSync)
    }
  }

  mutating func receive(_ result: Result) -> Effect {
    guard let step = steps.first else { return .close }
    switch (step, result) {
    case (_, .failure(_, isFatal: true)): return .close
    case (.sync, .sync):
      steps.removeFirst()
      headFailed = false
      guard let unit = units.popFirst() else { return .close }
      return .finish(unit)
    case (.innerSync, .sync):
      steps.removeFirst()
      return .ignore
    // The implicit transaction of a unit commits at its sync, and may fail there.
    case (.sync, .failure): return fail()
    case (.sync, .end) where headFailed: return .ignore
    case (.sync, _), (.innerSync, _), (_, .sync): return .close
    case (_, .end): return end()
    default: break
    }
    headAnswered = true
    switch (step, result) {
    case (.deallocate, _): return .ignore
    case (.prepare(let number), .failure), (.prepare(let number), .skipped):
      cache.forget(number: number, isOnServer: false)
      return result == .skipped ? .ignore : fail()
    case (.execute(let number), .failure(isStale: true, _)):
      cache.forget(number: number, isOnServer: true)
      return fail()
    case (_, .failure): return fail()
    case (.execute, .success): return units.first.map { .rows($0) } ?? .close
    default: return .ignore
    }
  }

  private mutating func end() -> Effect {
    guard headAnswered else { return .close }
    headAnswered = false
    steps.removeFirst()
    return .ignore
  }

  /// Only a unit's first error is its error.
  private mutating func fail() -> Effect {
    guard !headFailed, let unit = units.first else { return .ignore }
    headFailed = true
    return .fail(unit)
  }

  /// The connection is gone: whose units were out, in order.
  mutating func abandon() -> [Unit] {
    var left: [Unit] = []
    while let unit = units.popFirst() { left.append(unit) }
    steps.removeAll()
    return left
  }

  /// Every unit that is out, in order.
  func forEachUnit(_ body: (Unit) -> Void) { units.forEach(body) }
}
