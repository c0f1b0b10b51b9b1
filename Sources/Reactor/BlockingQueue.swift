import Glibc

/// A bounded queue that threads wait on. Pushing never blocks.
final class BlockingQueue<Element: Sendable>: @unchecked Sendable {
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)
  private let countMax: Int

  // Behind the mutex.
  private var items: [Element] = []
  private var isClosed = false

  enum Push { case accepted, full, closed }

  init(countMax: Int) {
    self.countMax = countMax
    pthread_mutex_init(mutex, nil)
    pthread_cond_init(condition, nil)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  func push(_ element: Element) -> Push {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    guard !isClosed else { return .closed }
    guard items.count < countMax else { return .full }
    items.append(element)
    pthread_cond_signal(condition)
    return .accepted
  }

  /// Waits for an element; nil once closed and empty.
  func pop() -> Element? {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while items.isEmpty {
      guard !isClosed else { return nil }
      pthread_cond_wait(condition, mutex)
    }
    return items.removeFirst()
  }

  /// What is queued is still popped; nothing more is accepted.
  func close() {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    isClosed = true
    pthread_cond_broadcast(condition)
  }

  var count: Int {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return items.count
  }
}
