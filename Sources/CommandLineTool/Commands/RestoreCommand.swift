import ArgumentParser
import Money
import Wire

/// After the database was restored to a point in the past: nothing moves until the gateways' books
/// are read and people open.
struct RestoreCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restore",
    abstract: "After a database restore: hold payments, rebuild what gateways know, open again.",
    discussion: """
      Begin before clients can reach intents. Stripe's list of payments is then read from a day \
      before the point on, and what this database does not know is rebuilt. Adyen has no list: \
      fetch the payment accounting report of each day since the point (tender reports fetch). \
      While anything is unproven, one operator asks to open and another one opens (--as approver). \
      What is pending or for people then goes on holding its payment: two operators settle what is \
      for people (tender restore settle).
      """,
    subcommands: [
      RestoreStatus.self, RestoreBegin.self, RestoreList.self, RestoreSettle.self,
      RestoreOpen.self,
    ], defaultSubcommand: RestoreStatus.self)

  static let unanswered = Failure(
    "gateway-router answered without the restore", next: "see tender doctor")
}

/// A restore as people see it.
struct RestoreRow: Encodable {
  struct Reading: Encodable {
    let account: String
    let subject: String
    let listedFrom: String
    let finishedAt: String
    let itemsRead: UInt64
    let itemsForeign: UInt64
    let error: String
  }

  let id: String
  let pointAt: String
  let state: String
  let reason: String
  let begunBy: String
  let begunAt: String
  let readings: [Reading]
  let paymentsPending: UInt64
  let paymentsRebuilt: UInt64
  let paymentsForPeople: UInt64
  let unproven: [String]
  let openAskedBy: String
  let openedBy: String
  let openedAt: String

  init(_ restore: GatewayV1.Restore) {
    id = restore.id
    pointAt = Self.text(restore.pointAt)
    state = WireText.word(restore.state, "RESTORE_STATE_")
    reason = restore.reason
    begunBy = restore.begunBy
    begunAt = Self.text(restore.begunAt)
    readings = restore.readings.map {
      Reading(
        account: $0.account, subject: $0.subject, listedFrom: Self.text($0.listedFrom),
        finishedAt: Self.text($0.finishedAt), itemsRead: $0.itemsRead,
        itemsForeign: $0.itemsForeign, error: $0.error)
    }
    paymentsPending = restore.paymentsPending
    paymentsRebuilt = restore.paymentsRebuilt
    paymentsForPeople = restore.paymentsForPeople
    unproven = restore.unproven
    openAskedBy = restore.openAskedBy
    openedBy = restore.openedBy
    openedAt = Self.text(restore.openedAt)
  }

  static func text(_ time: GoogleProtobuf.Timestamp?) -> String {
    time.map { "\(Timestamp($0))" } ?? ""
  }

  var lines: [String] {
    var lines = [
      "\(id)  \(state), restored to \(pointAt)",
      "begun \(begunAt) by \(begunBy): \(reason)",
    ]
    for reading in readings {
      let end = reading.finishedAt.isEmpty ? "not read to its end" : "read to its end"
      lines.append(
        "\(reading.account)  \(end) from \(reading.listedFrom) on, "
          + "\(reading.itemsRead) \(reading.subject), \(reading.itemsForeign) of others")
      if !reading.error.isEmpty { lines.append("  \(reading.error)") }
    }
    lines.append(
      "\(paymentsRebuilt) rebuilt, \(paymentsPending) pending, \(paymentsForPeople) for people")
    lines += unproven.map { (state == "open" ? "was unproven: " : "unproven: ") + $0 }
    if !openedBy.isEmpty {
      lines.append("opened \(openedAt) by \(openedBy)")
    } else if !openAskedBy.isEmpty {
      lines.append(
        "\(openAskedBy) asks to open; another operator: tender restore open --as approver")
    } else if unproven.isEmpty {
      lines.append("everything is proven: tender restore open")
    }
    return lines
  }
}

struct RestoreStatus: Command {
  static let configuration = CommandConfiguration(
    commandName: "status", abstract: "Show the newest restore and what is unproven.")

  @OptionGroup var common: CommonOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let row = RestoreRow(
      try await ServiceSession.with(try Checkout.find()) { try await $0.restore() })
    try output.result(row) { row.lines }
    return row.state == "open" ? .succeeded : .processing
  }
}

struct RestoreBegin: Command {
  static let configuration = CommandConfiguration(
    commandName: "begin",
    abstract: "Say that the database was restored; payments are held at once.")

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Option(help: "The moment it was restored to, 2026-11-01T00:00:00Z.") var point: String
  @Option(help: "Why, for the audit: incident, ticket.") var reason: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    guard let point = Timestamp(point) else {
      throw Failure("--point is no time", next: "2026-11-01T00:00:00Z", status: .usage)
    }
    let (key, caller) = (try CallKeys.choose(key, prefix: "restore"), person.caller)
    let request = GatewayV1.BeginRestoreRequest(
      pointAt: GoogleProtobuf.Timestamp(point), reason: reason)
    let made = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.gateway, as: caller) { client in
        try await GatewayV1.Restores.Client(wrapping: client)
          .beginRestore(request, metadata: CallKeys.metadata(key: key))
      }.restore
    }
    guard let row = made.map(RestoreRow.init) else { throw RestoreCommand.unanswered }
    try output.result(row) { row.lines }
    return .succeeded
  }
}

struct RestoreOpen: Command {
  static let configuration = CommandConfiguration(
    commandName: "open", abstract: "Let money move again; with anything unproven by two operators.")

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Option(help: "Why it may be opened, for the audit.") var reason: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let (key, caller) = (try CallKeys.choose(key, prefix: "open"), person.caller)
    let reason = reason
    let opened = try await ServiceSession.with(try Checkout.find()) { session in
      let request = GatewayV1.OpenRestoreRequest(
        restoreID: try await session.restore().id, reason: reason)
      return try await session.call(.gateway, as: caller) { client in
        try await GatewayV1.Restores.Client(wrapping: client)
          .openRestore(request, metadata: CallKeys.metadata(key: key))
      }.restore
    }
    guard let row = opened.map(RestoreRow.init) else { throw RestoreCommand.unanswered }
    try output.result(row) { row.lines }
    return row.state == "open" ? .succeeded : .processing
  }
}

extension ServiceSession {
  /// The newest one.
  fileprivate func restore() async throws -> GatewayV1.Restore {
    let answer = try await call(.gateway, as: .operator) { client in
      try await GatewayV1.Restores.Client(wrapping: client)
        .getRestore(GatewayV1.GetRestoreRequest())
    }
    guard let restore = answer.restore else { throw RestoreCommand.unanswered }
    return restore
  }
}
