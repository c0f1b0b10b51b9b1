/// What waits for the batch writer: a pure queue of groups, bounded by commands.
///
/// One batch at a time gathers the most. When much waits, a second one is made ready and sent
/// meanwhile: it waits for the shard's lock in the database, and goes on there without a round trip.
struct BatchQueue<Group> {
  /// Most commands in one batch.
  static var batchMax: Int { 8_000 }
  /// Most commands that wait; beyond, callers are told to come back.
  static var waitingMax: Int { 64_000 }
  /// Commands that must wait for a second batch to be worth it.
  static var secondMin: Int { 500 }

  private var groups: [(group: Group, count: Int)] = []
  private(set) var waiting = 0
  private(set) var writers = 0

  /// - Returns: false if the queue is full. A group larger than a batch never fits.
  mutating func append(_ group: Group, count: Int) -> Bool {
    guard count <= Self.batchMax, waiting + count <= Self.waitingMax else { return false }
    groups.append((group, count))
    waiting += count
    return true
  }

  /// True if the caller must start a writer.
  mutating func startWriting() -> Bool {
    guard writers < 2, waiting >= (writers == 0 ? 1 : Self.secondMin) else { return false }
    writers += 1
    return true
  }

  /// The next batch: whole groups in order of arrival. Empty: this writer has ended.
  mutating func next() -> [Group] {
    var count = 0
    var taken = 0
    if writers < 2 || waiting >= Self.secondMin {
      while taken < groups.count, count + groups[taken].count <= Self.batchMax {
        count += groups[taken].count
        taken += 1
      }
    }
    let batch = groups[..<taken].map(\.group)
    groups.removeFirst(taken)
    waiting -= count
    if batch.isEmpty { writers -= 1 }
    return batch
  }
}
