import CProcess
import FoundationEssentials
import GRPCCore
import Glibc
import Logging
import Postgres
import Reactor
import Transport
import Wire

/// Runs one service as a process: settings, database, identity, RPCs, signals, ordered shutdown.
///
/// Exit codes: 0 stopped in order, 64 wrong usage, 69 something it needs is unavailable,
/// 78 wrong settings.
package enum ServiceHost {
  /// How long each step of the shutdown may take.
  package static let shutdownStepSeconds: Int64 = 10

  package static func run<Service: TenderService>(_ type: Service.Type) async -> Never {
    let code: Int32
    do {
      let arguments = try CommandArguments(CommandLine.arguments)
      switch arguments.command {
      case .version:
        say("\(Service.name.rawValue) \(TenderVersion.text)")
        code = 0
      case .migrate:
        code = try await migrate(type, arguments)
      case .run:
        code = try await serve(type, arguments)
      }
    } catch let error as CommandArguments.UsageError {
      complain(Service.self, error.description)
      code = 64
    } catch let error as SettingsError {
      complain(Service.self, error.description)
      code = 78
    } catch let error as Unavailable {
      complain(Service.self, error.description)
      code = 69
    } catch {
      complain(Service.self, "could not start: \(error)")
      code = 70
    }
    exit(code)
  }

  // MARK: Steps

  private static func serve<Service: TenderService>(
    _ type: Service.Type, _ arguments: CommandArguments
  ) async throws -> Int32 {
    let signals = tender_signal_descriptor()
    let settings = try loadSettings(arguments)
    let process = try ServiceProcess(type, settings: settings)
    return try await process.run(signals: signals)
  }

  private static func migrate<Service: TenderService>(
    _ type: Service.Type, _ arguments: CommandArguments
  ) async throws -> Int32 {
    let settings = try loadSettings(arguments)
    let user = try ServiceSettings.required(
      settings.config, "postgres.migrationUser", "the role that migrates the schema")
    let database = try DatabaseSettings.read(
      settings.config, user: user, passwordKey: "postgres.migrationPasswordFile")
    let loop = EventLoop(name: "migrate")
    try loop.start()
    let migrator = Migrator(
      database, loop: loop, schema: Service.name.schema, owner: Service.name.ownerRole,
      migrations: Service.migrations)
    return try await withTaskExecutorPreference(loop) {
      do {
        let report = try await migrator.migrate { say("\(Service.name.rawValue): \($0)") }
        say("\(Service.name.rawValue): schema at \(report.current)")
        return 0
      } catch {
        throw Unavailable("cannot migrate: \(error)")
      }
    }
  }

  static func loadSettings(_ arguments: CommandArguments) throws(SettingsError) -> ServiceSettings {
    let text = try arguments.settingsFile.map { path throws(SettingsError) in
      try SettingsFile.read(path, bytesMax: SettingsSource.fileBytesMax)
    }
    let reader = try SettingsSource.reader(
      fileText: text, environment: ProcessInfo.processInfo.environment)
    return try ServiceSettings(config: reader)
  }

  // MARK: Words

  static func say(_ line: String) {
    let bytes = Array((line + "\n").utf8)
    _ = bytes.withUnsafeBytes { write(1, $0.baseAddress, $0.count) }
  }

  private static func complain<Service: TenderService>(_ type: Service.Type, _ line: String) {
    let bytes = Array("\(Service.name.rawValue): \(line)\n".utf8)
    tender_write_stderr(bytes, Int64(bytes.count))
  }

  /// Something the process needs is not there.
  struct Unavailable: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
      self.description = description
    }
  }
}
