import GRPCCore
import Money
import Postgres
import ServiceKit
import Wire

/// tender.intents.v1.Customers.
struct CustomerCalls: IntentsV1.Customers.SimpleServiceProtocol {
  let environment: ServiceEnvironment

  func createCustomer(
    request: IntentsV1.CreateCustomerRequest, context: ServerContext
  ) async throws -> IntentsV1.CreateCustomerResponse {
    let id = environment.identifiers.make(CustomerID.self)
    let now = environment.clock.now
    return try await environment.idempotency.perform(request) { transaction, call in
      let merchant = try call.requireMerchant()
      let rows = try await transaction.query(
        """
        insert into customer (merchant_id, id, reference, email, name, created_at, actor, trace_id)
        values (\(merchant), \(id), \(request.reference), \(request.email), \(request.name),
          \(now), \(call.actor), \(call.trace.traceIDBytes))
        on conflict (merchant_id, reference) where reference <> '' do nothing returning id
        """)
      guard rows.count == 1 else {
        throw RPCFailure(
          .alreadyExists, "CUSTOMER_REFERENCE_USED",
          "Another customer of this merchant has this reference.")
      }
      return IntentsV1.CreateCustomerResponse(
        customer: IntentsV1.Customer(
          id: id.description, merchantID: merchant.description, reference: request.reference,
          email: request.email, name: request.name, createdAt: now.wire))
    }
  }

  func getCustomer(
    request: IntentsV1.GetCustomerRequest, context: ServerContext
  ) async throws -> IntentsV1.GetCustomerResponse {
    let merchant = try CallContext.require().requireMerchant()
    let id = try RequestFields.requiredID(
      request.customerID, "customer_id", as: CustomerID.self)
    let rows = try await environment.database.query(
      """
      select reference, email, name, created_at from customer
      where merchant_id = \(merchant) and id = \(id)
      """)
    guard let row = rows.first else { throw IntentRefusal.customerNotFound(id) }
    let (reference, email, name, createdAt) = try row.decode(
      (String, String, String, Timestamp).self)
    return IntentsV1.GetCustomerResponse(
      customer: IntentsV1.Customer(
        id: id.description, merchantID: merchant.description, reference: reference, email: email,
        name: name, createdAt: createdAt.wire))
  }
}
