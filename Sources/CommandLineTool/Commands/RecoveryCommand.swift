import ArgumentParser
import Money
import Wire

/// What only people can prove, and how two of them do.
struct RecoveryCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "recovery",
    abstract: "List what nothing has proven at a gateway, and say what its own records show.",
    discussion: """
      One operator proposes, another one approves, `approver` without another name: \
      `tender certificates --operator NAME` makes the \
      certificate of a second one, `--as NAME` uses it.
      """,
    subcommands: [RecoveryList.self, RecoveryPropose.self, RecoveryApprove.self])
}

struct UnprovenRow: Encodable {
  let subject: String
  let payment: String
  let merchant: String
  let gateway: String
  let reference: String
  let gatewayReference: String
  let amount: String
  let known: String
  let since: String
  let proposal: ResolutionRow?

  init(_ item: GatewayV1.Unproven) {
    subject = item.subjectID
    payment = item.intentID
    merchant = item.merchantID
    gateway = "\(item.gateway):\(item.gatewayAccount)"
    reference = item.ownReference
    gatewayReference = item.gatewayReference
    amount = WireText.money(item.amount)
    known = item.known
    since = item.since.map { "\(Timestamp($0))" } ?? ""
    proposal = item.proposal.map(ResolutionRow.init)
  }
}

struct ResolutionRow: Encodable {
  let id: String
  let subject: String
  let evidence: String
  let words: String
  let proposedBy: String
  let approvedBy: String

  init(_ resolution: GatewayV1.Resolution) {
    id = resolution.id
    subject = resolution.subjectID
    evidence = EvidenceArgument(resolution.evidence)?.rawValue ?? "unrecognized"
    words = resolution.words
    proposedBy = resolution.proposedBy
    approvedBy = resolution.approvedBy
  }
}

/// What the gateway's own records show.
enum EvidenceArgument: String, ExpressibleByArgument, CaseIterable {
  case canceledAtGateway = "canceled-at-gateway"
  case refundedAtGateway = "refunded-at-gateway"
  case neverExisted = "never-existed"

  init?(_ wire: GatewayV1.ResolutionEvidence) {
    switch wire {
    case .canceledAtGateway: self = .canceledAtGateway
    case .refundedAtGateway: self = .refundedAtGateway
    case .neverExisted: self = .neverExisted
    case .unspecified, .unrecognized: return nil
    }
  }

  var wire: GatewayV1.ResolutionEvidence {
    switch self {
    case .canceledAtGateway: .canceledAtGateway
    case .refundedAtGateway: .refundedAtGateway
    case .neverExisted: .neverExisted
    }
  }
}

struct RecoveryList: Command {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List what nothing has proven, oldest first.")

  @OptionGroup var common: CommonOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let items = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.unproven()
    }
    let rows = items.map(UnprovenRow.init)
    try output.result(rows) {
      rows.isEmpty
        ? ["nothing is unproven"]
        : Table.lines(
          [
            "subject", "payment", "gateway", "look there for", "amount", "known", "since", "proposal",
          ],
          rows.map { row in
            [
              row.subject, row.payment, row.gateway,
              row.gatewayReference.isEmpty ? row.reference : row.gatewayReference, row.amount,
              row.known, row.since,
              row.proposal.map { "\($0.id) \($0.evidence) by \($0.proposedBy): \($0.words)" } ?? "",
            ]
          })
    }
    return .succeeded
  }
}

struct RecoveryPropose: Command {
  static let configuration = CommandConfiguration(
    commandName: "propose", abstract: "Say what the gateway's own records show.")

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Argument(help: "The attempt (att_…) or refund (re_…), as listed.") var subject: String
  @Option(help: "canceled-at-gateway, refunded-at-gateway or never-existed.")
  var evidence: EvidenceArgument
  @Option(help: "Where it was seen: report, page, ticket.") var words: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let (key, caller) = (try CallKeys.choose(key, prefix: "propose"), person.caller)
    let made = try await ServiceSession.with(try Checkout.find()) { session in
      guard let item = try await session.unproven().first(where: { $0.subjectID == subject })
      else { throw Failure("\(subject) is not unproven", next: "see tender recovery list") }
      let request = GatewayV1.ProposeResolutionRequest(
        intentID: item.intentID, subjectID: subject, evidence: evidence.wire, words: words)
      let metadata = CallKeys.metadata(key: key, merchant: MerchantID(item.merchantID))
      return try await session.call(.gateway, as: caller) { client in
        try await GatewayV1.Recovery.Client(wrapping: client)
          .proposeResolution(request, metadata: metadata)
      }.resolution
    }
    guard let made else { throw RecoveryApprove.unanswered }
    let row = ResolutionRow(made)
    try output.result(row) {
      ["\(row.id) proposed; another operator approves it: tender recovery approve \(row.id)"]
    }
    return .succeeded
  }
}

struct RecoveryApprove: Command {
  static let configuration = CommandConfiguration(
    commandName: "approve", abstract: "Confirm what another operator has proposed.")

  static let unanswered = Failure(
    "gateway-router answered without the resolution", next: "see tender doctor")

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.approver
  @Argument(help: "The proposal (rs_…), as listed.") var proposal: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let (key, caller) = (try CallKeys.choose(key, prefix: "approve"), person.caller)
    let done = try await ServiceSession.with(try Checkout.find()) { session in
      guard let item = try await session.unproven().first(where: { $0.proposal?.id == proposal })
      else { throw Failure("\(proposal) waits for nobody", next: "see tender recovery list") }
      let request = GatewayV1.ApproveResolutionRequest(
        intentID: item.intentID, resolutionID: proposal)
      let metadata = CallKeys.metadata(key: key, merchant: MerchantID(item.merchantID))
      return try await session.call(.gateway, as: caller) { client in
        try await GatewayV1.Recovery.Client(wrapping: client)
          .approveResolution(request, metadata: metadata)
      }.resolution
    }
    guard let done else { throw Self.unanswered }
    let row = ResolutionRow(done)
    try output.result(row) {
      ["\(row.subject) is \(row.evidence), by \(row.proposedBy) and \(row.approvedBy)"]
    }
    return .succeeded
  }
}

extension ServiceSession {
  /// The most that one answer holds.
  private static let unprovenPageMax: UInt32 = 200

  /// All of it, page by page, oldest first.
  fileprivate func unproven() async throws -> [GatewayV1.Unproven] {
    var items: [GatewayV1.Unproven] = []
    var token = ""
    repeat {
      let request = GatewayV1.ListUnprovenRequest(
        pageSize: Self.unprovenPageMax, pageToken: token)
      let page = try await call(.gateway, as: .operator) { client in
        try await GatewayV1.Recovery.Client(wrapping: client).listUnproven(request)
      }
      items += page.items
      token = page.nextPageToken
    } while !token.isEmpty
    return items
  }
}
