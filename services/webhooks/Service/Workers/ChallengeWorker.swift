import Logging
import Money
import Outbound
import Postgres
import Reactor
import Seal
import ServiceKit
import WebhooksCore

/// Sends due challenges and enables the endpoints that answer them. On the loop only, `wake`
/// excepted.
final class ChallengeWorker: @unchecked Sendable {
  private struct Due {
    var merchant: MerchantID
    var endpoint: EndpointID
    var url: String
    var tries: Int
    var fence: Int64
    var secrets: [SealedSecretRow]
  }

  private let environment: ServiceEnvironment
  private let settings: WebhookSettings
  private let post: SignedPost
  private var inFlight = 0
  private let worker: WorkerLoop

  private var loop: EventLoop { environment.loop }

  init(_ environment: ServiceEnvironment, settings: WebhookSettings, post: SignedPost) {
    self.environment = environment
    self.settings = settings
    self.post = post
    worker = WorkerLoop("challenge poll", environment, every: settings.pollInterval)
  }

  func start() {
    worker.start { [self] in try await look() }
  }

  /// A challenge is due. From any thread.
  func wake() { worker.wake() }

  /// Looks no more; challenges under way are left to end.
  func shutdown() async { await worker.shutdown() }

  private func look() async throws {
    let free = WebhookSettings.challengesMax - inFlight
    guard free > 0 else { return }
    for row in try await environment.database.query(claim(Int64(free))) {
      let due = try Self.due(row)
      inFlight += 1
      _ = loop.spawn(name: "challenge") { [self] in
        await send(due)
        inFlight -= 1
      }
    }
  }

  private func claim(_ limit: Int64) -> Statement {
    let now = environment.clock.now
    return """
      with claimed as (
        update endpoint e
        set challenge_lease_until = clock_timestamp()
            + \(settings.leaseMilliseconds) * interval '1 ms',
          challenge_tries = e.challenge_tries + 1, fence = e.fence + 1
        from (
          select id from endpoint
          where state = 'pending' and challenge_due_at <= now()
            and (challenge_lease_until is null or challenge_lease_until < clock_timestamp())
          order by challenge_due_at limit \(limit) for update skip locked) due
        where e.id = due.id
        returning e.merchant_id, e.id, e.url, e.challenge_tries, e.fence
      )
      select c.*, s.ids, s.keys, s.sealed from claimed c
      cross join lateral (\(raw: DeliveryStatements.secrets) where s.endpoint_id = c.id
        and (s.expires_at is null or s.expires_at > \(now))) s
      """
  }

  private static func due(_ row: Row) throws -> Due {
    let (merchant, endpoint, url, tries, fence, ids, keys, sealed) = try row.decode(
      (
        MerchantID, EndpointID, String, Int32, Int64, [UUIDBits]?, [String]?, [[UInt8]]?
      ).self)
    return Due(
      merchant: merchant, endpoint: endpoint, url: url, tries: Int(tries), fence: fence,
      secrets: SealedSecretRow.rows(ids, keys, sealed))
  }

  private func send(_ due: Due) async {
    do {
      let value = Base64.encode(try RandomBytes.make(count: Challenge.randomBytes), .url)
      let id = environment.identifiers.make(EventID.self)
      let body = Challenge.bytes(id: id, createdAt: environment.clock.now, value: value)
      guard
        let request = post.request(
          id, body, to: due.url, of: due.endpoint, due.merchant, due.secrets,
          timeout: settings.attemptTimeout)
      else { return try await settle(due, isAnswered: false, "The secret cannot be opened.") }
      let report = await post.client.send(request)
      let reading = AttemptReading(report)
      guard reading.outcome != nil else { return }
      let isAnswered = Challenge.isAnswered(
        status: report.status, body: report.body, value: value)
      try await settle(
        due, isAnswered: isAnswered,
        reading.error.isEmpty
          ? "The challenge was answered \(report.status ?? 0) without its value."
          : "The challenge failed: \(reading.error).")
    } catch {
      // The lease runs out and the challenge is sent again.
      environment.logger.warning("a challenge was not settled", metadata: ["error": "\(error)"])
    }
  }

  private func settle(_ due: Due, isAnswered: Bool, _ reason: String) async throws {
    let event: EndpointEvent = isAnswered ? .challengeAnswered : .challengeFailed(tries: due.tries)
    guard let change = EndpointMachine.apply(event, state: .pending) else { return }
    let verified = isAnswered ? environment.clock.now : nil
    _ = try await environment.database.query(
      """
      update endpoint set state = \(change.state.rawValue),
        state_reason = \(isAnswered ? "" : reason), verified_at = coalesce(\(verified), verified_at),
        challenge_due_at = now() + \(change.challengePauseMilliseconds)::bigint * interval '1 ms',
        challenge_lease_until = null, actor = \(DeliveryStatements.actor)
      where merchant_id = \(due.merchant) and id = \(due.endpoint) and state = 'pending'
        and fence = \(due.fence)
      """)
    environment.logger.info(
      isAnswered ? "an endpoint is enabled" : "a challenge was not answered",
      metadata: ["endpoint": "\(due.endpoint)", "try": "\(due.tries)"])
  }
}
