import GRPCCore
import IntentsCore
import Money
import Postgres
import ServiceKit
import Transport
import Wire

extension PaymentIntentCalls {
  func getPaymentIntent(
    request: IntentsV1.GetPaymentIntentRequest, context: ServerContext
  ) async throws -> IntentsV1.GetPaymentIntentResponse {
    let call = try CallContext.require()
    let merchant = try call.requireMerchant()
    let id = try RequestFields.requiredID(
      request.paymentIntentID, "payment_intent_id", as: PaymentIntentID.self)
    let rows = try await environment.database.query(IntentStatements.get(id, of: merchant))
    guard let row = rows.first else { throw IntentRefusal.notFound(id) }
    var response = IntentsV1.GetPaymentIntentResponse(
      paymentIntent: IntentsV1.PaymentIntent(try IntentRow(row: row)))
    // Who only reads has no payer to send anywhere.
    if case .auditor = call.peer { response.paymentIntent?.nextAction = nil }
    if request.withChanges {
      let changes = try await environment.database.query(IntentStatements.changes(id, of: merchant))
      response.changes = try changes.map { row in
        let (version, status, cause, actor, at, traceID) = try row.decode(
          (Int64, Int16, String, String, Timestamp, [UInt8]).self)
        return IntentsV1.PaymentIntentChange(
          version: UInt64(version), status: .init(rawValue: Int32(status)), cause: cause,
          actor: actor, at: at.wire, traceID: traceID)
      }
    }
    return response
  }

  func listPaymentIntents(
    request: IntentsV1.ListPaymentIntentsRequest, context: ServerContext
  ) async throws -> IntentsV1.ListPaymentIntentsResponse {
    let merchant = try CallContext.require().requireMerchant()
    let size = request.pageSize == 0 ? 20 : Int64(request.pageSize)
    let status = request.status.rawValue == 0 ? nil : Int16(clamping: request.status.rawValue)
    let token = PageToken(merchant: merchant, filter: status.map(String.init) ?? "", proof: proof)
    let before = try token.position(of: request.pageToken, as: PaymentIntentID.self)
    let rows = try await environment.database.query(
      IntentStatements.list(of: merchant, before: before, status: status, limit: size + 1))
    let intents = try rows.map(IntentRow.init(row:))
    let page = intents.prefix(Int(size))
    var response = IntentsV1.ListPaymentIntentsResponse(
      paymentIntents: page.map { row in
        // A page of addresses would be longer than an answer may be.
        var intent = IntentsV1.PaymentIntent(row)
        intent.nextAction = nil
        return intent
      })
    if intents.count > page.count, let last = page.last {
      response.nextPageToken = token.text(after: last.id)
    }
    return response
  }
}

/// A page token: the last id of a page, sealed against use by another merchant or with another
/// filter.
struct PageToken: Sendable {
  let merchant: MerchantID
  let filter: String
  let proof: KeyProof

  func text<Kind>(after id: EntityID<Kind>) -> String {
    "\(id).\(proof.text(of: "page\n\(merchant)\n\(filter)\n\(id)"))"
  }

  /// - Throws: PAGE_TOKEN_INVALID, also for another merchant's token.
  func position<Kind>(
    of text: String, as type: EntityID<Kind>.Type
  ) throws(RPCFailure) -> EntityID<Kind>? {
    if text.isEmpty { return nil }
    let parts = text.split(separator: ".")
    guard parts.count == 2, let id = EntityID<Kind>(String(parts[0])), proof.matches(
      String(parts[1]), "page\n\(merchant)\n\(filter)\n\(id)")
    else {
      throw .invalid(
        "page_token", "PAGE_TOKEN_INVALID",
        "The page token is not one of this merchant's list with this filter.")
    }
    return id
  }
}
