/// A first-in-first-out queue in one growing circle of slots.
struct RingBuffer<Element> {
  private var slots: [Element?] = Array(repeating: nil, count: 16)
  private var head = 0
  private(set) var count = 0

  var isEmpty: Bool { count == 0 }
  var first: Element? { count == 0 ? nil : slots[head] }

  mutating func append(_ element: Element) {
    if count == slots.count { grow() }
    slots[(head + count) & (slots.count - 1)] = element
    count += 1
  }

  mutating func popFirst() -> Element? {
    guard count > 0 else { return nil }
    defer {
      slots[head] = nil
      head = (head + 1) & (slots.count - 1)
      count -= 1
    }
    return slots[head]
  }

  mutating func removeFirst() {
    _ = popFirst()
  }

  mutating func removeAll() {
    self = RingBuffer()
  }

  /// Takes out every element that matches; the order of the others stays.
  mutating func remove(where matches: (Element) -> Bool) -> [Element] {
    var removed: [Element] = []
    for _ in 0..<count {
      guard let element = popFirst() else { break }
      if matches(element) { removed.append(element) } else { append(element) }
    }
    return removed
  }

  func forEach(_ body: (Element) -> Void) {
    for index in 0..<count {
      if let element = slots[(head + index) & (slots.count - 1)] { body(element) }
    }
  }

  private mutating func grow() {
    var larger: [Element?] = Array(repeating: nil, count: slots.count * 2)
    for index in 0..<count { larger[index] = slots[(head + index) & (slots.count - 1)] }
    slots = larger
    head = 0
  }
}
