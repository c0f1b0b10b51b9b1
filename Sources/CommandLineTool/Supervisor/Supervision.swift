/// The supervisor's rules, without processes: events go in, actions come out. Programs start when
/// what they come after is ready, restart with growing pauses, and stop in reverse order.
package struct Supervision: Sendable {
  /// Pauses before the first, second, … restart in a row; the last one repeats.
  package static let restartPausesMilliseconds: [Int64] = [200, 500, 1_000, 2_000, 5_000, 10_000]
  /// After running this long, longer than any pause, a program's failures are forgotten: one that is
  /// killed now and then is in no crash loop.
  package static let forgivenAfterMilliseconds: Int64 = 11_000

  package enum Phase: Sendable, Equatable {
    case waiting
    /// Asked for, not answered yet.
    case spawning
    case starting(pid: Int32, since: Int64)
    case ready(pid: Int32, since: Int64)
    case backingOff(until: Int64)
    /// `killAt` is nil once SIGKILL is sent.
    case stopping(pid: Int32, killAt: Int64?)
    case stopped
  }

  package struct Entry: Sendable {
    package var specification: ProcessSpecification
    /// Takes effect when the running one has ended.
    package var next: ProcessSpecification?
    package var isRemoved = false
    package var phase: Phase = .waiting
    package var failures = 0
    package var restarts = 0
    package var lastExit: String?

    package var pid: Int32? {
      switch phase {
      case .starting(let pid, _), .ready(let pid, _), .stopping(let pid, _): pid
      case .waiting, .spawning, .backingOff, .stopped: nil
      }
    }
  }

  package enum Event: Sendable {
    /// These programs shall run, these only, in this order.
    case plan([ProcessSpecification])
    case spawned(String, pid: Int32)
    case spawnFailed(String, reason: String)
    case exited(pid: Int32, how: String)
    case ready(String)
    case tick
    /// End everything.
    case stop
  }

  package enum Action: Sendable, Equatable {
    /// Answered by `spawned` or `spawnFailed` before the next event.
    case spawn(ProcessSpecification)
    case signal(pid: Int32, Int32)
    case kill(pid: Int32)
    /// All have ended after `stop`.
    case finished
  }

  package private(set) var entries: [Entry] = []
  package private(set) var isStopping = false

  package init() {}

  package mutating func handle(_ event: Event, at now: Int64) -> [Action] {
    switch event {
    case .plan(let specifications): adopt(specifications)
    case .spawned(let name, let pid): update(name) { $0.phase = .starting(pid: pid, since: now) }
    case .spawnFailed(let name, let reason):
      update(name) {
        $0.lastExit = reason
        Self.backOff(&$0, ranSince: now, now: now)
      }
    case .exited(let pid, let how): ended(pid, how, at: now)
    case .ready(let name):
      update(name) {
        if case .starting(let pid, _) = $0.phase { $0.phase = .ready(pid: pid, since: now) }
      }
    case .tick: break
    case .stop: isStopping = true
    }
    return advance(at: now)
  }

  // MARK: - Events

  private mutating func adopt(_ specifications: [ProcessSpecification]) {
    let old = entries
    entries = specifications.map { specification in
      guard var entry = old.first(where: { $0.specification.name == specification.name }) else {
        return Entry(specification: specification)
      }
      entry.isRemoved = false
      if entry.pid == nil {
        entry.specification = specification
        entry.next = nil
        // A new plan is a new try.
        if entry.phase != .waiting { entry.phase = .waiting }
        entry.failures = 0
      } else {
        entry.next = entry.specification == specification ? nil : specification
      }
      return entry
    }
    let names = Set(specifications.map(\.name))
    for var entry in old where !names.contains(entry.specification.name) && entry.pid != nil {
      entry.isRemoved = true
      entries.append(entry)
    }
  }

  private mutating func ended(_ pid: Int32, _ how: String, at now: Int64) {
    guard let index = entries.firstIndex(where: { $0.pid == pid }) else { return }
    entries[index].lastExit = how
    switch entries[index].phase {
    case .starting(_, let since), .ready(_, let since):
      entries[index].restarts += 1
      Self.backOff(&entries[index], ranSince: since, now: now)
    case .stopping:
      entries[index].phase = .stopped
    case .waiting, .spawning, .backingOff, .stopped: break
    }
    if let next = entries[index].next {
      entries[index].specification = next
      entries[index].next = nil
      entries[index].failures = 0
      entries[index].phase = .waiting
    }
    if entries[index].isRemoved { entries.remove(at: index) }
  }

  private static func backOff(_ entry: inout Entry, ranSince since: Int64, now: Int64) {
    if now - since >= forgivenAfterMilliseconds { entry.failures = 0 }
    let pause = restartPausesMilliseconds[min(entry.failures, restartPausesMilliseconds.count - 1)]
    entry.failures += 1
    entry.phase = .backingOff(until: now + pause)
  }

  // MARK: - Consequences

  private mutating func advance(at now: Int64) -> [Action] {
    var actions: [Action] = []
    for index in entries.indices {
      let entry = entries[index]
      switch entry.phase {
      case .waiting: actions += start(index)
      case .backingOff(let until):
        if isStopping || entry.isRemoved {
          entries[index].phase = .stopped
        } else if until <= now {
          actions += start(index)
        }
      case .starting(let pid, _), .ready(let pid, _):
        let mustEnd = (isStopping || entry.isRemoved) && !hasDependents(entry.specification.name)
        guard mustEnd || (entry.next != nil && !isStopping) else { continue }
        entries[index].phase = .stopping(
          pid: pid, killAt: now + entry.specification.stopTimeoutSeconds * 1000)
        actions.append(.signal(pid: pid, entry.specification.stopSignal))
      case .stopping(let pid, let killAt):
        guard let killAt, killAt <= now else { continue }
        entries[index].phase = .stopping(pid: pid, killAt: nil)
        actions.append(.kill(pid: pid))
      case .stopped, .spawning: break
      }
    }
    entries.removeAll { $0.isRemoved && $0.phase == .stopped }
    if isStopping && entries.allSatisfy({ $0.pid == nil }) { actions.append(.finished) }
    return actions
  }

  private mutating func start(_ index: Int) -> [Action] {
    if isStopping {
      entries[index].phase = .stopped
      return []
    }
    let specification = entries[index].specification
    let isFree = specification.after.allSatisfy { name in
      guard let before = entries.first(where: { $0.specification.name == name }) else { return true }
      if case .ready = before.phase { return true }
      return false
    }
    guard isFree else { return [] }
    entries[index].phase = .spawning
    return [.spawn(specification)]
  }

  /// Whether a program that comes after this one still runs.
  private func hasDependents(_ name: String) -> Bool {
    entries.contains { $0.pid != nil && $0.specification.after.contains(name) }
  }

  private mutating func update(_ name: String, _ change: (inout Entry) -> Void) {
    guard let index = entries.firstIndex(where: { $0.specification.name == name }) else { return }
    change(&entries[index])
  }
}
