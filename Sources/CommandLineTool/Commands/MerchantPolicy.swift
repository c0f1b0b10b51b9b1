import ArgumentParser
import Money
import Wire

/// Shows or sets what a merchant allows while a gateway's outcome is unknown.
struct MerchantPolicy: Command {
  enum Choice: String, ExpressibleByArgument, CaseIterable { case on, off }

  static let configuration = CommandConfiguration(
    commandName: "policy",
    abstract: "Show or set whether a card may be authorised a second time, at another gateway.")

  @OptionGroup var common: CommonOptions
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Option(help: "While the payer is there: on or off.") var withPayer: Choice?
  @Option(help: "For payments that the merchant starts: on or off.") var offSession: Choice?
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  struct Answer: Encodable {
    let merchant: String
    let version: UInt32
    let withPayer: Bool
    let offSession: Bool
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let answer = try await ServiceSession.with(try Checkout.find()) { session in
      let merchant = try MerchantOption.resolve(merchant, session)
      let reads = Reads(session: session, merchant: merchant)
      var policy = try await reads.failoverPolicy()
      if withPayer != nil || offSession != nil {
        let request = GatewayV1.SetFailoverPolicyRequest(
          speculatesWithPayer: withPayer.map { $0 == .on } ?? policy.speculatesWithPayer,
          speculatesOffSession: offSession.map { $0 == .on } ?? policy.speculatesOffSession)
        policy = try await reads.set(request, key: try CallKeys.choose(key, prefix: "policy"))
      }
      return Answer(
        merchant: merchant.description, version: policy.version,
        withPayer: policy.speculatesWithPayer, offSession: policy.speculatesOffSession)
    }
    try output.result(answer) {
      [
        "\(answer.merchant)  " + (answer.version == 0 ? "the standard" : "version \(answer.version)"),
        "second authorisation with the payer  \(answer.withPayer ? "on" : "off")",
        "second authorisation off session     \(answer.offSession ? "on" : "off")",
      ]
    }
    return .succeeded
  }
}

extension Reads {
  fileprivate func failoverPolicy() async throws -> GatewayV1.FailoverPolicy {
    let metadata = CallKeys.metadata(merchant: merchant)
    let policy = try await session.call(.gateway, as: .operator) { client in
      try await GatewayV1.FailoverPolicies.Client(wrapping: client)
        .getFailoverPolicy(GatewayV1.GetFailoverPolicyRequest(), metadata: metadata)
    }.policy
    return try Self.required(policy)
  }

  fileprivate func set(
    _ request: GatewayV1.SetFailoverPolicyRequest, key: String
  ) async throws -> GatewayV1.FailoverPolicy {
    let metadata = CallKeys.metadata(key: key, merchant: merchant)
    let policy = try await session.call(.gateway, as: .operator) { client in
      try await GatewayV1.FailoverPolicies.Client(wrapping: client)
        .setFailoverPolicy(request, metadata: metadata)
    }.policy
    return try Self.required(policy)
  }

  private static func required(
    _ policy: GatewayV1.FailoverPolicy?
  ) throws -> GatewayV1.FailoverPolicy {
    guard let policy else {
      throw Failure("gateway-router answered without the policy", next: "see tender doctor")
    }
    return policy
  }
}
