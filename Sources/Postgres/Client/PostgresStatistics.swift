/// A client's state at one moment, and its counts since it began.
package struct PostgresStatistics: Sendable, Hashable {
  package var pipelinedConnections = 0
  package var pooledConnections = 0
  package var pooledIdle = 0
  /// Transactions and repeated statements that hold a pooled connection.
  package var pooledLeased = 0
  package var poolWaiting = 0
  /// Statements out on pipelined connections.
  package var inFlight = 0
  /// Statements that wait for a pipelined connection.
  package var queryWaiting = 0

  package var queries: UInt64 = 0
  package var transactions: UInt64 = 0
  /// COMMITs that the server confirmed.
  package var commits: UInt64 = 0
  package var rollbacks: UInt64 = 0
  package var commitsUnknown: UInt64 = 0
  /// Transactions tried again after 40001 or 40P01.
  package var transactionRetries: UInt64 = 0
  /// Pipelined statements that met a lock and went to a pooled connection.
  package var lockDetours: UInt64 = 0
  package var refused: UInt64 = 0
  package var timeouts: UInt64 = 0
  package var connectionsOpened: UInt64 = 0
  package var connectionsLost: UInt64 = 0
}
