import Reactor

/// A bounded number of places, and a bounded queue for them in order of arrival. On the loop only.
final class Places: @unchecked Sendable {
  private typealias Waiter = CheckedContinuation<TransferReport.LocalFailure?, Never>

  private let loop: EventLoop
  private let countMax: Int
  private let queuedMax: Int
  private var taken = 0
  private var waiters: [UInt64: Waiter] = [:]
  /// In order; numbers of waiters that have gone are skipped.
  private var order: [UInt64] = []
  private var nextID: UInt64 = 0
  private var isClosed = false

  var waitingCount: Int { waiters.count }

  init(loop: EventLoop, countMax: Int, queuedMax: Int) {
    self.loop = loop
    self.countMax = countMax
    self.queuedMax = queuedMax
  }

  /// Nil: the caller has a place, and must `give` it back.
  func take(until deadline: Deadline) async -> TransferReport.LocalFailure? {
    loop.preconditionCurrent()
    guard !isClosed else { return .clientStopped }
    guard !deadline.isPast else { return .deadlinePassed }
    guard taken >= countMax else {
      taken += 1
      return nil
    }
    guard waiters.count < queuedMax else { return .queueFull }
    nextID += 1
    let id = nextID
    return await withTaskCancellationHandler {
      await withCheckedContinuation { wait(id, until: deadline, $0) }
    } onCancel: {
      loop.execute { self.end(id, .cancelled) }
    }
  }

  private func wait(_ id: UInt64, until deadline: Deadline, _ waiter: Waiter) {
    guard !Task.isCancelled else { return waiter.resume(returning: .cancelled) }
    waiters[id] = waiter
    order.append(id)
    loop.schedule(after: deadline.remaining) { [weak self] in self?.end(id, .deadlinePassed) }
  }

  private func end(_ id: UInt64, _ failure: TransferReport.LocalFailure) {
    waiters.removeValue(forKey: id)?.resume(returning: failure)
    if order.count > 2 * queuedMax { order.removeAll { waiters[$0] == nil } }
  }

  /// Passes the place to the first waiter, or frees it.
  func give() {
    loop.preconditionCurrent()
    while !order.isEmpty {
      if let waiter = waiters.removeValue(forKey: order.removeFirst()) {
        return waiter.resume(returning: nil)
      }
    }
    taken -= 1
  }

  func close() {
    loop.preconditionCurrent()
    isClosed = true
    for waiter in waiters.values { waiter.resume(returning: .clientStopped) }
    waiters = [:]
    order = []
  }
}
