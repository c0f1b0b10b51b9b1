import Foundation
package import Postgres

/// A private PostgreSQL server for fault tests: only what it started itself is ever killed.
package final class TestCluster: Sendable {
  package let settings: PostgresSettings
  private let directory: String
  private static let port = 5432

  private init(directory: String) {
    self.directory = directory
    var settings = PostgresSettings(
      address: .socket(directory: directory, port: Self.port),
      database: "postgres",
      user: "postgres"
    )
    settings.connectTimeout = .seconds(2)
    self.settings = settings
  }

  /// Makes and starts a cluster that listens on a socket only.
  package static func create() async throws -> TestCluster {
    let directory = try makeTemporaryDirectory()
    let cluster = TestCluster(directory: directory)
    if getuid() == 0 { try await run(["chown", "postgres", directory]) }
    try await cluster.asOwner([
      "\(try bin())/initdb", "-D", "\(directory)/data", "-U", "postgres", "-A", "trust",
      "--no-sync", "--locale=C", "-E", "UTF8",
    ])
    try await cluster.start()
    return cluster
  }

  /// Starts, also after a kill; waits until it answers.
  package func start() async throws {
    try await asOwner([
      "\(try Self.bin())/pg_ctl", "-D", "\(directory)/data", "-w", "-t", "30",
      "-l", "\(directory)/log", "-o",
      "-c listen_addresses='' -c unix_socket_directories=\(directory) -c port=\(Self.port) "
        + "-c fsync=on -c max_connections=100 -c shared_buffers=32MB",
      "start",
    ])
  }

  /// SIGKILL for the postmaster and every backend; returns when they are gone.
  package func killAll() async throws {
    let processes = try processes()
    for process in processes { kill(process, SIGKILL) }
    for process in processes {
      while FileManager.default.fileExists(atPath: "/proc/\(process)/stat"), !isZombie(process) {
        try await Task.sleep(for: .milliseconds(5))
      }
    }
    // Where nobody reaps them the dead still have process ids, and would look alive to the next.
    for lock in ["data/postmaster.pid", ".s.PGSQL.\(Self.port).lock", ".s.PGSQL.\(Self.port)"] {
      let path = "\(directory)/\(lock)"
      if FileManager.default.fileExists(atPath: path) {
        try FileManager.default.removeItem(atPath: path)
      }
    }
  }

  /// Stops and removes everything.
  package func destroy() async throws {
    if !(try processes()).isEmpty { try await killAll() }
    try FileManager.default.removeItem(atPath: directory)
  }

  private func processes() throws -> [pid_t] {
    let file = "\(directory)/data/postmaster.pid"
    guard
      let line = try? String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").first,
      let postmaster = pid_t(line), parent(of: postmaster) != nil
    else { return [] }
    let all = try FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }
    return [postmaster] + all.filter { parent(of: $0) == postmaster }
  }

  private func parent(of process: pid_t) -> pid_t? {
    guard let fields = stat(process), fields.count > 1 else { return nil }
    return pid_t(fields[1])
  }

  private func isZombie(_ process: pid_t) -> Bool { stat(process)?.first == "Z" }

  /// State, parent and so on: what follows the name in parentheses.
  private func stat(_ process: pid_t) -> [Substring]? {
    guard let text = try? String(contentsOfFile: "/proc/\(process)/stat", encoding: .utf8),
      let end = text.lastIndex(of: ")")
    else { return nil }
    return text[text.index(after: end)...].split(separator: " ")
  }

  private func asOwner(_ command: [String]) async throws {
    let prefix = ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--"]
    try await Self.run(getuid() == 0 ? prefix + command : command)
  }

  /// Debian keeps the server's programs off the PATH.
  private static func bin() throws -> String {
    let root = "/usr/lib/postgresql"
    let versions = try FileManager.default.contentsOfDirectory(atPath: root).compactMap { Int($0) }
    guard let newest = versions.max() else {
      throw TestSetupError("no PostgreSQL server under \(root): install postgresql-15")
    }
    return "\(root)/\(newest)/bin"
  }

  /// Starts a program and waits for it. Not Foundation's Process: that waits for every descendant,
  /// and the server stays.
  private static func run(_ command: [String]) async throws {
    let line: [String] = ["/usr/bin/env", "-C", "/tmp"] + command
    let variables: [String] = ["PATH=/usr/bin:/bin:/usr/sbin:/sbin", "LANG=C"]
    var arguments: [UnsafeMutablePointer<CChar>?] = line.map { strdup($0) } + [nil]
    var environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
    defer { for text in arguments + environment { free(text) } }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for descriptor in [Int32(0), 1, 2] {
      posix_spawn_file_actions_addopen(&actions, descriptor, "/dev/null", O_RDWR, 0)
    }
    var child = pid_t()
    guard posix_spawn(&child, "/usr/bin/env", &actions, nil, &arguments, &environment) == 0 else {
      throw TestSetupError("\(command[0]): not started")
    }
    var status: Int32 = 0
    while waitpid(child, &status, WNOHANG) == 0 { try await Task.sleep(for: .milliseconds(10)) }
    guard status == 0 else {
      throw TestSetupError("\(command.joined(separator: " ")): status \(status)")
    }
  }
}
