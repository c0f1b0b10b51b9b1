/// One thing to run on the loop. What other threads submit is `@Sendable`; the rest never leaves
/// the loop.
enum Work: @unchecked Sendable {
  case job(UnownedJob)
  case closure(() -> Void)
  case timer(TimerToken)
}

/// First in, first out, in one array that is reused: pushing allocates only while it grows.
struct WorkQueue {
  private static let compactionThreshold = 1024

  private var items: [Work] = []
  private var head = 0

  var isEmpty: Bool { head == items.count }
  var count: Int { items.count - head }

  mutating func push(_ work: Work) {
    items.append(work)
  }

  mutating func append(_ other: inout [Work]) {
    if isEmpty {
      swap(&items, &other)
      head = 0
      other.removeAll(keepingCapacity: true)
    } else {
      items.append(contentsOf: other)
      other.removeAll(keepingCapacity: true)
    }
  }

  mutating func pop() -> Work? {
    guard head < items.count else { return nil }
    let work = items[head]
    items[head] = .closure(Self.nothing)
    head += 1
    if head == items.count {
      items.removeAll(keepingCapacity: true)
      head = 0
    } else if head >= Self.compactionThreshold, head * 2 >= items.count {
      items.removeFirst(head)
      head = 0
    }
    return work
  }

  private static let nothing: @Sendable () -> Void = {}
}
