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
    let groups = try Self.groups(request.facts)
    let applied = try await appliedSequences(groups)
    defer { if groups.contains(where: { !$0.isApplied(applied) }) { flow.wake() } }
    for group in groups {
      response.results +=
        group.isApplied(applied)
        ? group.results(.duplicate) : try await apply(group, stamp)
    }
    return response
  }

  /// How far each operation is. Nearly every fact came with the answer of a call and was applied
  /// then: one read says so for the whole batch, where a lock for each would cost a commit each.
  /// What is applied stays applied, so that an old answer of this read is never wrong.
  private func appliedSequences(
    _ groups: [Group]
  ) async throws -> [OperationID: Int32] {
    let operations = groups.flatMap { group in
      group.facts.compactMap { fact in
        OperationID(fact.operationID).map { (intent: group.intent, id: $0) }
      }
    }
    let rows = try await environment.database.query(
      OperationStatements.appliedSequences(operations.map(\.intent), operations.map(\.id)))
    return Dictionary(try rows.decode((OperationID, Int32).self)) { first, _ in first }
  }

  private struct Group {
    var merchant: MerchantID
    var intent: PaymentIntentID
    var facts: [GatewayV1.Fact]

    func isApplied(_ applied: [OperationID: Int32]) -> Bool {
      facts.allSatisfy { fact in
        guard let id = OperationID(fact.operationID), let sequence = applied[id] else {
          return false
        }
        return fact.sequence <= sequence
      }
    }

    func results(_ result: FactApplication.Result) -> [IntentsV1.FactResult] {
      facts.map {
        IntentsV1.FactResult(
          operationID: $0.operationID, sequence: $0.sequence, result: result.rawValue)
      }
    }
  }

  /// The facts of one intent together, in the order of arrival.
  private static func groups(_ facts: [GatewayV1.Fact]) throws(RPCFailure) -> [Group] {
    var groups: [Group] = []
    for (index, fact) in facts.enumerated() {
      let merchant = try RequestFields.merchant(
        fact.merchantID, "facts[\(index)].merchant_id")
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
        flow.metrics.count(application)
        return results
      }
    } catch let failure as RPCFailure where failure.code == .notFound {
      // After a restore the router may know more than we do: it keeps the fact and alerts.
      return group.results(.unknownOperation)
    }
  }
}
