/// What one attempt means for its delivery.
package enum AttemptOutcome: Sendable, Hashable {
  case delivered
  /// 410: the endpoint wants nothing any more.
  case gone
  case failed(isOverloaded: Bool, retryAfterMilliseconds: Int64?)

  /// Answers are judged by status alone, in this order: 2xx is success, also if the body is cut
  /// off; 410 ends the endpoint; 429, 502, 503, 504 are overload; everything else fails, 3xx
  /// included.
  package static func answer(status: Int, retryAfter: String?) -> AttemptOutcome {
    switch status {
    case 200..<300: .delivered
    case 410: .gone
    case 429, 503:
      .failed(isOverloaded: true, retryAfterMilliseconds: retryAfter.flatMap(milliseconds))
    case 502, 504: .failed(isOverloaded: true, retryAfterMilliseconds: nil)
    default: .failed(isOverloaded: false, retryAfterMilliseconds: nil)
    }
  }

  /// No answer in time.
  package static let timedOut = AttemptOutcome.failed(
    isOverloaded: true, retryAfterMilliseconds: nil)
  /// No connection, or one that broke.
  package static let unreachable = AttemptOutcome.failed(
    isOverloaded: false, retryAfterMilliseconds: nil)

  /// Retry-After as whole seconds; dates and other texts do not count. Saturates at a day.
  static func milliseconds(_ retryAfter: String) -> Int64? {
    guard !retryAfter.isEmpty, retryAfter.utf8.count <= 18,
      retryAfter.utf8.allSatisfy({ 0x30...0x39 ~= $0 }), let seconds = Int64(retryAfter)
    else { return nil }
    return min(seconds, 86_400) * 1_000
  }
}
