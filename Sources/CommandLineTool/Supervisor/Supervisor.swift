import CLaunch
import Glibc

/// The supervisor process: carries out what `Supervision` decides. One thread, blocking in `poll`;
/// signals are its events.
struct Supervisor: ~Copyable {
  static let tickMilliseconds: Int64 = 100
  static let idleTickMilliseconds: Int64 = 1_000
  static let rotationCheckMilliseconds: Int64 = 10_000
  static let renewalCheckMilliseconds: Int64 = 3_600_000

  let checkout: Checkout
  private let health: HealthProbe
  private var rules = Supervision()
  private var readySince: [String: Int64] = [:]
  private var written: [ProcessReport] = []
  private var renewal: Int32?
  private var nextRotation: Int64 = 0
  private var nextRenewal = MonotonicClock.milliseconds + renewalCheckMilliseconds
  /// Signals arrive here as bytes.
  private let signals: Int32

  private init(checkout: Checkout, health: HealthProbe, signals: Int32) {
    self.checkout = checkout
    self.health = health
    self.signals = signals
  }

  /// - Throws: `Failure` where the process cannot have a pipe or another thread.
  static func make(_ checkout: Checkout) throws -> Supervisor {
    signal(SIGPIPE, SIG_IGN)
    let signals = tender_catch_signals([SIGTERM, SIGINT, SIGHUP, SIGCHLD], 4)
    guard signals >= 0 else { throw Files.failure("cannot catch signals") }
    return Supervisor(checkout: checkout, health: try HealthProbe(checkout), signals: signals)
  }

  /// Runs until everything has ended after SIGTERM or SIGINT.
  mutating func run() throws {
    let pid = getpid()
    let owner = SupervisorState.Owner(
      pid: pid, startTicks: Spawn.startTicks(pid) ?? 0,
      program: Files.fingerprint(checkout.program("tender")) ?? "")
    log("started")
    try report()
    try Files.write(try JSONText.encode(owner), to: checkout.supervisorFile)
    var isFinished = perform(.plan(try plan()))
    while !isFinished {
      switch wait() {
      case SIGTERM, SIGINT:
        log("stopping everything")
        isFinished = perform(.stop)
      case SIGHUP:
        do {
          isFinished = perform(.plan(try plan()))
        } catch {
          log("keeping the old plan: \(error)")
        }
      default: break
      }
      if !isFinished { isFinished = turn() }
      do { try report() } catch { log("\(error)") }
    }
    unlink(checkout.supervisorFile)
    log("ended")
  }

  /// One round: who has ended, who is ready, what is due.
  private mutating func turn() -> Bool {
    var isFinished = false
    var status: Int32 = 0
    while true {
      let pid = waitpid(-1, &status, WNOHANG)
      guard pid > 0 else { break }
      if pid == renewal {
        renewal = nil
        if status != 0 { log("renewing certificates: \(Self.describe(status))") }
        continue
      }
      let entry = rules.entries.first { $0.pid == pid }
      log("\(entry?.specification.name ?? "process \(pid)") ended: \(Self.describe(status))")
      isFinished = perform(.exited(pid: pid, how: Self.describe(status))) || isFinished
    }
    for entry in rules.entries {
      guard case .starting(let pid, _) = entry.phase, isReady(entry.specification, pid) else {
        continue
      }
      isFinished = perform(.ready(entry.specification.name)) || isFinished
    }
    let now = MonotonicClock.milliseconds
    if now >= nextRotation {
      nextRotation = now + Self.rotationCheckMilliseconds
      LogRotation(folder: checkout.logs).run()
    }
    if now >= nextRenewal && renewal == nil && !rules.isStopping {
      nextRenewal = now + Self.renewalCheckMilliseconds
      startRenewal()
    }
    return perform(.tick) || isFinished
  }

  /// Gives the rules an event and does what they say.
  /// - Returns: whether everything has ended.
  private mutating func perform(_ event: Supervision.Event) -> Bool {
    var actions = rules.handle(event, at: MonotonicClock.milliseconds)[...]
    var isFinished = false
    while let action = actions.popFirst() {
      switch action {
      case .spawn(let specification): actions += start(specification)
      case .signal(let pid, let signal): kill(pid, signal)
      case .kill(let pid):
        log("process \(pid) did not end in time: killed")
        kill(pid, SIGKILL)
      case .finished: isFinished = true
      }
    }
    return isFinished
  }

  private mutating func start(_ specification: ProcessSpecification) -> [Supervision.Action] {
    let now = MonotonicClock.milliseconds
    do {
      let pid = try Spawn.start(
        specification.command, directory: specification.directory, log: specification.log,
        detached: false)
      log("\(specification.name) started as process \(pid)")
      return rules.handle(.spawned(specification.name, pid: pid), at: now)
    } catch {
      log("\(error)")
      return rules.handle(.spawnFailed(specification.name, reason: "\(error)"), at: now)
    }
  }

  private func isReady(_ specification: ProcessSpecification, _ process: Int32) -> Bool {
    switch specification.readiness {
    case .started: true
    case .port(let port): Endpoints.answers(port)
    case .socket(let path): UnixSocket.answers(path)
    case .serving(let service, let port):
      Endpoints.answers(port) && health.isServing(service, port: port, process: process)
    }
  }

  /// The next signal, or 0 after a tick; ticks are rare while nothing changes.
  private func wait() -> Int32 {
    let isQuiet = rules.entries.allSatisfy { if case .ready = $0.phase { true } else { false } }
    let milliseconds = isQuiet ? Self.idleTickMilliseconds : Self.tickMilliseconds
    var waiting = pollfd(fd: signals, events: Int16(POLLIN), revents: 0)
    guard poll(&waiting, 1, Int32(milliseconds)) > 0 else { return 0 }
    var number: UInt8 = 0
    return read(signals, &number, 1) == 1 ? Int32(number) : 0
  }

  private func plan() throws -> [ProcessSpecification] {
    guard let text = try Files.read(checkout.planFile) else {
      throw Failure("\(checkout.planFile) is missing", next: "run deploy/up")
    }
    return try JSONText.decode([ProcessSpecification].self, from: text)
  }

  // MARK: - Certificates

  private mutating func startRenewal() {
    do {
      renewal = try Spawn.start(
        [checkout.program("tender"), "certificates"], directory: checkout.root,
        log: checkout.log("supervisor"), detached: false)
    } catch {
      log("cannot renew certificates: \(error)")
    }
  }

  // MARK: - Reports

  private mutating func report() throws {
    let reports = rules.entries.map { entry in
      let name = entry.specification.name
      if case .ready = entry.phase {
        if readySince[name] == nil { readySince[name] = MonotonicClock.wallMilliseconds }
      } else {
        readySince[name] = nil
      }
      let known = written.first { $0.name == name && $0.pid == entry.pid }
      return ProcessReport(
        name: name, state: Self.describe(entry.phase), pid: entry.pid,
        startTicks: known?.startTicks ?? entry.pid.flatMap(Spawn.startTicks),
        restarts: entry.restarts, lastExit: entry.lastExit, readySince: readySince[name],
        version: entry.specification.version)
    }
    guard reports != written || !Files.exists(checkout.stateFile) else { return }
    try Files.write(try JSONText.encode(reports, pretty: true), to: checkout.stateFile)
    written = reports
  }

  private func log(_ text: String) {
    var now = time(nil)
    var parts = tm()
    gmtime_r(&now, &parts)
    var buffer = [CChar](repeating: 0, count: 32)
    strftime(&buffer, buffer.count, "%Y-%m-%dT%H:%M:%SZ", &parts)
    let stamp = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    Stream.standardOutput.write("\(String(decoding: stamp, as: UTF8.self)) \(text)\n")
  }

  private static func describe(_ phase: Supervision.Phase) -> String {
    switch phase {
    case .waiting: "waiting"
    case .spawning, .starting: "starting"
    case .ready: "ready"
    case .backingOff: "backing-off"
    case .stopping: "stopping"
    case .stopped: "stopped"
    }
  }

  /// The exit code, or nil where a signal ended it.
  private static func exitCode(_ status: Int32) -> Int32? {
    status & 0x7f == 0 ? (status >> 8) & 0xff : nil
  }

  private static func describe(_ status: Int32) -> String {
    exitCode(status).map { "exit \($0)" } ?? "signal \(status & 0x7f)"
  }
}

/// Sockets in the file system.
enum UnixSocket {
  static func answers(_ path: String) -> Bool {
    let file = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    guard file >= 0 else { return false }
    defer { close(file) }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let bytes = Array(path.utf8)
    guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else { return false }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
      }
    }
  }
}
