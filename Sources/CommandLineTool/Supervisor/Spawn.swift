import Glibc

/// Starting processes that outlive the call, and telling processes apart.
enum Spawn {
  /// Starts a program with no input, its output appended to `log`, no inherited descriptors, all
  /// signals as a new program expects them.
  /// - Parameter detached: in a session of its own, so that it survives the terminal.
  static func start(
    _ command: [String], directory: String, log: String, detached: Bool
  ) throws -> Int32 {
    guard let name = command.first else { return -1 }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(
      &actions, 1, log, O_WRONLY | O_CREAT | O_APPEND, Files.privateFile)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    posix_spawn_file_actions_addclosefrom_np(&actions, 3)
    posix_spawn_file_actions_addchdir_np(&actions, directory)

    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    var all = sigset_t()
    sigemptyset(&none)
    sigfillset(&all)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setsigdefault(&attributes, &all)
    // A group of its own: Ctrl-C in the terminal that started it is not for it.
    posix_spawnattr_setpgroup(&attributes, 0)
    let group = detached ? Int32(POSIX_SPAWN_SETSID) : Int32(POSIX_SPAWN_SETPGROUP)
    posix_spawnattr_setflags(
      &attributes,
      Int16(Int32(POSIX_SPAWN_SETSIGMASK) | Int32(POSIX_SPAWN_SETSIGDEF) | group))

    var pid: pid_t = 0
    var arguments = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    let code = posix_spawnp(&pid, name, &actions, &attributes, &arguments, environ)
    guard code == 0 else {
      errno = code
      throw Files.failure("cannot start \(name)")
    }
    return pid
  }

  /// When the process started, in clock ticks since boot, or nil where it is gone.
  static func startTicks(_ pid: Int32) -> UInt64? {
    guard let text = try? Files.read("/proc/\(pid)/stat"),
      let end = text.lastIndex(of: ")")
    else { return nil }
    let fields = text[text.index(after: end)...].split(separator: " ")
    // Field 3 of stat(5), the state, is the first here; a zombie is gone.
    guard fields.count > 19, fields[0] != "Z" else { return nil }
    return UInt64(fields[19])
  }

  static func isAlive(_ pid: Int32, startTicks: UInt64?) -> Bool {
    guard let ticks = Spawn.startTicks(pid) else { return false }
    return startTicks == nil || ticks == startTicks
  }

  /// The file a running process was started from, followed by ` (deleted)` once replaced.
  static func program(_ pid: Int32) -> String? {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = buffer.withUnsafeMutableBytes {
      readlink("/proc/\(pid)/exe", $0.baseAddress, $0.count)
    }
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
  }
}
