import Configuration
import GRPCCore
import GatewayCore
import Money
import Postgres
import Reactor
import ServiceKit
import Synchronization

/// Whether the database was restored and money may move again, as this process has read it last. Read
/// with what routing shares, twice a second; whoever finds it older reads it himself, so that no
/// process goes on for longer than `ageMax` after it was closed.
///
/// Setting `restore.held` (`true` or `false`, default `false`): closed whatever the rows say. A
/// service that begins on a restored database would give up, capture and refund by what was before
/// anybody could begin the restore.
final class RestoreWatch: Sendable {
  static let ageMax = Duration.seconds(2)

  private struct View: Sendable {
    var gate = RestoreGate.open
    var readAt: MonotonicInstant?
  }

  let environment: ServiceEnvironment
  private let isHeld: Bool
  private let view = Mutex(View())

  init(_ environment: ServiceEnvironment) throws(SettingsError) {
    self.environment = environment
    switch environment.settings.config.string(forKey: "restore.held") {
    case nil, "false": isHeld = false
    case "true": isHeld = true
    case _?: throw SettingsError("`restore.held` must be `true` or `false`.")
    }
  }

  /// From the row of `RestoreStatements.gate`.
  func learn(_ rows: Rows) throws {
    let gate = try rows.first.map {
      RestoreGate(
        isClosed: try isHeld || $0[0, as: Int16.self] == 1, begunAt: try $0[1, as: Timestamp.self],
        mayHold: try $0[2, as: Bool.self])
    }
    let now = environment.loop.now
    view.withLock {
      $0 = View(gate: gate ?? RestoreGate(isClosed: isHeld, begunAt: nil), readAt: now)
    }
  }

  /// Somebody has closed or opened it here.
  func forget() { view.withLock { $0.readAt = nil } }

  func gate() async throws -> RestoreGate {
    let now = environment.loop.now
    let known = view.withLock { view in
      view.readAt.flatMap { $0.duration(to: now) < Self.ageMax ? view.gate : nil }
    }
    if let known { return known }
    try learn(try await environment.database.query(RestoreStatements.gate()))
    return view.withLock { $0.gate }
  }

  /// - Throws: RESTORE_IN_PROGRESS.
  func requireOpen() async throws {
    guard try await gate().isClosed else { return }
    throw RPCFailure(
      .unavailable, "RESTORE_IN_PROGRESS",
      "The database was restored, and no money moves until operators have opened it again "
        + "(tender restore status\(isHeld ? "; the setting restore.held is on" : "")). Try again later "
        + "with the same key.",
      retryAfterMilliseconds: 5_000)
  }
}
