import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.gateway.v1.FailoverPolicies.
struct PolicyCalls: GatewayV1.FailoverPolicies.SimpleServiceProtocol {
  /// Versions that others add meanwhile and that are yielded to.
  static let insertTriesMax = 5

  let environment: ServiceEnvironment

  func setFailoverPolicy(
    request: GatewayV1.SetFailoverPolicyRequest, context: ServerContext
  ) async throws -> GatewayV1.SetFailoverPolicyResponse {
    try await environment.idempotency.perform(request) { [environment] transaction, call in
      let insert = PolicyStatements.insert(
        withPayer: request.speculatesWithPayer, offSession: request.speculatesOffSession,
        of: try call.requireMerchant(), environment.stamp)
      for _ in 0..<Self.insertTriesMax {
        if let row = try await transaction.query(insert).first {
          return GatewayV1.SetFailoverPolicyResponse(
            policy: GatewayV1.FailoverPolicy(try MerchantPolicy(row)))
        }
      }
      throw RPCFailure.internalError
    }
  }

  func getFailoverPolicy(
    request: GatewayV1.GetFailoverPolicyRequest, context: ServerContext
  ) async throws -> GatewayV1.GetFailoverPolicyResponse {
    let merchant = try CallContext.require().requireMerchant()
    let rows = try await environment.database.query(PolicyStatements.current(of: merchant))
    let policy = try rows.first.map { try MerchantPolicy($0) } ?? .standard
    return GatewayV1.GetFailoverPolicyResponse(policy: GatewayV1.FailoverPolicy(policy))
  }
}

extension GatewayV1.FailoverPolicy {
  fileprivate init(_ policy: MerchantPolicy) {
    self.init(
      version: UInt32(max(0, policy.version)), speculatesWithPayer: policy.speculatesWithPayer,
      speculatesOffSession: policy.speculatesOffSession)
  }
}
