/// What waits for the batch writer: a pure queue of groups, bounded by commands.
struct BatchQueue<Group> {
  /// Most commands in one batch.
  static var batchMax: Int { 8_000 }
  /// Most commands that wait; beyond, callers are told to come back.
  static var waitingMax: Int { 64_000 }

  private var groups: [(group: Group, count: Int)] = []
  private(set) var waiting = 0
  private(set) var isWriting = false

  /// - Returns: false if the queue is full. A group larger than a batch never fits.
  mutating func append(_ group: Group, count: Int) -> Bool {
    guard count <= Self.batchMax, waiting + count <= Self.waitingMax else { return false }
    groups.append((group, count))
    waiting += count
    return true
  }

  /// True if the caller must start the writer.
  mutating func startWriting() -> Bool {
    guard !isWriting, !groups.isEmpty else { return false }
    isWriting = true
    return true
  }

  /// The next batch: whole groups in order of arrival. Empty: the writer has ended.
  mutating func next() -> [Group] {
    var count = 0
    var taken = 0
    while taken < groups.count, count + groups[taken].count <= Self.batchMax {
      count += groups[taken].count
      taken += 1
    }
    let batch = groups[..<taken].map(\.group)
    groups.removeFirst(taken)
    waiting -= count
    if batch.isEmpty { isWriting = false }
    return batch
  }
}
