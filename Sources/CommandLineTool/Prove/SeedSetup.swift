import GRPCCore
import Money
import Synchronization
import Wire

/// What a seed needs before anything happens: closed breakers, merchants, methods, endpoints.
extension SeedRun {
  /// The longest that a breaker stays open, with its jitter and its probes.
  private static let breakerMilliseconds: Int64 = 80_000
  private static let probeAmountMinor: Int64 = 100

  /// A card that one gateway alone holds: with another one healthy before it, nothing else would ever
  /// probe the second one.
  private static let probes = [("stripe", "pm_card_visa"), ("adyen", "stored_visa")]

  /// The first payments are staged for gateways that are asked: payments of nobody's seed are the
  /// probes that close what an earlier seed has left open.
  func closeBreakers() async throws {
    let states = BreakerStates(session: session)
    let end = MonotonicClock.milliseconds + Self.breakerMilliseconds
    var payers: [String] = []
    while try await states.read(within: ServiceSession.callLimit) != ["closed"] {
      guard MonotonicClock.milliseconds < end else {
        throw Failure("a breaker stays open", next: "see tender routing health")
      }
      if payers.isEmpty {
        for (gateway, reference) in Self.probes {
          payers.append(
            try await DemoData.register(
              [VaultV1.GatewayReference(gateway: gateway, reference: reference)],
              alias: "prove_probe_\(gateway)", last4: "4242", session))
        }
      }
      for payer in payers {
        let request = IntentsV1.CreatePaymentIntentRequest(
          amount: CommonV1.Money(
            currency: ProvePlan.currency, amountMinor: Self.probeAmountMinor),
          captureMethod: .automatic, paymentMethodID: payer, confirm: true)
        _ = try await PaymentCall.create(
          request, key: try CallKeys.fresh("prove-probe"), session)
      }
      try await Task.sleep(for: .milliseconds(200))
    }
  }

  // MARK: Merchants

  func makeMerchants() async throws -> [MerchantID] {
    var merchants: [MerchantID] = []
    for number in 1...ProvePlan.merchants {
      let key = try CallKeys.fresh("prove-merchant")
      let request = IntentsV1.CreateMerchantRequest(name: "prove \(plan.seed) \(number)")
      let made = try await session.call(.intents, as: .operator) { client in
        try await IntentsV1.Merchants.Client(wrapping: client)
          .createMerchant(request, metadata: CallKeys.metadata(key: key))
      }.merchant
      guard let id = made.flatMap({ MerchantID($0.id) }) else {
        throw Failure("intents answered without the merchant", next: "see tender doctor")
      }
      merchants.append(id)
    }
    return merchants
  }

  /// Ids by alias, for each merchant.
  func makeMethods(_ merchants: [MerchantID]) async throws -> [[String: String]] {
    let used = Set(plan.payments.map(\.method))
    var methods: [[String: String]] = []
    for merchant in merchants {
      var ids: [String: String] = [:]
      for method in DemoMethod.all where used.contains(method.alias) {
        ids[method.alias] = try await DemoData.register(method, session, merchant: merchant)
      }
      methods.append(ids)
    }
    return methods
  }

  func openReceivers(
    _ merchants: [MerchantID], _ inbox: Inbox
  ) async throws -> [WebhookReceiver] {
    var receivers: [WebhookReceiver] = []
    for (place, merchant) in merchants.enumerated() {
      let receiver = WebhookReceiver(session, merchant: merchant) { arrival in
        switch arrival {
        case .refused(let why): inbox.refused.withLock { $0.append(why) }
        case .event(let type, let id, let body):
          inbox.events.withLock {
            $0.append(ReceivedEvent(merchant: place, type: type, id: id, body: body))
          }
        }
      }
      let endpoint = try await receiver.open()
      try await receiver.waitEnabled(endpoint.id)
      receivers.append(receiver)
    }
    return receivers
  }

  /// Where notifications about nothing wait already, their queue says nothing of this seed.
  func oldNotifications() async throws -> Set<String> {
    let queues = try await Reads(session: session, merchant: session.merchant)
      .status(.gateway).queues
    return Set(queues.filter { $0.name == "notifications" && $0.length > 0 }.map(\.name))
  }
}
