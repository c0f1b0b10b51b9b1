package import GRPCCore
package import Postgres

/// One of the six services: what the host needs to run it.
package protocol TenderService: AnyObject, Sendable {
  static var name: ServiceName { get }
  /// Generated from `migrations/` by deploy/generate.
  static var migrations: [Migration] { get }

  init(_ environment: ServiceEnvironment) async throws

  /// Its RPCs.
  var handlers: [any RegistrableRPCService] { get }
  /// Starts relays and workers; they are spawned on the loop and end in `shutdown`.
  func start() async throws
  func shutdown() async
  /// Its internal queues, for operators.
  func queues() async throws -> [QueueReport]
}

/// The length of one internal queue.
package struct QueueReport: Sendable, Hashable {
  package var name: String
  package var length: Int64
  package var oldestAgeSeconds: Int64

  package init(name: String, length: Int64, oldestAgeSeconds: Int64) {
    self.name = name
    self.length = length
    self.oldestAgeSeconds = oldestAgeSeconds
  }
}
