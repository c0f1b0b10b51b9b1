import ArgumentParser
import GRPCCore
import Wire

/// What gateways told, as gateway-router stored it.
struct NotificationsCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "notifications",
    abstract: "List what gateways told and could not be processed; have it tried again.",
    subcommands: [NotificationsList.self, NotificationsRetry.self],
    defaultSubcommand: NotificationsList.self
  )
}

struct NotificationsList: Command {
  enum State: String, ExpressibleByArgument, CaseIterable {
    case parked, waiting, processed

    var wire: GatewayV1.NotificationState {
      switch self {
      case .parked: .parked
      case .waiting: .waiting
      case .processed: .processed
      }
    }
  }

  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List notifications of one state, the newest first."
  )

  @OptionGroup var common: CommonOptions
  @Option(help: "parked, waiting or processed.") var state = State.parked
  @Option(help: "Only of this gateway.") var gateway = ""
  @Option(help: "How many, at most 100.") var limit: UInt32 = 50

  func perform(_ output: Output) async throws -> ExitStatus {
    let request = GatewayV1.ListNotificationsRequest(
      state: state.wire,
      gateway: gateway,
      pageSize: limit
    )
    let notifications = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.gateway, as: .operator) { client in
        try await GatewayV1.Notifications.Client(wrapping: client).listNotifications(request)
      }.notifications
    }
    let rows = notifications.map(NotificationRow.init)
    try output.result(rows) {
      Table.lines(
        ["gateway", "notification", "tries", "listed", "detail"],
        rows.map { [$0.gateway, $0.id, String($0.tries), $0.isListed ? "yes" : "no", $0.detail] }
      )
    }
    return .succeeded
  }
}

struct NotificationsRetry: Command {
  static let configuration = CommandConfiguration(
    commandName: "retry",
    abstract: "Try a notification again now, with all its tries before it."
  )

  @OptionGroup var common: CommonOptions
  @Argument(help: "stripe or adyen.") var gateway: String
  @Argument(help: "Its id, as `tender notifications` lists it.") var id: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: "notification")
    let request = GatewayV1.RetryNotificationRequest(gateway: gateway, id: id)
    let notification = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.gateway, as: .operator) { client in
        try await GatewayV1.Notifications.Client(wrapping: client)
          .retryNotification(request, metadata: CallKeys.metadata(key: key))
      }.notification
    }
    guard let notification else {
      throw Failure("gateway-router answered without the notification", next: "see tender doctor")
    }
    try output.result(NotificationRow(notification)) {
      ["\(gateway) \(id) is tried again now", "see tender notifications --state processed"]
    }
    return .succeeded
  }
}

struct NotificationRow: Encodable {
  let gateway: String
  let id: String
  let tries: UInt32
  let isListed: Bool
  let receivedAt: Int64?
  let processedAt: Int64?
  let nextTryAt: Int64?
  let detail: String

  init(_ wire: GatewayV1.Notification) {
    gateway = wire.gateway
    id = wire.id
    tries = wire.tries
    isListed = wire.isListed
    receivedAt = WireText.milliseconds(wire.receivedAt)
    processedAt = WireText.milliseconds(wire.processedAt)
    nextTryAt = WireText.milliseconds(wire.nextTryAt)
    detail = wire.detail
  }
}
