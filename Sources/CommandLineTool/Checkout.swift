import Glibc

/// The checkout this tool belongs to, and everything under its `.tender/`.
struct Checkout: Sendable {
  let root: String

  var home: String { root + "/.tender" }
  var programs: String { home + "/bin" }
  var certificates: String { home + "/certs" }
  var logs: String { home + "/logs" }
  var secrets: String { home + "/secrets" }
  var settings: String { home + "/settings" }
  var runtime: String { home + "/run" }
  var books: String { home + "/books" }
  /// The files of sealed days.
  var seals: String { home + "/seals" }
  #if TENDER_FAULTS
    /// Through its files, what runs is broken on purpose.
    var faults: String { runtime + "/faults" }
  #endif
  var endpointsFile: String { home + "/endpoints.json" }
  var clusterFile: String { home + "/cluster.json" }
  var planFile: String { runtime + "/plan.json" }
  var stateFile: String { runtime + "/state.json" }
  var supervisorFile: String { runtime + "/supervisor.pid" }
  /// Says which build has passed the demo.
  var demoFile: String { runtime + "/demo.passed" }
  var lockFile: String { home + "/up.lock" }

  func program(_ name: String) -> String { "\(programs)/\(name)" }
  func log(_ name: String) -> String { "\(logs)/\(name).log" }

  /// Twelve hexadecimal digits that tell this checkout from others on the machine.
  var hash: String { Checksum.text(root) }

  /// Found from the executable's own place (`.tender/bin`), else from the current folder upwards.
  static func find() throws -> Checkout {
    if let named = getenv("TENDER_CHECKOUT").map({ String(cString: $0) }), !named.isEmpty {
      guard let root = Files.resolved(named) else {
        throw Failure("TENDER_CHECKOUT names \(named)", next: "which does not exist")
      }
      return Checkout(root: root)
    }
    if let program = Files.resolved("/proc/self/exe"), let end = program.range(of: "/.tender/bin/") {
      return Checkout(root: String(program[..<end]))
    }
    var folder = Files.resolved(".") ?? "/"
    while folder != "/" && !folder.isEmpty {
      if Files.exists(folder + "/deploy/up") { return Checkout(root: folder) }
      folder = String(folder[..<(folder.lastIndex(of: "/") ?? folder.startIndex)])
    }
    throw Failure(
      "this is no checkout of Tender", next: "change to one, or name it in TENDER_CHECKOUT",
      status: .usage)
  }

  /// Makes `.tender/` and its folders; refuses one that is another user's.
  func prepare() throws {
    if let owner = Files.owner(home), owner != geteuid() {
      throw Failure(
        "\(home) belongs to \(Users.name(owner))",
        next: "run as \(Users.name(owner)), or let \(Users.name(owner)) run 'tender down --purge'")
    }
    for folder in [home, programs, certificates, logs, secrets, settings, runtime, books, seals] {
      try Files.makeFolder(folder)
    }
    #if TENDER_FAULTS
      try Files.makeFolder(faults)
    #endif
  }

  /// Takes the lock that `up` and `down` share, until the process ends.
  func lock() throws {
    // deploy/up holds it already and hands its descriptor on.
    if let held = getenv("TENDER_UP_LOCK"), let number = Int32(String(cString: held)),
      fcntl(number, F_GETFD) != -1
    {
      return
    }
    let file = open(lockFile, O_RDWR | O_CREAT | O_CLOEXEC, Files.privateFile)
    guard file >= 0 else { throw Files.failure("cannot open \(lockFile)") }
    guard flock(file, LOCK_EX | LOCK_NB) == 0 else {
      throw Failure("another up or down runs in \(root)", next: "wait for it to end")
    }
  }

  /// What `up` made, or a failure that says to run it.
  func requireDeployed() throws {
    guard Files.exists(endpointsFile) else {
      throw Failure("nothing is set up in \(root)", next: "run deploy/up")
    }
  }
}

extension String {
  /// The first place where `text` starts.
  fileprivate func range(of text: String) -> String.Index? {
    var index = startIndex
    while index < endIndex {
      if self[index...].hasPrefix(text) { return index }
      index = self.index(after: index)
    }
    return nil
  }
}

/// Accounts of this machine.
enum Users {
  static var isRoot: Bool { geteuid() == 0 }

  static func name(_ id: uid_t) -> String {
    guard let entry = getpwuid(id), let name = entry.pointee.pw_name else { return "user \(id)" }
    return String(cString: name)
  }

  /// User and group id of an account, or nil where there is none.
  static func ids(_ name: String) -> (user: uid_t, group: gid_t)? {
    guard let entry = getpwnam(name) else { return nil }
    return (entry.pointee.pw_uid, entry.pointee.pw_gid)
  }
}

/// Tells texts apart; no protection against anybody.
enum Checksum {
  /// The first twelve hexadecimal digits of FNV-1a.
  static func text(_ text: String) -> String {
    var value: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in text.utf8 { value = (value ^ UInt64(byte)) &* 0x100_0000_01b3 }
    let digits = String(value, radix: 16)
    return String((String(repeating: "0", count: 16 - digits.count) + digits).prefix(12))
  }
}
