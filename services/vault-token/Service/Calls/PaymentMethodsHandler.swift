package import GRPCCore
import Logging
import Money
import Postgres
import ServiceKit
import Transport
import VaultCore
package import Wire

/// tender.vault.v1.PaymentMethods.
package struct PaymentMethodsHandler: VaultV1.PaymentMethods.SimpleServiceProtocol {
  /// Most methods in one list.
  static let listMax: Int64 = 100

  let environment: ServiceEnvironment
  let keys: MerchantKeys
  let audit: AccessAudit
  let alerts: VaultAlerts
  let events: VaultEvents
  let wakeRelay: @Sendable () -> Void

  // MARK: Registering

  package func createPaymentMethod(
    request: VaultV1.CreatePaymentMethodRequest,
    context: ServerContext
  ) async throws -> VaultV1.CreatePaymentMethodResponse {
    let registration = try CheckedRegistration(request)
    defer { wakeRelay() }
    return try await environment.idempotency.perform(request) { [self] transaction, call in
      let merchant = try call.requireMerchant()
      let id = try await register(registration, merchant, call, in: transaction)
      let rows = try await transaction.query(MethodStore.byID(id, of: merchant))
      let method = try MethodStore.decode(try rows.single(), of: merchant)
      _ = try await transaction.query(events.statement(.created, id, method, call))
      return VaultV1.CreatePaymentMethodResponse(paymentMethod: method)
    }
  }

  private func register(
    _ registration: CheckedRegistration,
    _ merchant: MerchantID,
    _ call: CallContext,
    in transaction: borrowing Transaction
  ) async throws -> PaymentMethodID {
    let now = environment.clock.now
    let id = environment.identifiers.make(PaymentMethodID.self)
    let active = try await keys.active(of: merchant, call, at: now, in: transaction)
    guard let data = active[.data], let fingerprint = active[.fingerprint] else {
      throw RPCFailure.internalError
    }
    if let alias = registration.alias {
      let inserted = try await transaction.query(
        MethodStore.insertAlias(alias, id, of: merchant)
      )
      guard inserted.affected == 1 else {
        throw RPCFailure(
          .alreadyExists,
          "ALIAS_USED",
          "Another payment method of this merchant has this alias."
        )
      }
    }
    let references = try registration.references.map { gateway, clear in
      let place = SealedReference.place(
        id,
        of: merchant,
        gateway: gateway,
        keyVersion: data.name.version
      )
      return (
        gateway: gateway, keyVersion: data.name.version,
        sealed: try Envelope.seal(clear.plaintext, at: place, with: data.key)
      )
    }
    let method = MethodStore.Registration(
      id: id,
      merchant: merchant,
      type: registration.type,
      card: registration.card,
      fingerprint: MethodRules.fingerprint(
        of: registration.gatewayFingerprint,
        key: fingerprint.key
      ),
      customer: registration.customer,
      alias: registration.alias,
      createdAt: now,
      references: references
    )
    _ = try await transaction.batch(
      MethodStore.insert(method, call) + [
        audit.statement(.register, id, of: merchant, outcome: "ok", call)
      ]
    )
    return id
  }

  // MARK: Reading

  package func describePaymentMethod(
    request: VaultV1.DescribePaymentMethodRequest,
    context: ServerContext
  ) async throws -> VaultV1.DescribePaymentMethodResponse {
    let call = try CallContext.require()
    let merchant = try call.requireMerchant()
    let (lookup, id) = try lookup(request, merchant)
    guard Self.isAudited(call) else {
      guard let row = try await environment.database.query(lookup).first else {
        throw Self.notFound
      }
      return VaultV1.DescribePaymentMethodResponse(
        paymentMethod: try MethodStore.decode(row, of: merchant)
      )
    }
    let method = try await environment.database.transaction { transaction in
      let row = try await transaction.query(lookup).first
      let found = try row.map { try $0[0, as: PaymentMethodID.self] }
      // An alias that names nothing has no method to be kept with.
      if let subject = found ?? id {
        _ = try await transaction.query(
          audit.statement(
            .describe,
            subject,
            of: merchant,
            outcome: found == nil ? "not_found" : "ok",
            call
          )
        )
      }
      return try row.map { try MethodStore.decode($0, of: merchant) }
    }
    guard let method else { throw Self.notFound }
    return VaultV1.DescribePaymentMethodResponse(paymentMethod: method)
  }

  /// People and merchants leave a trace; services that read the masked description on the payer's
  /// path do not.
  private static func isAudited(_ call: CallContext) -> Bool {
    if case .service(_) = call.peer { return false }
    return true
  }

  private func lookup(
    _ request: VaultV1.DescribePaymentMethodRequest,
    _ merchant: MerchantID
  ) throws -> (Statement, PaymentMethodID?) {
    switch (request.paymentMethodID.isEmpty, request.alias.isEmpty) {
    case (false, true):
      let id = try Self.id(request.paymentMethodID)
      return (MethodStore.byID(id, of: merchant), id)
    case (true, false):
      guard MethodRules.isAlias(request.alias) else {
        throw RPCFailure.invalid(
          "alias",
          RegistrationRefusal.aliasInvalid.rawValue,
          "An alias is 1 to 64 letters, digits and `_`."
        )
      }
      return (MethodStore.byAlias(request.alias, of: merchant), nil)
    default:
      throw RPCFailure.invalid(
        "payment_method_id",
        "ID_OR_ALIAS_REQUIRED",
        "Give either the id or the alias."
      )
    }
  }

  package func listPaymentMethods(
    request: VaultV1.ListPaymentMethodsRequest,
    context: ServerContext
  ) async throws -> VaultV1.ListPaymentMethodsResponse {
    let merchant = try CallContext.require().requireMerchant()
    let rows = try await environment.database.query(
      MethodStore.list(of: merchant, limit: Self.listMax)
    )
    return VaultV1.ListPaymentMethodsResponse(
      paymentMethods: try rows.map { try MethodStore.decode($0, of: merchant) }
    )
  }

  package func resolvePaymentMethod(
    request: VaultV1.ResolvePaymentMethodRequest,
    context: ServerContext
  ) async throws -> VaultV1.ResolvePaymentMethodResponse {
    let call = try CallContext.require()
    let merchant = try call.requireMerchant()
    let id = try Self.id(request.paymentMethodID)
    let purpose = request.operationID
    guard OperationID(purpose) != nil || SetupIntentID(purpose) != nil else {
      throw RPCFailure.invalid("operation_id", "ID_INVALID", "This is no `op_` and no `seti_` id.")
    }
    // On a connection of its own: it commits the audit row, and statements that share a connection
    // would wait for each other's disk writes one after the other.
    let resolve = ResolveStatement.make(
      id,
      of: merchant,
      for: purpose,
      at: environment.clock.now,
      call
    )
    let rows = try await environment.database.transaction(batch: [resolve])[0]
    do {
      guard let response = try ResolveStatement.decode(rows, id, of: merchant, keys.ring) else {
        throw Self.notFound
      }
      return response
    } catch let error where error is SealedReference.Unreadable || error is KeyRing.KeyError {
      environment.logger.error(
        "a reference cannot be opened",
        metadata: ["payment_method": "\(id)", "error": "\(error)"]
      )
      try await alerts.raiseUnreadable(id, of: merchant)
      throw RPCFailure.internalError
    }
  }

  // MARK: Deleting

  package func deletePaymentMethod(
    request: VaultV1.DeletePaymentMethodRequest,
    context: ServerContext
  ) async throws -> VaultV1.DeletePaymentMethodResponse {
    let id = try Self.id(request.paymentMethodID)
    defer { wakeRelay() }
    return try await environment.idempotency.perform(request) { [self] transaction, call in
      let merchant = try call.requireMerchant()
      guard let row = try await transaction.query(MethodStore.lock(id, of: merchant)).first else {
        throw Self.notFound
      }
      let isDeleted = try row[0, as: Timestamp?.self] != nil
      let changes =
        isDeleted
        ? [] : MethodStore.shred(id, of: merchant, at: environment.clock.now, call)
      let results = try await transaction.batch(
        changes + [
          audit.statement(.delete, id, of: merchant, outcome: "ok", call),
          MethodStore.byID(id, of: merchant),
        ]
      )
      guard let last = results.last else { throw RPCFailure.internalError }
      let method = try MethodStore.decode(try last.single(), of: merchant)
      if !isDeleted {
        _ = try await transaction.query(events.statement(.deleted, id, method, call))
      }
      return VaultV1.DeletePaymentMethodResponse(paymentMethod: method)
    }
  }

  private static func id(_ text: String) throws(RPCFailure) -> PaymentMethodID {
    guard let id = PaymentMethodID(text) else {
      throw RPCFailure.invalid(
        "payment_method_id",
        "ID_INVALID",
        "The id is not a `tok_` id."
      )
    }
    return id
  }

  private static let notFound = RPCFailure.notFound(
    "PAYMENT_METHOD_NOT_FOUND",
    "This merchant has no such payment method."
  )
}
