import GRPCCore
import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.gateway.v1.Recovery.
struct RecoveryCalls: GatewayV1.Recovery.SimpleServiceProtocol {
  /// Items of one answer without a wish.
  static let pageSize: Int64 = 100

  let environment: ServiceEnvironment
  let flow: GatewayFlow

  func listUnproven(
    request: GatewayV1.ListUnprovenRequest, context: ServerContext
  ) async throws -> GatewayV1.ListUnprovenResponse {
    let size = request.pageSize == 0 ? Self.pageSize : Int64(request.pageSize)
    let found = try await flow.unproven(
      after: try UnprovenPlace(token: request.pageToken), limit: size + 1)
    let page = found.prefix(Int(size))
    return GatewayV1.ListUnprovenResponse(
      items: page.map(GatewayV1.Unproven.init(_:)),
      nextPageToken: found.count > page.count
        ? page.last.map { UnprovenPlace($0).token } ?? "" : "")
  }

  func proposeResolution(
    request: GatewayV1.ProposeResolutionRequest, context: ServerContext
  ) async throws -> GatewayV1.ProposeResolutionResponse {
    let intent = try Self.intent(request.intentID)
    guard let subject = ResolutionSubject(request.subjectID) else {
      throw RPCFailure.invalid("subject_id", "ID_INVALID", "This is no attempt's or refund's id.")
    }
    guard let kind = Attestation.Kind(rawValue: Int16(clamping: request.evidence.rawValue)) else {
      throw RPCFailure.invalid("evidence", "EVIDENCE_UNKNOWN", "This evidence is not known.")
    }
    let words = request.words
    return try await environment.idempotency.perform(request) { [flow] transaction, call in
      let record = try await flow.propose(
        kind, about: subject, of: intent, try call.requireMerchant(), words, in: transaction)
      return GatewayV1.ProposeResolutionResponse(resolution: GatewayV1.Resolution(record))
    }
  }

  func approveResolution(
    request: GatewayV1.ApproveResolutionRequest, context: ServerContext
  ) async throws -> GatewayV1.ApproveResolutionResponse {
    let intent = try Self.intent(request.intentID)
    guard let id = ResolutionID(request.resolutionID) else {
      throw RPCFailure.invalid("resolution_id", "ID_INVALID", "This is no resolution's id.")
    }
    return try await environment.idempotency.perform(request) { [flow] transaction, call in
      let record = try await flow.approve(
        id, of: intent, try call.requireMerchant(), in: transaction)
      return GatewayV1.ApproveResolutionResponse(resolution: GatewayV1.Resolution(record))
    }
  }

  private static func intent(_ text: String) throws(RPCFailure) -> PaymentIntentID {
    guard let intent = PaymentIntentID(text) else {
      throw .invalid("intent_id", "ID_INVALID", "This is no payment intent id.")
    }
    return intent
  }
}

extension GatewayV1.Resolution {
  fileprivate init(_ record: ResolutionRecord) {
    self.init(
      id: record.id.description, subjectID: record.subject.description,
      evidence: .init(rawValue: Int32(record.kind.rawValue)), words: record.words,
      proposedBy: record.proposedBy, proposedAt: record.proposedAt.wire,
      approvedBy: record.approvedBy ?? "", approvedAt: record.approvedAt?.wire)
  }
}

extension GatewayV1.Unproven {
  fileprivate init(_ record: UnprovenRecord) {
    let own: GatewayReference =
      switch record.subject {
      case .attempt(let id): .authorize(id)
      case .refund(let id): .refund(id)
      }
    self.init(
      subjectID: record.subject.description, merchantID: record.merchant.description,
      intentID: record.intent.description, operationID: record.operation.description,
      gateway: record.gateway, gatewayAccount: record.account, ownReference: own.text,
      gatewayReference: record.reference ?? "", amount: CommonV1.Money(record.amount),
      known: record.known, since: record.since.wire,
      proposal: record.proposal.map(GatewayV1.Resolution.init(_:)))
  }
}
