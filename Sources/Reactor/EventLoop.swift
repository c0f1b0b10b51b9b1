import CLinux
import Glibc
import Synchronization

/// One epoll thread that is also a task executor: descriptors, timers and every task that prefers
/// it run on that thread, one at a time. Nothing on it may block.
///
/// Confinement rule: whatever says "on the loop only" is touched by the loop's thread alone; the
/// inbox and the task table are the only state shared between threads, each behind its mutex.
package final class EventLoop: TaskExecutor, @unchecked Sendable {
  /// Work items run before descriptors are looked at again, so that jobs cannot starve I/O.
  static let workPerTurn = 256
  /// Events taken from the kernel in one turn.
  static let eventsPerTurn = 256
  /// After a stop was asked for, jobs that keep making jobs are left behind after this long.
  static let stopGrace: Duration = .seconds(1)

  package let name: String
  package let longJobLimit: Duration

  // Shared between threads.
  let inbox = Mutex(Inbox())
  let tasks = Mutex(TaskTable())
  /// When the running turn began; 0 while the loop waits.
  let busySince = Atomic<Int64>(0)
  private let thread = Atomic<UInt>(0)

  // On the loop only.
  private var local = WorkQueue()
  private var cachedNow = MonotonicInstant.now
  private var measured = LoopStatistics()
  private var stopBy: MonotonicInstant?
  private var events = [tender_event](repeating: tender_event(), count: eventsPerTurn)
  private let longJobNanoseconds: Int64
  let wheel = TimerWheel(now: .now)
  var slots: [Slot] = []
  var freeSlots: [Int] = []
  var epoll: Int32 = -1
  private var wakeup: Int32 = -1

  /// - Parameters:
  ///   - name: shown as the thread's name (15 bytes) and in messages.
  ///   - longJobLimit: a job, handler or timer that keeps the loop longer counts as long.
  package init(name: String, longJobLimit: Duration = .milliseconds(5)) {
    self.name = name
    self.longJobLimit = longJobLimit
    longJobNanoseconds = longJobLimit.wholeNanoseconds
  }

  /// Starts the loop's thread. Jobs submitted before run then.
  /// - Throws: `LoopError.stopped` (started before); `.system`.
  package func start() throws(LoopError) {
    tender_process_setup()
    let phase = inbox.withLock { $0.phase }
    guard phase == .idle else { throw .stopped }
    epoll = tender_epoll_create()
    guard epoll >= 0 else { throw .system(call: "epoll_create1", errno: errno) }
    wakeup = tender_eventfd()
    guard wakeup >= 0 else { throw .system(call: "eventfd", errno: errno) }
    let read = UInt32(tender_event_read)
    guard tender_epoll_set(epoll, wakeup, read, Slot.wakeupToken, false) == 0 else {
      throw .system(call: "epoll_ctl", errno: errno)
    }
    inbox.withLock { $0.phase = .running }
    guard Thread.start(name: name, { self.main() }) else {
      inbox.withLock { $0.phase = .stopped }
      throw .system(call: "pthread_create", errno: errno)
    }
  }

  deinit {
    // Not earlier: a thread that took the wake-up may signal after the loop has ended.
    if wakeup >= 0 { close(wakeup) }
  }

  // MARK: - Where am I

  /// Whether the caller runs on this loop's thread. Cheap: one thread-local load.
  package var isCurrent: Bool {
    tender_thread_loop() == Unmanaged.passUnretained(self).toOpaque()
  }

  package func preconditionCurrent() {
    precondition(isCurrent, "not on the event loop's thread")
  }

  /// The loop whose thread this is.
  package static var current: EventLoop? {
    guard let pointer = tender_thread_loop() else { return nil }
    return Unmanaged<EventLoop>.fromOpaque(pointer).takeUnretainedValue()
  }

  /// The time as of the last piece of work: on the loop only. For arming and measuring use
  /// `MonotonicInstant.now`.
  package var now: MonotonicInstant { cachedNow }

  // MARK: - Work

  /// Runs `work` soon on the loop, from any thread; never inline.
  package func execute(_ work: @escaping @Sendable () -> Void) {
    submit(.closure(work))
  }

  package func enqueue(_ job: consuming ExecutorJob) {
    submit(.job(UnownedJob(job)))
  }

  /// On the loop: the local queue, no lock. Elsewhere: the inbox, and a wake-up only if it sleeps.
  private func submit(_ work: Work) {
    if isCurrent {
      local.push(work)
      return
    }
    let (wake, linger) = inbox.withLock { inbox in
      inbox.jobs.append(work)
      return (inbox.takeWake(), inbox.takeLinger())
    }
    if wake { tender_eventfd_signal(wakeup) }
    if linger { startLingering() }
  }

  /// Runs `work` after `duration`, on the loop only. Resolution 10 ms, never early.
  @discardableResult
  package func schedule(
    after duration: Duration, _ work: @escaping () -> Void
  ) -> TimerToken {
    preconditionCurrent()
    return wheel.arm(after: duration, now: .now, work)
  }

  // MARK: - The thread

  private func main() {
    tender_thread_loop_set(Unmanaged.passUnretained(self).toOpaque())
    thread.store(UInt(pthread_self()), ordering: .relaxed)
    while turn() {}
    closeDown()
    while lingerTurn() {}
    tender_thread_loop_set(nil)
  }

  /// One round: inbox, descriptors, timers, work. False: the loop ends.
  private func turn() -> Bool {
    let stopping = inbox.withLock { inbox in
      local.append(&inbox.jobs)
      inbox.sleeping = local.isEmpty && inbox.phase == .running
      inbox.statistics = measured
      return inbox.phase == .stopping
    }
    if stopping, local.isEmpty || isOverdue() { return false }
    let wait = local.isEmpty ? wheel.millisecondsToNext(now: .now) ?? -1 : 0
    busySince.store(0, ordering: .relaxed)
    let count = tender_epoll_wait(epoll, &events, Int32(events.count), wait)
    let started = MonotonicInstant.now
    cachedNow = started
    busySince.store(started.nanoseconds, ordering: .relaxed)
    precondition(count >= 0, "epoll_wait refused its own descriptor")
    for index in 0..<Int(count) { dispatch(events[index]) }
    for token in wheel.expire(now: cachedNow) { local.push(.timer(token)) }
    runWork()
    measured.turns += 1
    let length = started.duration(to: cachedNow).wholeNanoseconds
    measured.busyNanoseconds += length
    measured.longestTurnNanoseconds = max(measured.longestTurnNanoseconds, length)
    return true
  }

  private func isOverdue() -> Bool {
    let limit = stopBy ?? MonotonicInstant.now.advanced(by: Self.stopGrace)
    stopBy = limit
    return MonotonicInstant.now > limit
  }

  private func runWork() {
    var budget = Self.workPerTurn
    while budget > 0, let work = local.pop() {
      budget -= 1
      switch work {
      case .job(let job): job.runSynchronously(on: asUnownedTaskExecutor())
      case .closure(let closure): closure()
      case .timer(let token): token.fire()
      }
      measured.jobs += 1
      measure()
    }
  }

  private func dispatch(_ event: tender_event) {
    if event.token == Slot.wakeupToken {
      tender_eventfd_clear(wakeup)
      return
    }
    guard let registration = registration(for: event.token),
      !registration.interest.isEmpty, let handler = registration.handler
    else { return }
    handler(Readiness(rawValue: event.events))
    measured.events += 1
    measure()
  }

  /// Moves the cached time on and counts the piece of work that just ended.
  private func measure() {
    let end = MonotonicInstant.now
    let length = end.nanoseconds - cachedNow.nanoseconds
    cachedNow = end
    if length > measured.longestJobNanoseconds { measured.longestJobNanoseconds = length }
    if length > longJobNanoseconds { measured.longJobs += 1 }
  }

  /// For the watchdog: the crash report shows the stack that stalled.
  func abortOnItsThread() {
    _ = pthread_kill(pthread_t(thread.load(ordering: .relaxed)), SIGABRT)
  }

  func countBlockingCall() {
    measured.blockingCalls += 1
  }

  // MARK: - The end

  private func closeDown() {
    for slot in slots { slot.registration?.remove() }
    busySince.store(0, ordering: .relaxed)
    close(epoll)
    epoll = -1
    wheel.removeAll()
    let waiters = inbox.withLock { inbox in
      inbox.phase = .stopped
      inbox.lingering = true
      inbox.statistics = measured
      defer { inbox.stopWaiters = [] }
      return inbox.stopWaiters
    }
    for waiter in waiters { waiter.resume() }
  }

  /// A task may outlive the loop's thread, such as the one that awaited the shutdown: its last jobs
  /// run on a thread that lives as long as there are any, still one at a time.
  private func startLingering() {
    let started = Thread.start(name: name) {
      tender_thread_loop_set(Unmanaged.passUnretained(self).toOpaque())
      while self.lingerTurn() {}
      tender_thread_loop_set(nil)
    }
    if !started { inbox.withLock { $0.lingering = false } }
  }

  private func lingerTurn() -> Bool {
    let ended = inbox.withLock { inbox in
      local.append(&inbox.jobs)
      if local.isEmpty { inbox.lingering = false }
      return local.isEmpty
    }
    guard !ended else { return false }
    cachedNow = .now
    runWork()
    return true
  }
}
