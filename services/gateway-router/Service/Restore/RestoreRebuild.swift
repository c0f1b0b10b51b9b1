import GRPCCore
import GatewayCore
import Money
import Postgres
import Reactor
import ServiceKit
import Wire

/// Gives a payment that the gateway has and this database does not its rows back: first intents
/// gets intent, operation and claim, then operation, attempt and facts are written here. Read-only
/// at the gateway.
struct RestoreRebuild: Sendable {
  static let lookLimit = Duration.seconds(2)
  static let pauseSeconds: Double = 5

  let flow: GatewayFlow
  private var environment: ServiceEnvironment { flow.environment }
  private var ports: GatewayPorts { flow.ports }

  init(_ flow: GatewayFlow) {
    self.flow = flow
  }

  /// One payment, as far as it gets.
  func rebuild(_ payment: FoundPayment) async throws {
    guard let identity = payment.identity, let gateway = GatewayName(rawValue: payment.gateway)
    else { return try await leaveToPeople(payment, "its row is not whole") }
    try await flow.runs.exclusively(identity.operation) {
      guard try await isOurs(identity) else {
        return try await leaveToPeople(
          payment, "its metadata name what belongs to another merchant or operation")
      }
      let known = try await flow.load(identity.operation, of: identity.intent)
      if let known, known.paymentMethod != identity.paymentMethod {
        return try await leaveToPeople(
          payment, "\(RestoreRule.Doubt.contradicts.rawValue): another payment method")
      }
      let record = known ?? OperationRecord(identity, madeAt: payment.madeAt)
      let heard = await look(at: payment, identity, record)
      switch RestoreRule.verdict(
        identity, at: gateway, account: payment.account, heard.outcome, known: known?.operation,
        hasOtherGateways: ports.accounts.count > 1)
      {
      case .known:
        // Its key answers with it from now on.
        guard try await giveToIntents(payment, identity) else { return }
        try await settle(payment, .rebuilt, "the attempt is there")
      case .later: try await later(payment, heard.detail)
      case .people(let doubt):
        try await leaveToPeople(payment, "\(doubt.rawValue): \(heard.detail)")
      case .rebuild(let operation, let actions):
        try await write(
          payment, identity, record, isNew: known == nil, operation, actions, heard.detail)
      }
    }
  }

  /// Nobody else's: neither the intent nor the attempt is known under another merchant or intent.
  private func isOurs(_ identity: PaymentIdentity) async throws -> Bool {
    let rows = try await environment.database.query(RestoreStatements.owners(identity))
    return try rows.decode((MerchantID, PaymentIntentID, OperationID).self).allSatisfy {
      $0.0 == identity.merchant && $0.1 == identity.intent
    }
  }

  private func look(
    at payment: FoundPayment, _ identity: PaymentIdentity, _ record: OperationRecord
  ) async -> GatewayPorts.Heard {
    let attempt = Attempt(
      id: identity.attempt, sequence: identity.sequence,
      gateway: GatewayName(rawValue: payment.gateway) ?? .stripe, account: payment.account,
      mode: identity.mode, reference: payment.reference)
    return await ports.get(
      record, attempt, reference: payment.reference, within: Self.lookLimit)
  }

  // MARK: Writing

  private func write(
    _ payment: FoundPayment, _ identity: PaymentIdentity, _ record: OperationRecord, isNew: Bool,
    _ operation: GatewayCore.Operation, _ actions: [OperationAction], _ detail: String
  ) async throws {
    guard try await giveToIntents(payment, identity) else { return }
    var record = record
    record.operation = operation
    let stamp = environment.stamp
    let facts = flow.writer.facts(actions, record).map { $0.dated(payment.madeAt) }
    let notes = OperationWriter.Notes(
      route: "rebuilt after a restore", detail: "found in the gateway's books: \(detail)")
    let head =
      isNew
      ? RestoreStatements.insertOperation(record, stamp) : OperationStatements.update(record)
    let statements =
      [head] + flow.writer.statements(actions, record, notes, facts, stamp) + [
        RestoreStatements.date(identity.attempt, of: record, madeAt: payment.madeAt),
        RestoreStatements.settle(payment, .rebuilt, detail: detail),
      ]
    do {
      let isWritten = try await environment.database.transaction { transaction in
        // Two people may have settled it meanwhile.
        let pending = try await transaction.query(RestoreStatements.lockPending(payment))
        guard pending.count == 1 else { return false }
        try await transaction.commit(with: statements)
        return true
      }
      guard isWritten else { return }
    } catch let error as PostgresError
      where error.isUniqueViolation() || error.sqlState == OperationStatements.changedMeanwhile
    {
      return try await later(payment, "somebody else has written it meanwhile")
    }
    flow.announce(facts)
  }

  /// Whatever became of it: its key does not pay again, and hears so for good.
  private func leaveToPeople(_ payment: FoundPayment, _ detail: String) async throws {
    if let claim = payment.claim {
      try await claimOnly(
        claim, .forPeople, at: payment.gateway, payment.account, reference: payment.reference)
    }
    try await settle(payment, .forPeople, detail)
  }

  func settle(
    _ payment: FoundPayment, _ state: FoundPayment.State, _ detail: String
  ) async throws {
    _ = try await environment.database.query(
      RestoreStatements.settle(payment, state, detail: detail))
  }

  func later(_ payment: FoundPayment, _ detail: String) async throws {
    _ = try await environment.database.query(
      RestoreStatements.later(
        payment, detail: detail, afterSeconds: Self.pauseSeconds))
  }

  // MARK: intents

  /// - Returns: whether intents has it; otherwise it is kept for later, or for people.
  private func giveToIntents(
    _ payment: FoundPayment, _ identity: PaymentIdentity
  ) async throws -> Bool {
    let answer = try await askIntents(request(identity, payment), of: identity.merchant)
    switch answer.result {
    case .restored, .known: return true
    case .later: try await later(payment, "intents: \(answer.detail)")
    case .refused, .unspecified, .unrecognized:
      try await settle(payment, .forPeople, "intents: \(answer.detail)")
    }
    return false
  }

  /// The key must never pay again, though the payment is not rebuilt. What intents refuses, nobody of
  /// its merchants has made.
  func claimOnly(
    _ claim: ClaimIdentity, _ state: IntentsV1.RestoredClaimState, at gateway: String,
    _ account: String, reference: String
  ) async throws {
    _ = try await askIntents(
      IntentsV1.RestorePaymentRequest(
        intentID: claim.intent.description, operationID: claim.operation.description,
        keyProof: claim.keyProof, claimOnly: true, gateway: gateway, gatewayAccount: account,
        gatewayReference: reference, claimState: state), of: claim.merchant)
  }

  private func request(
    _ identity: PaymentIdentity, _ payment: FoundPayment
  ) -> IntentsV1.RestorePaymentRequest {
    IntentsV1.RestorePaymentRequest(
      intentID: identity.intent.description, operationID: identity.operation.description,
      keyProof: identity.keyProof, amount: CommonV1.Money(identity.amount),
      captureMethod: identity.captureMethod == .manual ? .manual : .automatic,
      paymentMethodID: identity.paymentMethod.description, offSession: identity.isOffSession,
      createdAt: payment.madeAt.wire, gateway: payment.gateway, gatewayAccount: payment.account,
      gatewayReference: payment.reference)
  }

  private func askIntents(
    _ request: IntentsV1.RestorePaymentRequest, of merchant: MerchantID
  ) async throws -> IntentsV1.RestorePaymentResponse {
    let client = IntentsV1.PaymentRestores.Client(
      wrapping: try environment.peers.client(.intents))
    return try await Deadline.$current.withValue(
      .within(.seconds(RestoreFlow.intentsSeconds))
    ) {
      try await client.restorePayment(
        request,
        metadata: OutgoingCall.metadata(
          merchant: merchant, key: "restore/\(request.operationID)"))
    }
  }
}

extension OperationRecord {
  /// As it was asked for once, by the gateway's word. Its time to be sent is over.
  fileprivate init(_ identity: PaymentIdentity, madeAt: Timestamp) {
    self.init(
      merchant: identity.merchant, intent: identity.intent, paymentMethod: identity.paymentMethod,
      offSession: identity.isOffSession, statementDescriptor: "", sendBefore: madeAt,
      keyProof: identity.keyProof, createdAt: madeAt, method: identity.method,
      operation: GatewayCore.Operation(
        id: identity.operation, amount: identity.amount, captureMethod: identity.captureMethod),
      attempts: [:], captureTries: [:])
  }
}

extension GatewayV1.Fact {
  /// The gateway's time, not that of reading its books.
  fileprivate func dated(_ time: Timestamp) -> GatewayV1.Fact {
    var fact = self
    fact.occurredAt = time.wire
    if fact.expiresAt != nil {
      fact.expiresAt = GatewayName(rawValue: fact.gateway).map {
        (time + .seconds($0.traits.authorizationSeconds)).wire
      }
    }
    return fact
  }
}
