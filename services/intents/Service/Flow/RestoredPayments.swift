import GRPCCore
import IntentsCore
import Money
import Postgres
import ServiceKit
import Wire

/// What gateway-router has read of a payment whose rows the restore may have lost.
struct RestoreOrder: Sendable {
  var merchant: MerchantID
  var intent: PaymentIntentID
  var operation: OperationID
  var keyProof: [UInt8]
  var gateway: String
  var gatewayAccount: String
  var gatewayReference: String
  /// Of a claim alone.
  var claimState = RestoredClaim.State.forPeople
  /// nil: only the claim.
  var payment: Payment?

  struct Payment: Sendable {
    var amount: Amount
    var captureMethod: CaptureMethod
    var paymentMethod: PaymentMethodID
    var isOffSession: Bool
    var createdAt: Timestamp
  }
}

/// Gives payments back what a restore has lost, and answers calls whose key has paid before it.
struct RestoredPayments: Sendable {
  let flow: IntentFlow
  private var environment: ServiceEnvironment { flow.environment }

  typealias Result = (result: IntentsV1.RestoreResult, detail: String)

  // MARK: Giving back

  /// Intent, operation and claim in one transaction; the facts follow.
  func restore(_ order: RestoreOrder) async throws -> Result {
    let stamp = environment.stamp
    defer { flow.wake() }
    return try await environment.database.transaction { [self] transaction in
      if let refusal = try await refusal(of: order, in: transaction) { return refusal }
      let claimOnly = { RestoredClaimStatements.insert(order, isRebuilt: false, $0, stamp) }
      guard let payment = order.payment else {
        try await transaction.commit(with: [claimOnly(order.claimState)])
        return (.restored, "")
      }
      let there = try await transaction.query(
        IntentStatements.get(order.intent, of: order.merchant))
      guard there.count == 1 else {
        try await transaction.commit(with: newIntent(order, payment, stamp))
        return (.restored, "")
      }
      let application = try await flow.locked(
        order.intent, of: order.merchant, claim: nil, in: transaction)
      if application.operations.contains(where: { $0.id == order.operation }) {
        // A claim that was kept before the payment was looked at answers with it.
        try await transaction.commit(with: [RestoredClaimStatements.answered(order)])
        return (.known, "")
      }
      switch Self.confirmed(application, order, payment, at: environment.clock.now) {
      case .success(let (intent, operation)):
        try await transaction.commit(
          with: [
            RestoredClaimStatements.insertOperation(operation, of: intent, stamp),
            RestoredClaimStatements.insert(order, isRebuilt: true, .pending, stamp),
            IntentStatements.update(intent, stamp),
          ] + flow.writer.statements(intent, cause: "restore", events: [], stamp))
        return (.restored, "")
      case .failure(let doubt):
        // Whatever becomes of the payment: its key does not pay again.
        try await transaction.commit(with: [claimOnly(doubt.isForNow ? .pending : .forPeople)])
        return (doubt.isForNow ? .later : .refused, doubt.rawValue)
      }
    }
  }

  /// Somebody else's, or nobody's: nothing is written.
  private func refusal(
    of order: RestoreOrder, in transaction: borrowing Transaction
  ) async throws -> Result? {
    let rows = try await transaction.batch([
      RestoredClaimStatements.merchantExists(order.merchant),
      RestoredClaimStatements.owner(of: order.intent),
    ])
    guard rows[0].count == 1 else { return (.refused, "there is no such merchant") }
    guard let row = rows[1].first, try row[0, as: MerchantID.self] != order.merchant else {
      return nil
    }
    return (.refused, "the payment intent is another merchant's")
  }

  enum Doubt: String, Error {
    case operationOpen = "another operation of the intent is open"
    case state = "the intent's state allows no further operation"
    case amount = "the intent has another amount or capture method"

    var isForNow: Bool { self == .operationOpen }
  }

  /// What the lost confirm has made of the intent.
  private static func confirmed(
    _ application: FactApplication, _ order: RestoreOrder, _ payment: RestoreOrder.Payment,
    at now: Timestamp
  ) -> Swift.Result<(IntentRow, OperationRow), Doubt> {
    var intent = application.intent
    guard intent.amount == payment.amount, intent.captureMethod == payment.captureMethod else {
      return .failure(.amount)
    }
    guard !application.operations.contains(where: \.isOpen) else {
      return .failure(.operationOpen)
    }
    guard
      case .moved(let state, _) = IntentMachine.next(
        intent.state, .confirm, capture: intent.captureMethod)
    else { return .failure(.state) }
    let operation = operation(
      order, payment, number: (application.operations.map(\.try).max() ?? 0) + 1)
    intent.state = state
    intent.paymentMethod = payment.paymentMethod
    intent.currentOperation = operation.id
    intent.version += 1
    intent.updatedAt = now
    intent.nextCheckAt = nil
    return .success((intent, operation))
  }

  private static func operation(
    _ order: RestoreOrder, _ payment: RestoreOrder.Payment, number: Int32
  ) -> OperationRow {
    OperationRow(
      id: order.operation, try: number, paymentMethod: payment.paymentMethod,
      amountMinor: payment.amount.minor, offSession: payment.isOffSession,
      sendBefore: payment.createdAt, keyProof: order.keyProof)
  }

  /// Customer, description and the caller's own metadata were never at the gateway: they are lost.
  private func newIntent(
    _ order: RestoreOrder, _ payment: RestoreOrder.Payment, _ stamp: Stamp
  ) -> [Statement] {
    let operation = Self.operation(order, payment, number: 1)
    let intent = IntentRow(
      merchant: order.merchant, id: order.intent, amount: payment.amount,
      captureMethod: payment.captureMethod,
      state: .processing(.outcomeUnknown, authorized: false),
      paymentMethod: payment.paymentMethod, customer: nil, description: "",
      statementDescriptor: "", metadataKeys: [], metadataValues: [], originType: nil,
      originID: nil, lastFailure: nil, gateway: "", gatewayAccount: "", gatewayReference: "",
      authorizedMinor: 0, capturedMinor: 0, currentOperation: operation.id, nextCheckAt: nil,
      version: 1, createdAt: payment.createdAt, updatedAt: environment.clock.now)
    return [
      IntentStatements.insert(intent, stamp),
      RestoredClaimStatements.insertOperation(operation, of: intent, stamp),
      RestoredClaimStatements.insert(order, isRebuilt: true, .pending, stamp),
    ] + flow.writer.statements(
      intent, cause: "restore", events: ["payment_intent.created"], stamp)
  }

  // MARK: Beginning

  /// Takes the claim of a call together with what `body` writes for the first time, as
  /// `Idempotency.begin` does; what `body` or the schema refuse after a restore, in words, and never as
  /// an answer that is kept while what it misses may come back.
  /// - Parameters:
  ///   - keyProof: of a call that may begin a payment, whose key may have paid already.
  ///   - intent: the one that the call is about; nil: it makes one.
  /// - Throws: RESTORE_IN_PROGRESS, RESTORED_PAYMENT_UNRESOLVED; `KeyHasPaid`; what `body` throws.
  static func begin<Request: KeyedMessage>(
    _ request: Request, _ idempotency: Idempotency, subject: UUIDBits, keyProof: [UInt8]? = nil,
    _ intent: PaymentIntentID?, of merchant: MerchantID,
    _ body: @Sendable @escaping (borrowing Transaction) async throws -> Void
  ) async throws -> Idempotency.Begun {
    do {
      return try await idempotency.begin(request, subject: subject) { transaction, claim in
        guard !claim.isTakeover else { return }
        do {
          try await body(transaction)
        } catch let refusal as RPCFailure {
          throw try await reason(
            for: refusal, keyProof: keyProof, intent, of: merchant, in: transaction)
        }
      }
    } catch let error as PostgresError where error.sqlState == RestoredClaimStatements.inProgress {
      throw Self.inProgress
    } catch let error as PostgresError where error.sqlState == RestoredClaimStatements.claimed {
      throw KeyHasPaid()
    } catch let error as PostgresError
      where error.sqlState == RestoredClaimStatements.unresolved
    {
      throw Self.unresolved(
        "A gateway has a payment of this intent that a restore of the database has lost, and that is "
          + "neither rebuilt nor settled. Nothing was canceled: try again later.")
    }
  }

  // MARK: Answering

  private static func hasPaid(_ claim: RestoredClaim, _ what: String) -> RPCFailure {
    RPCFailure.failedPrecondition(
      "PAYMENT_BEFORE_RESTORE",
      "This key has paid before the database was restored, \(what): "
        + "see \(claim.gatewayReference) at \(claim.gateway). Nothing is charged again.",
      metadata: [
        "payment_intent_id": claim.intent.description, "gateway": claim.gateway,
        "gateway_reference": claim.gatewayReference,
      ])
  }

  private static func unresolved(_ message: String) -> RPCFailure {
    RPCFailure(
      .unavailable, "RESTORED_PAYMENT_UNRESOLVED", message, retryAfterMilliseconds: 5_000)
  }

  private static var inProgress: RPCFailure {
    RPCFailure(
      .unavailable, "RESTORE_IN_PROGRESS",
      "The database was restored, and no money moves until operators have opened it again. "
        + "Nothing was stored: try again later with the same key.",
      retryAfterMilliseconds: 5_000)
  }

  private func isClosed() async throws -> Bool {
    try await environment.database.query(RestoredClaimStatements.isClosed()).first
      .map { try $0[0, as: Bool.self] } ?? false
  }

  /// The call's key has paid before a restore.
  struct KeyHasPaid: Error {}

  /// What to say instead of a refusal that would be stored for its key: what is missing may only be
  /// lost, and be back with the next page of a gateway's list.
  /// - Returns: `KeyHasPaid`, RESTORE_IN_PROGRESS, RESTORED_PAYMENT_UNRESOLVED, or the refusal.
  private static func reason(
    for refusal: RPCFailure, keyProof: [UInt8]?, _ intent: PaymentIntentID?,
    of merchant: MerchantID, in transaction: borrowing Transaction
  ) async throws -> any Error {
    let (hasPaid, isClosed, isUnresolved) = try await transaction.query(
      RestoredClaimStatements.doubts(keyProof, intent, of: merchant)
    ).single().decode((Bool, Bool, Bool).self)
    if hasPaid { return KeyHasPaid() }
    if isClosed { return inProgress }
    return isUnresolved ? nothingDone : refusal
  }

  /// For what begins no new operation, and yet may move money.
  /// - Throws: RESTORE_IN_PROGRESS, RESTORED_PAYMENT_UNRESOLVED.
  static func requireResolved(
    _ intent: PaymentIntentID, of merchant: MerchantID, in transaction: borrowing Transaction
  ) async throws {
    let (_, isClosed, isUnresolved) = try await transaction.query(
      RestoredClaimStatements.doubts(nil, intent, of: merchant)
    ).single().decode((Bool, Bool, Bool).self)
    if isClosed { throw inProgress }
    if isUnresolved { throw nothingDone }
  }

  private static var nothingDone: RPCFailure {
    unresolved(
      "A gateway has a payment of this intent that a restore of the database has lost, and that is "
        + "neither rebuilt nor settled. Nothing was done: try again later with the same key.")
  }

  /// The payment that the key has made, as it stands.
  /// - Parameters:
  ///   - origin: what the payment is for, as the call says; no gateway was told of it. From then on its
  ///     news go there.
  ///   - intent: the one that the call is about; nil: it makes one.
  ///   - isSame: whether the call asks for what was asked for then.
  /// - Throws: RESTORE_IN_PROGRESS, RESTORED_PAYMENT_UNRESOLVED, PAYMENT_BEFORE_RESTORE,
  ///   IDEMPOTENCY_KEY_REUSED.
  func answer<Response: WireMessage>(
    _ keyProof: [UInt8], of merchant: MerchantID, origin: (type: String, id: String)? = nil,
    intent: PaymentIntentID? = nil, isSame: (IntentRow, OperationRow) -> Bool, _ answer: (IntentRow) -> Response
  ) async throws -> Response {
    let rows = try await environment.database.query(RestoredClaimStatements.find(keyProof))
    guard let row = rows.first else { throw RPCFailure.internalError }
    let claim = try RestoredClaim(row: row)
    guard claim.merchant == merchant else { throw RPCFailure.internalError }
    guard claim.isRebuilt else {
      // It may still be rebuilt: nobody is to choose another key.
      guard try await !isClosed() else { throw Self.inProgress }
      guard claim.state != .pending else {
        throw Self.unresolved(
          "This key has paid before the database was restored, and its payment is being rebuilt: try "
            + "again with the same key. Nothing is charged again.")
      }
      throw Self.hasPaid(claim, "and the payment is not rebuilt")
    }
    // Its intent was made anew under another id: another key would charge for that one.
    guard intent == nil || intent == claim.intent else {
      throw Self.hasPaid(claim, "for \(claim.intent)")
    }
    var view = try await flow.view(claim.intent, of: merchant)
    guard let operation = view.operations.first(where: { $0.id == claim.operation }),
      isSame(view.intent, operation)
    else {
      throw RPCFailure.failedPrecondition(
        "IDEMPOTENCY_KEY_REUSED",
        "This idempotency key was used with another payload. Use a new key for a new request.")
    }
    if let origin, view.intent.originType == nil {
      _ = try await environment.database.query(
        IntentStatements.adoptOrigin(
          claim.intent, of: merchant, type: origin.type, id: origin.id))
      // What was told before went nowhere.
      view = try await flow.view(claim.intent, of: merchant)
    }
    return try environment.idempotency.replay(.response(answer(view.intent).encode()))
  }
}
