import Foundation
package import Postgres
import Reactor
package import Testing

/// A database made for one test and dropped after it, on the server of TENDER_TEST_POSTGRES:
/// `@Test(.freshDatabase)`, then `try TestDatabase.current`.
package struct FreshDatabase: TestTrait, SuiteTrait, TestScoping {
  /// The service whose owner and login role are wanted, such as `intents`.
  let service: String?

  /// At once. All tests of a program begin together: their services would take all of the server's
  /// connections, and none would have the time that its limits leave it.
  private static let atOnceMax = 32
  private static let turnstile = Turnstile(places: atOnceMax)

  package var isRecursive: Bool { true }

  package func provideScope(
    for test: Test,
    testCase: Test.Case?,
    performing function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    guard testCase != nil else { return try await function() }
    await Self.turnstile.enter()
    do {
      try await withDatabase(function)
    } catch {
      await Self.turnstile.leave()
      throw error
    }
    await Self.turnstile.leave()
  }

  private func withDatabase(
    _ function: @concurrent @Sendable () async throws -> Void
  ) async throws {
    let database = try await TestDatabase.create(service: service)
    do {
      try await TestDatabase.$scoped.withValue(database) { try await function() }
    } catch {
      try await database.drop()
      throw error
    }
    try await database.drop()
  }
}

/// Lets so many in at a time, in the order in which they came.
private actor Turnstile {
  private var free: Int
  private var waiting: ArraySlice<CheckedContinuation<Void, Never>> = []

  init(places: Int) { free = places }

  func enter() async {
    guard free == 0 else {
      free -= 1
      return
    }
    await withCheckedContinuation { waiting.append($0) }
  }

  func leave() {
    if let next = waiting.popFirst() { next.resume() } else { free += 1 }
  }
}

extension Trait where Self == FreshDatabase {
  package static var freshDatabase: FreshDatabase { FreshDatabase(service: nil) }

  /// With roles `<service>_owner` (owns the database) and `<service>_service` (may log in).
  package static func freshDatabase(service: String) -> FreshDatabase {
    FreshDatabase(service: service)
  }
}

/// A database of a test.
package struct TestDatabase: Sendable {
  @TaskLocal static var scoped: TestDatabase?

  /// A superuser's settings for this database.
  package let settings: PostgresSettings
  package let service: String?
  private let name: String

  /// The test's own database; needs the trait `.freshDatabase`.
  package static var current: TestDatabase {
    get throws {
      guard let scoped else { throw TestSetupError("the test lacks the trait .freshDatabase") }
      return scoped
    }
  }

  /// The same database as the service's login role.
  package var serviceSettings: PostgresSettings {
    settings.with(user: service.map { $0 + "_service" } ?? settings.user)
  }

  package var ownerRole: String { service.map { $0 + "_owner" } ?? settings.user }

  /// The server's superuser settings.
  /// - Throws: what to set, if TENDER_TEST_POSTGRES is missing.
  package static func server() throws -> PostgresSettings {
    guard let conninfo = ProcessInfo.processInfo.environment["TENDER_TEST_POSTGRES"] else {
      throw TestSetupError("set TENDER_TEST_POSTGRES to a superuser's connection string")
    }
    return try PostgresSettings(conninfo: conninfo)
  }

  package static func create(service: String? = nil) async throws -> TestDatabase {
    let name = "tender_test_" + String(UInt64.random(in: 0...UInt64.max), radix: 36)
    let server = try server()
    try await script(server) { connection in
      if let service { try await createRoles(service, connection) }
      try await connection.execute(
        "create database \(name)" + (service.map { " owner \($0)_owner" } ?? "")
      )
    }
    return TestDatabase(settings: server.with(database: name), service: service, name: name)
  }

  package func drop() async throws {
    try await Self.script(try Self.server()) { [name] connection in
      try await connection.execute("drop database if exists \(name) with (force)")
    }
  }

  /// Runs SQL as the superuser; several statements in one text are fine.
  @discardableResult
  package func run(_ sql: String) async throws -> [ScriptResult] {
    try await Self.script(settings) { try await $0.execute(sql) }
  }

  /// Roles belong to the server: tests that make the same ones at once must not trip each other.
  private static func createRoles(_ service: String, _ connection: ScriptConnection) async throws {
    try await connection.execute("select pg_advisory_lock(7452, 1)")
    try await connection.execute(
      """
      do $$ begin
        if to_regrole('\(service)_owner') is null then create role \(service)_owner; end if;
        if to_regrole('\(service)_service') is null then
          create role \(service)_service login password 'test';
        end if;
      end $$
      """
    )
    // After the commit: before it, the next one would not see the roles.
    try await connection.execute("select pg_advisory_unlock(7452, 1)")
  }

  @discardableResult
  package static func script<R>(
    _ settings: PostgresSettings,
    _ body: (ScriptConnection) async throws -> R
  ) async throws -> R {
    try await withEventLoop(name: "test-setup") { loop in
      let connection = try await ScriptConnection.open(settings, loop: loop)
      do {
        let result = try await body(connection)
        await connection.close()
        return result
      } catch {
        await connection.close()
        throw error
      }
    }
  }
}

package struct TestSetupError: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }
}

/// Runs the body with a started client on a loop of its own, and shuts both down afterwards.
package func withPostgres<R>(
  _ settings: PostgresSettings,
  _ body: (PostgresClient) async throws -> R
) async throws -> R {
  try await withEventLoop { loop in
    let client = PostgresClient(settings, loop: loop)
    try await client.start()
    do {
      let result = try await body(client)
      await client.shutdown()
      return result
    } catch {
      await client.shutdown()
      throw error
    }
  }
}
