import Money
import Outbound
import Reactor
import ServiceKit
import WebhooksCore

/// Sends signed bodies to endpoints. The signature and its time are made per attempt, the id stays.
struct SignedPost: Sendable {
  let client: HTTPClient
  let keys: SealingKeys
  let settings: WebhookSettings
  let clock: any WallClock

  /// Nil: a secret of the endpoint cannot be opened.
  func request(
    _ id: EventID, _ body: [UInt8], to url: String, of endpoint: EndpointID,
    _ merchant: MerchantID, _ sealed: [SealedSecretRow], timeout: Duration
  ) -> OutboundRequest? {
    let secrets = sealed.compactMap { row in
      keys.open(row.sealed, at: .init(merchant: merchant, endpoint: endpoint, secret: row.id))
    }
    // An old secret that cannot be opened is a matter for people; an unsigned delivery is none.
    guard !secrets.isEmpty else { return nil }
    let timestamp = clock.now.seconds
    return OutboundRequest(
      .post, url,
      headers: [
        HeaderField("Content-Type", "application/json"),
        HeaderField(StandardWebhooks.idHeader, id.description),
        HeaderField(StandardWebhooks.timestampHeader, String(timestamp)),
        HeaderField(
          StandardWebhooks.signatureHeader,
          StandardWebhooks.signatures(
            id: id.description, timestamp: timestamp, body: body, secrets: secrets)),
      ], body: body, timeout: timeout, responseBytesMax: WebhookSettings.answerBytesMax,
      addressPolicy: settings.policy(isLive: merchant.isLive))
  }
}

/// What a transfer means for a delivery.
struct AttemptReading: Sendable {
  /// Nil: nothing was attempted, by no fault of the endpoint.
  var outcome: AttemptOutcome?
  /// The endpoint answered within the time: it may keep its places.
  var hasAnswered: Bool
  /// For people; never a body.
  var error: String

  static let errorBytesMax = 200
  private static let timedOutCode: Int32 = 28

  init(_ report: TransferReport) {
    let isTimedOut = report.curlCode == Self.timedOutCode
    if let status = report.status {
      // The status line is the answer; a body that drips on changes nothing.
      outcome = .answer(status: status, retryAfter: report.header("Retry-After"))
      hasAnswered = !isTimedOut
      error = outcome == .delivered ? "" : Self.words(status)
      return
    }
    hasAnswered = false
    outcome = .unreachable
    switch report.localFailure {
    case .cancelled, .clientStopped, .queueFull, .deadlinePassed:
      outcome = nil
      error = "not attempted"
    case .invalidRequest: error = "refused: the URL cannot be used"
    case .addressDenied(_, let reason): error = "refused: \(reason) address"
    case .resolve(let failure): error = "the host's name was not resolved: \(failure)"
    case nil:
      if isTimedOut { outcome = .timedOut }
      error = isTimedOut ? "timed out" : Self.cut("no answer: \(report.curlMessage)")
    }
  }

  private static func words(_ status: Int) -> String {
    (300..<400).contains(status) ? "answered \(status): redirects are not followed"
      : "answered \(status)"
  }

  private static func cut(_ text: String) -> String {
    String(decoding: text.utf8.prefix(errorBytesMax).filter { $0 < 0x80 }, as: UTF8.self)
  }
}
