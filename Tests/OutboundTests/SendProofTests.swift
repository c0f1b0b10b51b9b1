import Testing

@testable import Outbound
import Reactor

@Suite struct SendProofTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var code: Int32
    var bytes: Int64
    var begun: Int
    var status: Int?
    var local: TransferReport.LocalFailure?
    var truncated = false
    var connected = false
    var expected: SendProof

    var testDescription: String { "code \(code), bytes \(bytes), begun \(begun) → \(expected)" }
  }

  static let rows: [Row] = [
    Row(code: 0, bytes: 9, begun: 1, status: 200, expected: .answered(status: 200)),
    Row(code: 0, bytes: 9, begun: 1, status: 503, expected: .answered(status: 503)),
    Row(code: 6, bytes: 0, begun: 0, expected: .notSent(.resolve)),
    Row(code: 7, bytes: 0, begun: 0, expected: .notSent(.connect)),
    Row(code: 35, bytes: 0, begun: 0, connected: true, expected: .notSent(.tls)),
    Row(code: 60, bytes: 0, begun: 0, connected: true, expected: .notSent(.tls)),
    Row(code: 28, bytes: 0, begun: 0, expected: .notSent(.connect)),
    Row(code: 28, bytes: 0, begun: 0, connected: true, expected: .notSent(.tls)),
    // The same codes after a byte, or after a request was begun, prove nothing.
    Row(code: 6, bytes: 9, begun: 1, expected: .maybeSent(.failed(curlCode: 6))),
    Row(code: 7, bytes: 9, begun: 1, expected: .maybeSent(.failed(curlCode: 7))),
    Row(code: 35, bytes: 9, begun: 1, expected: .maybeSent(.failed(curlCode: 35))),
    Row(code: 7, bytes: 0, begun: 1, expected: .maybeSent(.failed(curlCode: 7))),
    Row(code: 28, bytes: 0, begun: 1, expected: .maybeSent(.timedOut)),
    Row(code: 28, bytes: 9, begun: 1, expected: .maybeSent(.timedOut)),
    Row(code: 28, bytes: 9, begun: 1, status: 200, expected: .maybeSent(.answerIncomplete)),
    Row(code: 18, bytes: 9, begun: 1, status: 200, expected: .maybeSent(.answerIncomplete)),
    Row(code: 23, bytes: 9, begun: 1, status: 200, truncated: true,
      expected: .maybeSent(.answerTooLong)),
    Row(code: 65, bytes: 9, begun: 1, expected: .maybeSent(.resendPrevented)),
    Row(code: 42, bytes: 9, begun: 2, expected: .maybeSent(.resendPrevented)),
    Row(code: 52, bytes: 9, begun: 1, expected: .maybeSent(.failed(curlCode: 52))),
    // Codes that say nothing about the stage are no proof, even with no byte counted.
    Row(code: 55, bytes: 0, begun: 0, expected: .maybeSent(.failed(curlCode: 55))),
    Row(code: 27, bytes: 0, begun: 0, expected: .maybeSent(.failed(curlCode: 27))),
    Row(code: 0, bytes: 9, begun: 1, expected: .maybeSent(.failed(curlCode: 0))),
    Row(code: 0, bytes: 0, begun: 0, local: .queueFull, expected: .notSent(.local)),
    Row(code: 0, bytes: 0, begun: 0, local: .deadlinePassed, expected: .notSent(.local)),
    Row(code: 0, bytes: 0, begun: 0, local: .resolve(.timedOut), expected: .notSent(.resolve)),
    Row(code: 0, bytes: 0, begun: 0, local: .cancelled, expected: .notSent(.cancelled)),
    Row(code: 0, bytes: 9, begun: 1, local: .cancelled, expected: .maybeSent(.cancelled)),
    Row(code: 0, bytes: 9, begun: 1, local: .clientStopped, expected: .maybeSent(.cancelled)),
  ]

  @Test(arguments: rows) func table(row: Row) {
    var report = TransferReport()
    report.curlCode = row.code
    report.requestBytes = row.bytes
    report.requestsBegun = row.begun
    report.status = row.status
    report.localFailure = row.local
    report.isTruncated = row.truncated
    report.timings.connectedMicroseconds = row.connected ? 5 : 0
    #expect(report.sendProof == row.expected)
  }

  /// Whatever the code: a byte or a begun request is never `notSent`.
  @Test func noCodeOverrulesAByte() {
    for code in Int32(0)...99 {
      for (bytes, begun) in [(Int64(1), 0), (0, 1), (1, 1)] {
        var report = TransferReport()
        report.curlCode = code
        report.requestBytes = bytes
        report.requestsBegun = begun
        if case .notSent = report.sendProof { Issue.record("code \(code) taken as proof") }
      }
    }
  }
}
