/// What is known about one HTTP exchange with a gateway, without any judgement. The shell fills it
/// from the transfer's report.
package struct TransferFacts: Sendable, Hashable {
  /// How far the transfer got, in order.
  package enum Stage: Int, Sendable, Hashable, Comparable, CaseIterable {
    case resolving, connecting, securing, sending, answering, answered

    package static func < (left: Stage, right: Stage) -> Bool { left.rawValue < right.rawValue }
  }

  /// The furthest stage of any try within the transfer. `answered`: the whole body arrived.
  package var stage: Stage
  /// Bytes of requests written over the whole transfer, all connections together; the one number
  /// that shows a silent resend (interleavings 4).
  package var requestSize: Int
  /// The HTTP status; nil before the head arrived.
  package var status: Int?
  /// Lower-case names.
  package var headers: [String: String]
  package var body: [UInt8]
  /// The body was longer than the limit and was cut.
  package var isTruncated: Bool

  package init(
    stage: Stage,
    requestSize: Int,
    status: Int? = nil,
    headers: [String: String] = [:],
    body: [UInt8] = [],
    isTruncated: Bool = false
  ) {
    self.stage = stage
    self.requestSize = requestSize
    self.status = status
    self.headers = headers
    self.body = body
    self.isTruncated = isTruncated
  }

  /// The whole answer of a gateway, ready to be parsed; nil when none arrived in full.
  package var answer: (status: Int, headers: [String: String], body: [UInt8])? {
    guard stage == .answered, !isTruncated, let status else { return nil }
    return (status, headers, body)
  }
}
