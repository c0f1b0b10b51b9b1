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
      address: .socket(directory: directory, port: Self.port), database: "postgres",
      user: "postgres")
    settings.connectTimeout = .seconds(2)
    self.settings = settings
  }

  /// Makes and starts a cluster that listens on a socket only.
  package static func create() async throws -> TestCluster {
    let directory = try makeTemporaryDirectory()
    let cluster = TestCluster(directory: directory)
    if getuid() == 0 { try await run(["chown", "postgres", directory]) }
    try await cluster.asOwner([
      "\(try await bin())/initdb", "-D", "\(directory)/data", "-U", "postgres", "-A", "trust",
      "--no-sync", "--locale=C", "-E", "UTF8",
    ])
    try await cluster.start()
    return cluster
  }

  /// Starts, also after a kill; waits until it answers.
  package func start() async throws {
    try await asOwner([
      "\(try await Self.bin())/pg_ctl", "-D", "\(directory)/data", "-w", "-t", "30",
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
  }

  /// Stops and removes everything.
  package func destroy() async throws {
    if !(try processes()).isEmpty { try await killAll() }
    try FileManager.default.removeItem(atPath: directory)
  }

  private func processes() throws -> [pid_t] {
    let file = "\(directory)/data/postmaster.pid"
    guard let line = try? String(contentsOfFile: file, encoding: .utf8).split(separator: "\n").first,
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

  private static func bin() async throws -> String {
    try await run(["pg_config", "--bindir"])
  }

  @discardableResult
  private static func run(_ command: [String]) async throws -> String {
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = command
    process.currentDirectoryURL = URL(fileURLWithPath: "/tmp")
    process.standardOutput = command.first == "pg_config" ? output : FileHandle.nullDevice
    process.standardError = FileHandle.nullDevice
    process.environment = ["PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "LANG": "C"]
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw TestSetupError("\(command.joined(separator: " ")): status \(process.terminationStatus)")
    }
    guard command.first == "pg_config" else { return "" }
    let data = output.fileHandleForReading.readDataToEndOfFile()
    return String(decoding: data, as: UTF8.self).trimmingCharacters(in: .whitespacesAndNewlines)
  }
}
