package import Reactor

/// The facts of one call, good or bad. Never thrown: what a failure means for the money is decided
/// by `sendProof`, from all facts together.
package struct TransferReport: Sendable {
  /// Why no transfer was begun, or why ours ended it.
  package enum LocalFailure: Sendable, Hashable {
    /// The URL, a header, or the combination of method and body cannot be sent.
    case invalidRequest
    case clientStopped
    /// More calls wait than may.
    case queueFull
    /// The deadline passed before a transfer was begun.
    case deadlinePassed
    case resolve(ResolverError)
    /// No address of the host may be dialled.
    case addressDenied(IPAddress, reason: String)
    /// The calling task was cancelled.
    case cancelled
  }

  package struct Timings: Sendable, Hashable {
    /// Microseconds since the transfer's start; 0: not reached.
    package var connectedMicroseconds: Int64 = 0
    package var tlsDoneMicroseconds: Int64 = 0
    package var firstByteMicroseconds: Int64 = 0
    package var totalMicroseconds: Int64 = 0
    package init() {}
  }

  package var localFailure: LocalFailure?
  /// CURLcode; 0 is success. Meaningless (0) when no transfer was begun.
  package var curlCode: Int32 = 0
  /// libcurl's own words on the failure.
  package var curlMessage = ""
  /// Bytes of requests written over the whole transfer, resends included (CURLINFO_REQUEST_SIZE).
  package var requestBytes: Int64 = 0
  /// How often libcurl began to write a request: more than once is a resend.
  package var requestsBegun = 0
  package var connectionsMade: Int64 = 0
  /// Of the final response; nil if no status line arrived.
  package var status: Int?
  package var headers: [HeaderField] = []
  package var body: [UInt8] = []
  /// The response was longer than the limits; `body` or `headers` are its beginning.
  package var isTruncated = false
  /// Whom the last connection reached.
  package var address: SocketAddress?
  package var timings = Timings()

  package init() {}

  init(_ failure: LocalFailure) {
    localFailure = failure
  }

  /// The first header of that name, whatever its case.
  package func header(_ name: String) -> String? {
    let wanted = name.lowercased()
    return headers.first { $0.name.lowercased() == wanted }?.value
  }
}

/// What can be said about whether the other side has the request.
package enum SendProof: Sendable, Hashable {
  /// It cannot have it: not one byte of a request was written, to anybody.
  case notSent(NotSentStage)
  /// It may have it, and may have acted on it.
  case maybeSent(MaybeSentReason)
  /// A whole response arrived. What it means is the adapter's business.
  case answered(status: Int)
}

package enum NotSentStage: Sendable, Hashable {
  /// Refused here: an invalid request, a full queue, a passed deadline, a stopped client.
  case local
  case cancelled
  case resolve
  case addressDenied
  case connect
  case tls
}

package enum MaybeSentReason: Sendable, Hashable {
  case timedOut
  case cancelled
  /// A status arrived, the rest of the response did not.
  case answerIncomplete
  /// The response was longer than the limits allow.
  case answerTooLong
  /// The connection ended, and repeating the request was prevented.
  case resendPrevented
  /// Anything else: CURLcode.
  case failed(curlCode: Int32)
}
