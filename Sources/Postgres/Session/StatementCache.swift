/// Which statements are prepared on one connection. Names are `s` and a number, never reused.
struct StatementCache {
  struct Entry {
    var number: Int
    var lastUse: UInt64
  }

  let capacity: Int
  private var entries: [StatementKey: Entry] = [:]
  private var nextNumber = 1
  private var clock: UInt64 = 0
  /// Statements that the server holds and nobody will use again.
  private var discarded: [Int] = []

  init(capacity: Int) {
    self.capacity = capacity
  }

  var count: Int { entries.count }

  /// The statement's number, and whether it has to be prepared first.
  mutating func use(_ key: StatementKey) -> (number: Int, isNew: Bool) {
    clock += 1
    if let index = entries.index(forKey: key) {
      entries.values[index].lastUse = clock
      return (entries.values[index].number, false)
    }
    let number = nextNumber
    nextNumber += 1
    entries[key] = Entry(number: number, lastUse: clock)
    return (number, true)
  }

  /// Forgets a statement. `isOnServer`: the server holds it still and should drop it.
  mutating func forget(number: Int, isOnServer: Bool) {
    guard let key = entries.first(where: { $0.value.number == number })?.key else { return }
    entries[key] = nil
    if isOnServer { discarded.append(number) }
  }

  /// Takes out what to deallocate so that the cache fits its capacity: the longest unused first.
  mutating func takeSurplus() -> [Int] {
    while entries.count > capacity,
      let oldest = entries.min(by: { $0.value.lastUse < $1.value.lastUse })
    {
      entries[oldest.key] = nil
      discarded.append(oldest.value.number)
    }
    guard !discarded.isEmpty else { return [] }
    defer { discarded = [] }
    return discarded
  }
}
