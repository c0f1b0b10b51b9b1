import GRPCCore
import LedgerCore
import Postgres
import Reactor
import ServiceKit

/// Whose turn it is. Imports, runs and bookings of one account come one after the other; whoever meets
/// another one for longer than a lock is waited for hears so, and may repeat the call with its key.
enum ReconTurn {
  /// "RECO"; held to the transaction's end. Before "RECB" (`ReconAlerts`), before any break's row,
  /// before the books' own lock ("LEDG").
  static func take(
    _ account: GatewayAccount,
    in transaction: borrowing Transaction
  ) async throws {
    do throws(PostgresError) {
      _ = try await transaction.query(lock(account))
    } catch {
      throw refusal(error)
    }
  }

  static func lock(_ account: GatewayAccount) -> Statement {
    """
    select pg_advisory_xact_lock(1380270927,
      hashtext(\(account.gateway) || ':' || \(account.account)))
    """
  }

  /// Of a wait for a lock that a run may hold for long: says what it is.
  static func refusal(_ error: PostgresError) -> any Error {
    error.sqlState == .lockNotAvailable ? isRunning : error
  }

  static let isRunning = RPCFailure(
    .aborted,
    "RECONCILIATION_RUNNING",
    "An import, a run or a booking of this account is under way. Try again with the same key.",
    retryAfterMilliseconds: 5_000
  )

  /// Until when a statement may take: the rest of the call's time, at most its own limit. One that went
  /// on after its caller had given up would hold the turn.
  static func statementMilliseconds(
    of limit: Int64,
    before deadline: Deadline? = Deadline.current
  ) -> Int64 {
    guard let left = deadline?.remaining else { return limit }
    let milliseconds =
      left.components.seconds * 1_000 + left.components.attoseconds / 1_000_000_000_000_000
    return max(1, min(limit, milliseconds))
  }
}
