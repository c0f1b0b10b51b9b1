import CLaunch
import Glibc

/// Starting processes that outlive the call, and telling processes apart.
enum Spawn {
  /// Starts a program with no input, its output appended to `log`, no inherited descriptors, all
  /// signals as a new program expects them.
  /// - Parameter detached: in a session of its own, so that it survives the terminal.
  static func start(
    _ command: [String], directory: String, log: String, detached: Bool
  ) throws -> Int32 {
    var pid: pid_t = 0
    var arguments = command.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    let code = tender_launch(&pid, &arguments, directory, log, detached)
    guard code == 0 else {
      errno = code
      throw Files.failure("cannot start \(command.first ?? "nothing")")
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
}
