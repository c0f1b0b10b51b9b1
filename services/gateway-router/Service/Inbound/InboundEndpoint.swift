import GatewayAdapters
import GatewayCore
import InboundHTTP
import Logging
import Money
import Postgres
import Reactor
import Seal
import ServiceKit

/// Receives notifications: the raw bytes are verified, stored, and only then acknowledged. What they
/// mean is the worker's business.
final class InboundEndpoint: Sendable {
  static let connectionsMax = 64
  /// As much as the adapters parse, and as the proxy lets through.
  static let bodyBytesMax = 256 * 1024
  /// A gateway waits 10 s or more for its acknowledgement; without one it sends again.
  static let storeMilliseconds: Int64 = 5_000

  private let environment: ServiceEnvironment
  private let settings: InboundSettings
  private let listener: Listener

  init(
    _ environment: ServiceEnvironment, _ settings: InboundSettings,
    wake: @escaping @Sendable () -> Void
  ) {
    self.environment = environment
    self.settings = settings
    var limits = RequestLimits()
    limits.bodyBytesMax = Self.bodyBytesMax
    let alarm = ForgeryAlarm(environment)
    listener = Listener(name: "inbound", limits: limits, connectionsMax: Self.connectionsMax) {
      request, _ in
      Exchange(response: Self.answer(request, environment, settings, alarm, wake))
    }
  }

  /// - Returns: the port, for who asked for a free one (0).
  @discardableResult
  func start() throws(SettingsError) -> UInt16 {
    do {
      return try listener.start(host: settings.host, port: settings.port)
    } catch {
      throw SettingsError("Cannot listen at `inbound.listen`: \(error)")
    }
  }

  func shutdown() async throws {
    let listener = listener
    try await environment.workers.run { listener.stop() }
  }

  // MARK: One request, on its connection's thread

  private static func answer(
    _ request: Request, _ environment: ServiceEnvironment, _ settings: InboundSettings,
    _ alarm: ForgeryAlarm, _ wake: @Sendable () -> Void
  ) -> Response {
    guard let gateway = gateway(request.path, settings) else { return refusal(404) }
    guard request.method == "POST" else { return refusal(405) }
    let notices: [GatewayNotice]
    do throws(NoticeError) {
      notices = try read(request, gateway, settings, now: environment.clock.now)
    } catch {
      environment.logger.notice(
        "a notification was refused",
        metadata: ["gateway": "\(gateway)", "reason": "\(error)"])
      if error == .signatureWrong { alarm.note(gateway) }
      return refusal(status(error))
    }
    let rows = notices.map {
      NotificationStatements.Row(gateway: gateway, id: $0.deduplicationKey, body: request.body)
    }
    guard store(rows, environment) else { return refusal(503) }
    wake()
    return Response(
      status: 200, contentType: "text/plain", body: Array(AdyenNotices.acknowledgement.utf8))
  }

  private static func gateway(_ path: String, _ settings: InboundSettings) -> GatewayName? {
    switch path {
    case "/stripe": settings.stripeSecrets.isEmpty ? nil : .stripe
    case "/adyen": settings.adyenKeys.isEmpty ? nil : .adyen
    default: nil
    }
  }

  private static func read(
    _ request: Request, _ gateway: GatewayName, _ settings: InboundSettings, now: Timestamp
  ) throws(NoticeError) -> [GatewayNotice] {
    switch gateway {
    case .stripe:
      [
        try StripeNotices.read(
          body: request.body, signature: request.header("stripe-signature"),
          secrets: settings.stripeSecrets, now: now)
      ]
    case .adyen: try AdyenNotices.read(body: request.body, keys: settings.adyenKeys)
    }
  }

  private static func status(_ error: NoticeError) -> Int {
    switch error {
    case .tooLarge: 413
    case .unreadable: 400
    case .signatureMissing, .signatureMalformed, .timestampOutsideTolerance, .signatureWrong: 401
    }
  }

  private static func refusal(_ status: Int) -> Response { Response(status: status, body: []) }

  /// True when the rows are committed, or were there already.
  private static func store(
    _ rows: [NotificationStatements.Row], _ environment: ServiceEnvironment
  ) -> Bool {
    let stored = Monitor<Bool?>(nil)
    environment.loop.spawn(name: "notification") {
      let isStored = await Deadline.$current.withValue(
        .after(.milliseconds(storeMilliseconds))
      ) { () async -> Bool in
        do {
          _ = try await environment.database.query(NotificationStatements.insert(rows))
          return true
        } catch {
          environment.logger.warning(
            "a notification could not be stored", metadata: ["error": "\(error)"])
          return false
        }
      }
      stored.change { $0 = isStored }
    }
    return stored.wait(limitMilliseconds: storeMilliseconds + 1_000, until: { $0 }) ?? false
  }
}
