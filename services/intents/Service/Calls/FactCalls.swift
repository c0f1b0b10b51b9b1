import GRPCCore
import IntentsCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.intents.v1.PaymentFacts: the repeated copy of every fact, until it is applied once.
struct FactCalls: IntentsV1.PaymentFacts.SimpleServiceProtocol {
  let environment: ServiceEnvironment
  let flow: IntentFlow

  func applyFacts(
    request: IntentsV1.ApplyFactsRequest, context: ServerContext
  ) async throws -> IntentsV1.ApplyFactsResponse {
    let stamp = environment.stamp
    var response = IntentsV1.ApplyFactsResponse()
    defer { flow.wake() }
    for group in try Self.groups(request.facts) {
      response.results += try await apply(group, stamp)
    }
    return response
  }

  private struct Group {
    var merchant: MerchantID
    var intent: PaymentIntentID
    var facts: [GatewayV1.Fact]
  }

  /// The facts of one intent together, in the order of arrival.
  private static func groups(_ facts: [GatewayV1.Fact]) throws(RPCFailure) -> [Group] {
    var groups: [Group] = []
    for (index, fact) in facts.enumerated() {
      guard let merchant = MerchantID(fact.merchantID) else {
        throw .invalid("facts[\(index)].merchant_id", "MERCHANT_INVALID", "No merchant id.")
      }
      let intent = try RequestFields.requiredID(
        fact.intentID, "facts[\(index)].intent_id", as: PaymentIntentID.self)
      if let known = groups.firstIndex(where: { $0.intent == intent }) {
        groups[known].facts.append(fact)
      } else {
        groups.append(Group(merchant: merchant, intent: intent, facts: [fact]))
      }
    }
    return groups
  }

  private func apply(_ group: Group, _ stamp: Stamp) async throws -> [IntentsV1.FactResult] {
    do {
      return try await environment.database.transaction { [self] transaction in
        var application = try await flow.locked(
          group.intent, of: group.merchant, claim: nil, in: transaction)
        let results = group.facts.map { fact in
          IntentsV1.FactResult(
            operationID: fact.operationID, sequence: fact.sequence,
            result: application.apply(fact).rawValue)
        }
        try await transaction.commit(with: flow.writer.statements(application, stamp))
        return results
      }
    } catch let failure as RPCFailure where failure.code == .notFound {
      // After a restore the router may know more than we do: it keeps the fact and alerts.
      return group.facts.map {
        IntentsV1.FactResult(
          operationID: $0.operationID, sequence: $0.sequence,
          result: FactApplication.Result.unknownOperation.rawValue)
      }
    }
  }
}
