import GRPCCore
import GatewayCore
import Money
import Outbox
import Postgres
import ServiceKit
import Wire

/// tender.gateway.v1.Notifications.
struct NotificationCalls: GatewayV1.Notifications.SimpleServiceProtocol {
  static let pageSizeStandard: Int64 = 50
  static let pageSizeMax: Int64 = 100
  /// What is told of an error: enough for people, and 100 of them fit into an answer.
  static let detailBytesMax = 300

  let environment: ServiceEnvironment
  /// Something became due.
  let wake: @Sendable () -> Void

  func listNotifications(
    request: GatewayV1.ListNotificationsRequest,
    context: ServerContext
  ) async throws -> GatewayV1.ListNotificationsResponse {
    guard let state = NotificationState(request.state) else {
      throw RPCFailure.invalid("state", "STATE_UNKNOWN", "There is no such state.")
    }
    let gateway = request.gateway.isEmpty ? nil : try Self.gateway(request.gateway)
    let rows = try await environment.database.query(
      NotificationStatements.list(
        state,
        of: gateway,
        before: request.receivedBefore.map(Timestamp.init(wire:)),
        limit: request.pageSize == 0
          ? Self.pageSizeStandard : min(Int64(request.pageSize), Self.pageSizeMax)
      )
    )
    return GatewayV1.ListNotificationsResponse(
      notifications: try rows.map { try GatewayV1.Notification($0) }
    )
  }

  func retryNotification(
    request: GatewayV1.RetryNotificationRequest,
    context: ServerContext
  ) async throws -> GatewayV1.RetryNotificationResponse {
    let gateway = try Self.gateway(request.gateway)
    let response = try await environment.idempotency.perform(request) { transaction, call in
      let rows = try await transaction.query(NotificationStatements.find(gateway, request.id))
      guard let row = rows.first else {
        throw RPCFailure.notFound("NOTIFICATION_NOT_FOUND", "There is no such notification.")
      }
      guard try GatewayV1.Notification(row).state != .processed else {
        throw RPCFailure.failedPrecondition(
          "NOTIFICATION_PROCESSED",
          "It was processed; there is nothing left to do."
        )
      }
      let retried = try await transaction.query(
        NotificationStatements.retry(gateway, request.id, actor: call.actor)
      ).single()
      _ = try await transaction.query(
        NotificationStatements.resolveParked(gateway, actor: call.actor)
      )
      return GatewayV1.RetryNotificationResponse(
        notification: try GatewayV1.Notification(retried)
      )
    }
    wake()
    return response
  }

  private static func gateway(_ name: String) throws(RPCFailure) -> GatewayName {
    guard let gateway = GatewayName(rawValue: name) else {
      throw RPCFailure.invalid(
        "gateway",
        "GATEWAY_UNKNOWN",
        "Name one of the gateways: stripe or adyen."
      )
    }
    return gateway
  }
}

/// Where a notification stands, for people.
enum NotificationState: Sendable {
  case waiting, parked, processed

  /// Parked unless one is named; nil for one that this version does not know.
  init?(_ wire: GatewayV1.NotificationState) {
    switch wire {
    case .unspecified, .parked: self = .parked
    case .waiting: self = .waiting
    case .processed: self = .processed
    case .unrecognized: return nil
    }
  }
}

extension GatewayV1.Notification {
  /// The row's columns, in the order of `NotificationStatements.shown`.
  fileprivate init(_ row: Row) throws {
    let processedAt = try row[3, as: Timestamp?.self]
    let isParked = try row[5, as: Bool.self]
    let merchant = try row[9, as: MerchantID?.self]
    let detail = try row[7, as: String.self]
    self.init(
      gateway: try row[0, as: String.self],
      id: try row[1, as: String.self],
      state: processedAt != nil ? .processed : isParked ? .parked : .waiting,
      receivedAt: try row[2, as: Timestamp.self].wire,
      processedAt: processedAt?.wire,
      nextTryAt: try row[4, as: Timestamp?.self]?.wire,
      tries: UInt32(clamping: try row[6, as: Int32.self]),
      detail: String(detail.prefix(NotificationCalls.detailBytesMax)),
      isListed: try row[8, as: Bool.self],
      merchantID: merchant?.description ?? ""
    )
  }
}
