import ArgumentParser
import Money
import Wire

/// A payment or refund that the restored database did not know.
struct RestoredPaymentRow: Encodable {
  let restore: String
  let gateway: String
  let gatewayReference: String
  let reference: String
  let state: String
  let merchant: String
  let payment: String
  /// Of a refund: the gateway's id of its payment.
  let refundOf: String
  let amount: String
  let createdAt: String
  let detail: String
  /// What people said last, and who.
  let verdict: String
  let verdictBy: String

  init(_ payment: GatewayV1.RestoredPayment) {
    restore = payment.restoreID
    gateway = "\(payment.gateway):\(payment.gatewayAccount)"
    gatewayReference = payment.gatewayReference
    reference = payment.ownReference
    state = WireText.word(payment.state, "RESTORED_PAYMENT_STATE_")
    merchant = payment.merchantID
    self.payment = payment.intentID
    refundOf = payment.paymentReference
    amount = WireText.money(payment.amount)
    createdAt = RestoreRow.text(payment.createdAt)
    detail = payment.detail
    verdict = VerdictArgument(payment.verdict)?.rawValue ?? ""
    verdictBy = payment.verdictBy
  }

  var lines: [String] {
    [
      "\(state)  \(gatewayReference)  \(amount)  \(createdAt)",
      "  \(payment.isEmpty ? reference : payment)  \(detail.prefix(60))",
    ]
      + (verdictBy.isEmpty
        ? [] : ["  \(verdictBy) says \(verdict)".prefix(100).description])
  }
}

/// What the gateway's own records show.
enum VerdictArgument: String, ExpressibleByArgument, CaseIterable {
  case stands
  case nothingLeft = "nothing-left"

  init?(_ wire: GatewayV1.RestoredPaymentVerdict) {
    switch wire {
    case .stands: self = .stands
    case .nothingLeft: self = .nothingLeft
    case .unspecified, .unrecognized: return nil
    }
  }

  var wire: GatewayV1.RestoredPaymentVerdict {
    switch self {
    case .stands: .stands
    case .nothingLeft: .nothingLeft
    }
  }
}

struct RestoreList: Command {
  static let configuration = CommandConfiguration(
    commandName: "list",
    abstract: "List what the restored database did not know, for people first.")

  @OptionGroup var common: CommonOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.restoredPayments()
    }.map(RestoredPaymentRow.init)
    try output.result(rows) {
      rows.isEmpty
        ? ["nothing was found that this database did not know"] : rows.flatMap(\.lines)
    }
    return .succeeded
  }
}

struct RestoreSettle: Command {
  static let configuration = CommandConfiguration(
    commandName: "settle",
    abstract: "Say what the gateway's records show of what is for people; two operators settle it.",
    discussion: """
      `stands`: the payment keeps its money and is never charged again; the refund went back. \
      `nothing-left`: canceled, declined, given back whole, or none of ours. One operator says it, \
      another one (--as approver) looks there too and says the same.
      """)

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Argument(help: "The gateway's id of the payment or refund, as listed.") var reference: String
  @Option(help: "gateway:account, where two accounts have one of this id.")
  var account: String?
  @Option(help: "stands or nothing-left.") var verdict: VerdictArgument
  @Option(help: "Where it was seen: report, page, ticket.") var words: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let (key, caller) = (try CallKeys.choose(key, prefix: "settle"), person.caller)
    let said = try await ServiceSession.with(try Checkout.find()) { session in
      let payment = try Self.chosen(
        reference, at: account, of: try await session.restoredPayments())
      let request = GatewayV1.SettleRestoredPaymentRequest(
        restoreID: payment.restoreID, gateway: payment.gateway,
        gatewayAccount: payment.gatewayAccount, gatewayReference: reference,
        verdict: verdict.wire, words: words)
      return try await session.call(.gateway, as: caller) { client in
        try await GatewayV1.Restores.Client(wrapping: client)
          .settleRestoredPayment(request, metadata: CallKeys.metadata(key: key))
      }.payment
    }
    guard let row = said.map(RestoredPaymentRow.init) else { throw RestoreCommand.unanswered }
    let isSettled = row.state == "settled"
    try output.result(row) {
      [
        isSettled
          ? "\(reference) is settled: \(row.verdict)"
          : "\(row.verdictBy) says \(row.verdict); another operator says the same: --as approver"
      ]
    }
    return isSettled ? .succeeded : .processing
  }

  /// Of several restores' finds of one id at one account what is for people comes first.
  /// - Parameter found: for people first.
  static func chosen(
    _ reference: String, at account: String?, of found: [GatewayV1.RestoredPayment]
  ) throws(Failure) -> GatewayV1.RestoredPayment {
    let place = { (payment: GatewayV1.RestoredPayment) in
      "\(payment.gateway):\(payment.gatewayAccount)"
    }
    let named = found.filter { $0.gatewayReference == reference }
    let meant = named.filter { account == nil || place($0) == account }
    let places = Set(meant.map(place)).sorted()
    guard places.count < 2 else {
      throw Failure(
        "\(reference) was found at \(places.joined(separator: " and at "))",
        next: "add " + places.map { "--account \($0)" }.joined(separator: " or "), status: .usage)
    }
    guard let payment = meant.first else {
      let known = Set(named.map(place)).sorted().joined(separator: ", ")
      throw Failure(
        "\(reference) was not found by a restore\(account.map { " at \($0)" } ?? "")",
        next: known.isEmpty ? "see tender restore list" : "it was found at \(known)")
    }
    return payment
  }
}

extension ServiceSession {
  /// The most that one answer holds.
  private static let restoredPageMax: UInt32 = 200

  /// All of it, page by page, for people first.
  fileprivate func restoredPayments() async throws -> [GatewayV1.RestoredPayment] {
    var payments: [GatewayV1.RestoredPayment] = []
    var token = ""
    repeat {
      let request = GatewayV1.ListRestoredPaymentsRequest(
        pageSize: Self.restoredPageMax, pageToken: token)
      let page = try await call(.gateway, as: .operator) { client in
        try await GatewayV1.Restores.Client(wrapping: client).listRestoredPayments(request)
      }
      payments += page.payments
      token = page.nextPageToken
    } while !token.isEmpty
    // For people, then pending, then what is done.
    let order: [GatewayV1.RestoredPaymentState] = [.forPeople, .pending]
    return order.flatMap { state in payments.filter { $0.state == state } }
      + payments.filter { !order.contains($0.state) }
  }
}
