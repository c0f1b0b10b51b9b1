import Wire

/// What is still unsent between the services, by their own word.
enum UnsentQueues {
  /// Queues that wait for merchants' endpoints or do housekeeping, not for other services.
  static let unrelated: Set<String> = ["deliveries", "challenges", "reencryption"]

  /// One line for each queue that is not empty and each service that does not answer.
  /// - Parameter ignored: further queues that do not count.
  static func lines(_ reads: Reads, ignoring ignored: Set<String> = []) async throws -> [String] {
    var unsent: [String] = []
    for service in PlatformService.allCases {
      do {
        for queue in try await reads.status(service).queues
        where queue.length > 0 && !unrelated.contains(queue.name) && !ignored.contains(queue.name) {
          unsent.append("\(service.rawValue) \(queue.name) \(queue.length)")
        }
      } catch let error as CallFailure {
        unsent.append("\(service.rawValue) (\(error.code))")
      }
    }
    return unsent
  }
}
