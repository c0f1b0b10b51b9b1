import Reactor

/// Statements sent under one sync, and what came back. Touch it only on the loop.
final class Submission: @unchecked Sendable {
  let statements: [Statement]
  /// When the caller is answered at the latest; nil: when its connection counts as dead.
  let expires: MonotonicInstant?
  private(set) var results: [ResultSet] = []
  private(set) var failure: PostgresError?
  var sentAt = MonotonicInstant(nanoseconds: 0)
  private var completion: ((Submission) -> Void)?

  init(
    _ statements: [Statement],
    expires: MonotonicInstant?,
    completion: @escaping (Submission) -> Void
  ) {
    self.statements = statements
    self.expires = expires
    self.completion = completion
  }

  var isAnswered: Bool { completion == nil }

  func add(_ result: ResultSet) {
    guard !isAnswered else { return }
    results.append(result)
  }

  /// Only the first failure counts.
  func fail(_ error: PostgresError) {
    if failure == nil { failure = error }
  }

  /// Answers once; later calls do nothing.
  func finish() {
    guard let completion else { return }
    self.completion = nil
    completion(self)
  }
}
