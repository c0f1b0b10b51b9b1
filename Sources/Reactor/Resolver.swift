import Synchronization

/// Host names to addresses, on threads of its own: bounded in threads, in waiting lookups and in
/// remembered hosts. Callers that ask for the same host share one lookup. A caller waits no longer
/// than its limit, however long the system's resolver takes.
package final class Resolver: Sendable {
  package struct Limits: Sendable {
    package var threadCount = 2
    package var queuedMax = 128
    package var waitersPerHostMax = 1_024
    package var cachedHostsMax = 1_024
    package var addressesMax = 16
    package var timeToLive: Duration = .seconds(30)
    /// How long a failure is remembered, so that a dead name is not looked up per call.
    package var failureTimeToLive: Duration = .seconds(1)
    package init() {}
  }

  package typealias Lookup = @Sendable (String) -> Result<[IPAddress], ResolverError>
  private typealias Waiter = CheckedContinuation<Result<[IPAddress], ResolverError>, Never>

  private struct Entry {
    let result: Result<[IPAddress], ResolverError>
    let until: MonotonicInstant
  }

  private struct State {
    var cache: [String: Entry] = [:]
    var pending: [String: [UInt64: Waiter]] = [:]
    var nextID: UInt64 = 0
  }

  private let loop: EventLoop
  private let limits: Limits
  private let lookup: Lookup
  private let queue: BlockingQueue<String>
  private let state = Mutex(State())

  /// - Parameter lookup: may block; runs on the resolver's threads only.
  /// - Throws: `ResolverError.noThreads`.
  package init(
    loop: EventLoop, limits: Limits = Limits(), lookup: @escaping Lookup = Resolver.systemLookup
  ) throws(ResolverError) {
    self.loop = loop
    self.limits = limits
    self.lookup = lookup
    queue = BlockingQueue(countMax: limits.queuedMax)
    let queue = queue
    for index in 0..<max(1, limits.threadCount) {
      let started = Thread.start(name: "resolver-\(index)") { [weak self] in
        while let host = queue.pop() { self?.look(up: host) }
      }
      guard started else {
        queue.close()
        throw .noThreads
      }
    }
  }

  deinit { queue.close() }

  /// The addresses of a host, in the system's order. Numeric hosts (IPv6 with or without brackets)
  /// answer at once.
  /// - Parameter limit: bounded by the task's deadline as well.
  /// - Throws: `ResolverError.invalidName`; `.stopped`; `.queueFull`; `.timedOut`; `.cancelled`;
  ///   `.notFound`; `.temporary`.
  package func resolve(
    _ host: String, port: UInt16, within limit: Duration
  ) async throws(ResolverError) -> [SocketAddress] {
    if let address = Self.numeric(host) { return [.ip(address, port: port)] }
    let name = try Self.normalized(host)
    if let cached = cached(name) {
      return try cached.get().map { .ip($0, port: port) }
    }
    let remaining = Deadline.within(limit).remaining
    guard remaining > .zero else { throw .timedOut }
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    let result = await withTaskCancellationHandler {
      await withCheckedContinuation { wait(for: name, id, within: remaining, $0) }
    } onCancel: {
      finish(name, id, .failure(.cancelled))
    }
    return try result.get().map { .ip($0, port: port) }
  }

  /// Accepts no more lookups.
  package func shutdown() {
    queue.close()
  }

  // MARK: - Waiting

  private func wait(for name: String, _ id: UInt64, within limit: Duration, _ waiter: Waiter) {
    let answer: Result<[IPAddress], ResolverError>? = state.withLock { state in
      guard !Task.isCancelled else { return .failure(.cancelled) }
      // The lookup of others may have ended since the caller looked.
      if let kept = Self.kept(name, in: state) { return kept }
      if state.pending[name] != nil {
        guard state.pending[name, default: [:]].count < limits.waitersPerHostMax else {
          return .failure(.queueFull)
        }
        state.pending[name]?[id] = waiter
        return nil
      }
      switch queue.push(name) {
      case .accepted:
        state.pending[name] = [id: waiter]
        return nil
      case .full: return .failure(.queueFull)
      case .closed: return .failure(.stopped)
      }
    }
    if let answer {
      waiter.resume(returning: answer)
      return
    }
    let loop = loop
    loop.execute {
      loop.schedule(after: limit) { [weak self] in
        self?.finish(name, id, .failure(.timedOut))
      }
    }
  }

  /// Ends one waiter; its lookup goes on for the others, and for the cache.
  private func finish(
    _ name: String, _ id: UInt64, _ result: Result<[IPAddress], ResolverError>
  ) {
    let waiter = state.withLock { $0.pending[name]?.removeValue(forKey: id) }
    waiter?.resume(returning: result)
  }

  private func look(up name: String) {
    let found = lookup(name).map { Array($0.prefix(limits.addressesMax)) }
    let waiters = state.withLock { state in
      remember(name, found, in: &state)
      return state.pending.removeValue(forKey: name) ?? [:]
    }
    for waiter in waiters.values { waiter.resume(returning: found) }
  }

  // MARK: - Cache

  private func cached(_ name: String) -> Result<[IPAddress], ResolverError>? {
    state.withLock { Self.kept(name, in: $0) }
  }

  private static func kept(
    _ name: String, in state: State
  ) -> Result<[IPAddress], ResolverError>? {
    guard let entry = state.cache[name], entry.until > .now else { return nil }
    return entry.result
  }

  private func remember(
    _ name: String, _ result: Result<[IPAddress], ResolverError>, in state: inout State
  ) {
    let now = MonotonicInstant.now
    if state.cache.count >= limits.cachedHostsMax, state.cache[name] == nil {
      state.cache = state.cache.filter { $0.value.until > now }
      if state.cache.count >= limits.cachedHostsMax {
        state.cache.remove(at: state.cache.startIndex)
      }
    }
    let failed = if case .failure = result { true } else { false }
    let life = failed ? limits.failureTimeToLive : limits.timeToLive
    state.cache[name] = Entry(result: result, until: now.advanced(by: life))
  }
}

package enum ResolverError: Error, Sendable, Hashable {
  /// Not a host name: empty, over 253 bytes, or with bytes other than letters, digits, `-._`.
  case invalidName
  case stopped
  case queueFull
  case timedOut
  case cancelled
  /// The name has no address.
  case notFound
  /// The name servers did not answer, or asked to try again.
  case temporary
  /// The system gave no thread.
  case noThreads
}
