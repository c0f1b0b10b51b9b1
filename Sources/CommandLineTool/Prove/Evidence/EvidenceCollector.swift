import GRPCCore
import Money
import Wire

/// Collects the evidence of a seed: public reads and the gateways' books.
struct EvidenceCollector: Sendable {
  static let pageSize: UInt32 = 100

  private struct Books: Decodable {
    let payments: [GatewayCharge]
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
  func charges(of intents: [FoundIntent]) throws -> [GatewayCharge] {
    let books: Books = try simulator.get("/books")
    let ids = Set(intents.map(\.id))
    return books.payments.filter { $0.intent.map(ids.contains) ?? false }
  }

  func charges(of intent: String) throws -> [GatewayCharge] {
    let books: Books = try simulator.get("/books?intent=\(intent)")
    return books.payments
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
    return FoundIntent(
      id: id, merchant: merchant, description: intent.description,
      status: WireText.status(intent.status),
      failureKind: intent.failure.map { WireText.word($0.kind, "FAILURE_KIND_") } ?? "",
      failureCode: intent.failure?.code ?? "", amountMinor: intent.amount?.amountMinor ?? 0,
      capturedMinor: intent.amountCapturedMinor, gateway: intent.gateway,
      gatewayReference: intent.gatewayReference, version: intent.version,
      changes: changes.map { .init(version: $0.version, status: WireText.status($0.status)) },
      operations: try await reads.operations(of: id).map(Self.operation),
      postings: try await reads.transactions(about: id).map(Self.posting),
      events: try await reads.events(object: id).events.map(Self.event))
  }

  private static func operation(_ operation: GatewayV1.Operation) -> FoundIntent.Operation {
    FoundIntent.Operation(
      id: operation.id, state: WireText.word(operation.state, "OPERATION_STATE_"),
      attempts: operation.attempts.map {
        FoundIntent.Attempt(
          id: $0.id, gateway: $0.gateway,
          disposition: WireText.word($0.disposition, "ATTEMPT_DISPOSITION_"),
          evidence: $0.evidence, reference: $0.gatewayReference,
          createdAt: WireText.milliseconds($0.createdAt) ?? 0)
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

  private struct Body: Decodable {
    struct Content: Decodable {
      struct Object: Decodable {
        // As the event's public shape names them.
        let status: String
        let version: UInt64
        let amount_minor: Int64
        let amount_captured_minor: Int64
      }
      let object: Object
    }
    let data: Content
  }

  private static func event(_ event: WebhooksV1.Event) throws -> FoundIntent.Event {
    let text = String(decoding: event.body, as: UTF8.self)
    let object: Body.Content.Object
    do {
      object = try JSONText.decode(Body.self, from: text).data.object
    } catch {
      throw Failure("the body of \(event.id) cannot be read", next: "see tender events --json")
    }
    return FoundIntent.Event(
      id: event.id, type: event.type, sequence: event.sequence, version: event.objectVersion,
      bodyStatus: object.status, bodyVersion: object.version, bodyAmountMinor: object.amount_minor,
      bodyCapturedMinor: object.amount_captured_minor, body: text)
  }
}
