import ArgumentParser
import GRPCCore
import Wire

/// Payment methods made ready for payments without their payer.
struct SetupCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "setup",
    abstract: "Verify a payment method for later payments without its payer; no money moves.",
    subcommands: [SetupCreate.self, SetupShow.self, SetupResolve.self])
}

struct SetupCreate: Command {
  static let configuration = CommandConfiguration(
    commandName: "create",
    abstract: "Verify a method at one gateway: tender setup create card_visa --gateway stripe")

  enum Gateway: String, ExpressibleByArgument, CaseIterable { case stripe, adyen }

  @OptionGroup var common: CommonOptions
  @Argument(help: "A registered method, by alias or tok_ id.") var method: String
  @Option(help: "stripe or adyen; without it the first that holds the method.")
  var gateway: Gateway?
  @Option(help: "The currency of the payments to come; EUR without it.") var currency = ""
  @Option(help: "The idempotency key; a fresh one is made and printed without it.")
  var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: "setup")
    let reply = try await ServiceSession.with(try Checkout.find()) { session in
      let request = GatewayV1.CreateSetupIntentRequest(
        paymentMethodID: try await MethodAlias.resolve(method, session),
        gateway: gateway?.rawValue ?? "", currency: currency)
      return try await output.whileWaiting("waiting for the gateway") {
        do {
          return try await SetupCall.create(request, key: key, session)
        } catch let error as CallFailure where error.isWorthRepeating {
          throw error.repeatable(key, "the gateway is asked under one key")
        }
      }
    }
    let answer = SetupAnswer(reply.message, key: key, replayed: reply.isReplayed)
    try output.result(answer) { answer.lines }
    return ExitStatus(reply.message.status)
  }
}

struct SetupShow: Command {
  static let configuration = CommandConfiguration(
    commandName: "show", abstract: "Show what became of a set-up: tender setup show seti_…")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The set-up: seti_…") var id: String

  func perform(_ output: Output) async throws -> ExitStatus {
    guard id.hasPrefix("seti_") else { throw Self.noSetUp(id) }
    let setup = try await ServiceSession.with(try Checkout.find()) { session in
      try await SetupCall.get(id, session)
    }
    let answer = SetupAnswer(setup, key: nil, replayed: false)
    try output.result(answer) { answer.lines }
    return ExitStatus(setup.status)
  }

  static func noSetUp(_ id: String) -> Failure {
    Failure("\(id) is no set-up", next: "give a seti_… id", status: .usage)
  }
}

/// Calls about set-ups, as the demo merchant's client.
enum SetupCall {
  static func create(
    _ request: GatewayV1.CreateSetupIntentRequest, key: String, _ session: ServiceSession
  ) async throws -> Reply<GatewayV1.SetupIntent> {
    let metadata = CallKeys.metadata(key: key)
    return try await session.call(.gateway) { client in
      try await GatewayV1.SetupIntents.Client(wrapping: client).createSetupIntent(
        request, metadata: metadata
      ) { response in
        try Reply(response).map { $0.setupIntent ?? GatewayV1.SetupIntent() }
      }
    }
  }

  static func get(_ id: String, _ session: ServiceSession) async throws -> GatewayV1.SetupIntent {
    let request = GatewayV1.GetSetupIntentRequest(setupIntentID: id)
    let setup = try await session.call(.gateway) { client in
      try await GatewayV1.SetupIntents.Client(wrapping: client).getSetupIntent(request)
    }.setupIntent
    guard let setup else {
      throw Failure("gateway-router answered without the set-up", next: "see tender doctor")
    }
    return setup
  }
}

/// A set-up as people see it.
struct SetupAnswer: Encodable {
  let id: String
  let status: String
  let paymentMethodID: String
  let currency: String
  let gateway: String
  let gatewayReference: String
  let failureCode: String?
  let gatewayCode: String?
  let nextCheckAt: Int64?
  let key: String?
  let replayed: Bool

  init(_ setup: GatewayV1.SetupIntent, key: String?, replayed: Bool) {
    id = setup.id
    status = WireText.word(setup.status, "SETUP_INTENT_STATUS_")
    paymentMethodID = setup.paymentMethodID
    currency = setup.currency
    gateway = setup.gateway
    gatewayReference = setup.gatewayReference
    failureCode = setup.failure?.code
    gatewayCode = setup.failure?.gatewayCode
    nextCheckAt = WireText.milliseconds(setup.nextCheckAt)
    self.key = key
    self.replayed = replayed
  }

  var lines: [String] {
    var state = status
    if let failureCode {
      state += ": \(DeclineText.of(failureCode, .unspecified, gatewayCode ?? ""))"
    }
    var lines = [
      "\(id)  \(state)", "method    \(paymentMethodID)  \(currency)",
      gateway.isEmpty ? "gateway   none" : "gateway   \(gateway)  \(gatewayReference)",
    ]
    if let key {
      let note = replayed ? "  (replayed: the first call's answer)" : ""
      lines.append("key       \(key)\(note)")
    }
    if status == "processing" { lines.append("looked at again by itself: tender setup show \(id)") }
    return lines
  }
}

extension ExitStatus {
  /// How a command about a set-up ends.
  init(_ status: GatewayV1.SetupIntentStatus) {
    self =
      switch status {
      case .succeeded: .succeeded
      case .failed, .canceled: .declined
      case .processing, .unspecified, .unrecognized: .processing
      }
  }
}
