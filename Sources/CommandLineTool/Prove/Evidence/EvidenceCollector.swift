import GRPCCore
import Money
import Wire

/// Collects the evidence of a seed: public reads and the gateways' books.
struct EvidenceCollector: Sendable {
  static let pageSize: UInt32 = 100

  struct Books: Decodable {
    var payments: [GatewayCharge]
    var refunds: [GatewayRefund]
  }

  let session: ServiceSession
  let simulator: SimulatorControl
  let merchants: [MerchantID]

  private func reads(_ merchant: Int) -> Reads {
    Reads(session: session, merchant: merchants[merchant])
  }

  /// Every payment of the seed's merchants, also those that no caller knows of.
  func intents() async throws -> [FoundIntent] {
    var found: [FoundIntent] = []
    for merchant in merchants.indices {
      for id in try await ids(merchant) { found.append(try await intent(id, merchant)) }
    }
    return found
  }

  func ids(_ merchant: Int) async throws -> [String] {
    try await list(merchant).map(\.id)
  }

  /// Without their parts.
  func list(_ merchant: Int) async throws -> [IntentsV1.PaymentIntent] {
    var all: [IntentsV1.PaymentIntent] = []
    var token = ""
    let metadata = CallKeys.metadata(merchant: merchants[merchant])
    repeat {
      let request = IntentsV1.ListPaymentIntentsRequest(pageSize: Self.pageSize, pageToken: token)
      let page = try await session.call(.intents, as: .operator) { client in
        try await IntentsV1.PaymentIntents.Client(wrapping: client)
          .listPaymentIntents(request, metadata: metadata)
      }
      all += page.paymentIntents
      token = page.nextPageToken
    } while !token.isEmpty
    return all
  }

  /// The gateways' books about these payments.
  func books(of intents: [FoundIntent]) throws -> Books {
    var books: Books = try simulator.get("/books")
    let ids = Set(intents.map(\.id))
    books.payments.removeAll { charge in !(charge.intent.map(ids.contains) ?? false) }
    let charges = Set(books.payments.map(\.id))
    books.refunds.removeAll { !charges.contains($0.payment) }
    return books
  }

  /// What the gateways have taken or hold since then for payments that are none of these.
  func strangeCharges(since start: Int64, _ intents: [FoundIntent]) throws -> [GatewayCharge] {
    let books: Books = try simulator.get("/books")
    let ids = Set(intents.map(\.id))
    return books.payments.filter { charge in
      charge.created >= start && (charge.isHeld || charge.netMinor > 0)
        && !(charge.intent.map(ids.contains) ?? false)
    }
  }

  func books(of intent: String) throws -> Books {
    try simulator.get("/books?intent=\(intent)")
  }

  func clearing() async throws -> [ClearingBalance] {
    var balances: [ClearingBalance] = []
    for merchant in merchants.indices {
      for account in try await reads(merchant).accounts() {
        let parts = account.code.split(separator: ":")
        guard parts.count == 3, parts[0] == "gateway_clearing" else { continue }
        balances.append(
          ClearingBalance(
            merchant: merchant, gateway: String(parts[1]),
            balanceMinor: account.debitsPostedMinor - account.creditsPostedMinor))
      }
    }
    return balances
  }

  func trial() async throws -> [TrialLine] {
    var lines: [TrialLine] = []
    for merchant in merchants.indices {
      lines += try await reads(merchant).trialBalance().map {
        TrialLine(
          merchant: merchant, currency: $0.currency, debitsMinor: $0.debitsMinor,
          creditsMinor: $0.creditsMinor, entriesDebitsMinor: $0.entriesDebitsMinor,
          entriesCreditsMinor: $0.entriesCreditsMinor)
      }
    }
    return lines
  }

  // MARK: One payment

  func intent(_ id: String, _ merchant: Int) async throws -> FoundIntent {
    let reads = reads(merchant)
    let (intent, changes) = try await reads.intent(id)
    let (operations, unreadable) = try await operations(of: id, reads)
    return FoundIntent(
      id: id, merchant: merchant, description: intent.description,
      status: WireText.status(intent.status),
      failureKind: intent.failure.map { WireText.word($0.kind, "FAILURE_KIND_") } ?? "",
      failureCode: intent.failure?.code ?? "", amountMinor: intent.amount?.amountMinor ?? 0,
      capturedMinor: intent.amountCapturedMinor, gateway: intent.gateway,
      gatewayReference: intent.gatewayReference,
      createdAt: WireText.milliseconds(intent.createdAt) ?? 0, version: intent.version,
      changes: changes.map { .init(version: $0.version, status: WireText.status($0.status)) },
      operations: operations.map(Self.operation), unreadable: unreadable,
      postings: try await reads.transactions(about: id).map(Self.posting),
      events: try await reads.events(object: id).events.map(Self.event))
  }

  /// Rows that contradict each other cannot be read: that is evidence, and ends no audit.
  private func operations(
    of intent: String, _ reads: Reads
  ) async throws -> (found: [GatewayV1.Operation], unreadable: String) {
    do {
      return (try await reads.operations(of: intent), "")
    } catch let error as CallFailure where error.code == .internalError {
      return ([], "\(error.service.rawValue): \(error.code)")
    }
  }

  private static func operation(_ operation: GatewayV1.Operation) -> FoundIntent.Operation {
    FoundIntent.Operation(
      id: operation.id, state: WireText.word(operation.state, "OPERATION_STATE_"),
      closeReason: WireText.word(operation.closeReason, "OPERATION_CLOSE_REASON_"),
      attempts: operation.attempts.map {
        FoundIntent.Attempt(
          id: $0.id, gateway: $0.gateway,
          disposition: WireText.word($0.disposition, "ATTEMPT_DISPOSITION_"),
          evidence: $0.evidence, reference: $0.gatewayReference,
          createdAt: WireText.milliseconds($0.createdAt) ?? 0,
          decidedAt: WireText.milliseconds($0.decidedAt), hasReversal: $0.reversal != nil)
      },
      facts: operation.facts.map { WireText.word($0.kind, "FACT_KIND_") })
  }

  private static func posting(_ transaction: LedgerV1.Transaction) -> FoundIntent.Posting {
    func sum(_ side: LedgerV1.NormalSide) -> Int64 {
      transaction.entries.filter { $0.side == side }
        .reduce(0) { $0 + ($1.amount?.amountMinor ?? 0) }
    }
    return FoundIntent.Posting(
      id: transaction.id, kind: transaction.kind, externalReference: transaction.externalReference,
      debitMinor: sum(.debit), creditMinor: sum(.credit))
  }

  // MARK: Refunds

  /// Every refund of the seed's merchants, with its events.
  func refunds() async throws -> [FoundRefund] {
    var found: [FoundRefund] = []
    for merchant in merchants.indices {
      for refund in try await list(refunds: merchant) {
        found.append(try await self.refund(refund, merchant))
      }
    }
    return found
  }

  /// Without their events.
  func pendingRefunds() async throws -> [FoundRefund] {
    var found: [FoundRefund] = []
    for merchant in merchants.indices {
      for refund in try await list(refunds: merchant) where refund.status == .pending {
        found.append(try await timed(Self.refund(refund, merchant)))
      }
    }
    return found
  }

  /// With the times of gateway-router's row, which are the database's.
  private func timed(_ refund: FoundRefund) async throws -> FoundRefund {
    var found = refund
    let rows = try await operations(of: refund.intent, reads(refund.merchant)).found
      .flatMap(\.refunds)
    guard let row = rows.first(where: { $0.id == refund.id }) else { return found }
    found.begunAt = WireText.milliseconds(row.createdAt)
    if let begun = found.begunAt, let decided = WireText.milliseconds(row.decidedAt) {
      found.milliseconds = decided - begun
    }
    return found
  }

  private func list(refunds merchant: Int) async throws -> [IntentsV1.Refund] {
    var all: [IntentsV1.Refund] = []
    var token = ""
    let metadata = CallKeys.metadata(merchant: merchants[merchant])
    repeat {
      let request = IntentsV1.ListRefundsRequest(pageSize: Self.pageSize, pageToken: token)
      let page = try await session.call(.intents, as: .operator) { client in
        try await IntentsV1.Refunds.Client(wrapping: client)
          .listRefunds(request, metadata: metadata)
      }
      all += page.refunds
      token = page.nextPageToken
    } while !token.isEmpty
    return all
  }

  private static func refund(_ refund: IntentsV1.Refund, _ merchant: Int) -> FoundRefund {
    FoundRefund(
      id: refund.id, intent: refund.paymentIntentID, merchant: merchant,
      key: refund.metadata.first { $0.key == ProvePlan.keyName }?.value ?? "",
      amountMinor: refund.amount?.amountMinor ?? 0,
      status: WireText.word(refund.status, "REFUND_STATUS_"),
      pendingReason: WireText.word(refund.pendingReason, "REFUND_PENDING_REASON_"),
      version: refund.version, gatewayReference: refund.gatewayReference)
  }

  private func refund(_ refund: IntentsV1.Refund, _ merchant: Int) async throws -> FoundRefund {
    var found = try await timed(Self.refund(refund, merchant))
    found.events = try await reads(merchant).events(object: refund.id).events.map(Self.refundEvent)
    return found
  }

  private static func refundEvent(_ event: WebhooksV1.Event) throws -> FoundRefund.Event {
    let text = String(decoding: event.body, as: UTF8.self)
    let object = try object(RefundObject.self, of: event)
    return FoundRefund.Event(
      id: event.id, type: event.type, version: event.objectVersion, bodyStatus: object.status,
      bodyVersion: object.version, bodyAmountMinor: object.amount_minor, body: text,
      sequence: event.sequence)
  }

  // MARK: Bodies

  private struct Body<Object: Decodable>: Decodable {
    struct Content: Decodable {
      let object: Object
    }
    let data: Content
  }

  // As the events' public shapes name them.
  private struct IntentObject: Decodable {
    let status: String
    let version: UInt64
    let amount_minor: Int64
    let amount_captured_minor: Int64
  }
  private struct RefundObject: Decodable {
    let status: String
    let version: UInt64
    let amount_minor: Int64
  }

  private static func object<Object: Decodable>(
    _ type: Object.Type, of event: WebhooksV1.Event
  ) throws -> Object {
    do {
      return try JSONText.decode(
        Body<Object>.self, from: String(decoding: event.body, as: UTF8.self)
      ).data.object
    } catch {
      throw Failure("the body of \(event.id) cannot be read", next: "see tender events --json")
    }
  }

  private static func event(_ event: WebhooksV1.Event) throws -> FoundIntent.Event {
    let text = String(decoding: event.body, as: UTF8.self)
    let object = try object(IntentObject.self, of: event)
    return FoundIntent.Event(
      id: event.id, type: event.type, sequence: event.sequence, version: event.objectVersion,
      bodyStatus: object.status, bodyVersion: object.version, bodyAmountMinor: object.amount_minor,
      bodyCapturedMinor: object.amount_captured_minor, body: text)
  }
}
