import Testing

@testable import LedgerService

@Suite struct BatchQueueTests {
  @Test func takesWholeGroupsInOrderUpToTheLimit() {
    var queue = BatchQueue<String>()
    let accepted = [("a", 5_000), ("b", 3_000), ("c", 1)].map { queue.append($0.0, count: $0.1) }
    #expect(accepted == [true, true, true])
    #expect(queue.waiting == 8_001)
    let started = queue.startWriting()
    #expect(started)
    let batches = [queue.next(), queue.next(), queue.next()]
    #expect(batches == [["a", "b"], ["c"], []])
    #expect(queue.waiting == 0 && queue.writers == 0)
    let idle = queue.startWriting()
    #expect(!idle)
  }

  /// A second one starts when much waits, and ends when little does; the first takes the rest.
  @Test func aSecondWriterComesForMuch() {
    var queue = BatchQueue<Int>()
    _ = queue.append(1, count: 499)
    let first = [queue.startWriting(), queue.startWriting()]
    #expect(first == [true, false])
    _ = queue.append(2, count: 1)
    let second = [queue.startWriting(), queue.startWriting()]
    #expect(second == [true, false] && queue.writers == 2)
    let batch = queue.next()
    #expect(batch == [1, 2])
    _ = queue.append(3, count: 499)
    let ended = queue.next()
    #expect(ended == [] && queue.writers == 1 && queue.waiting == 499)
    let rest = [queue.next(), queue.next()]
    #expect(rest == [[3], []] && queue.writers == 0)
  }

  @Test func isBounded() {
    var queue = BatchQueue<Int>()
    let tooLarge = queue.append(0, count: 8_001)
    #expect(!tooLarge)
    for index in 0..<8 {
      let accepted = queue.append(index, count: 8_000)
      #expect(accepted)
    }
    let overflow = queue.append(9, count: 1)
    #expect(!overflow)
    _ = queue.next()
    let again = queue.append(9, count: 1)
    #expect(again)
  }

  @Test func arrivalsDuringABatchWaitForTheNext() {
    var queue = BatchQueue<Int>()
    _ = queue.append(1, count: 1)
    _ = queue.startWriting()
    let first = queue.next()
    _ = queue.append(2, count: 1)
    let mustStart = queue.startWriting()
    #expect(first == [1] && !mustStart)
    let second = queue.next()
    #expect(second == [2])
  }
}
