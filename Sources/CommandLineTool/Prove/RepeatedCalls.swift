import Money
import Wire

/// Once everything is at rest, every request that was answered is asked once more under its key:
/// the answer is the same for ever, whatever has happened since.
struct RepeatedCalls: Sendable {
  static let together = 8
  static let limit = Duration.seconds(6)

  let session: ServiceSession
  let plan: ProvePlan
  let merchants: [MerchantID]
  /// Ids by alias, for each merchant.
  let methods: [[String: String]]
  let history: CallHistory

  private struct Request: Hashable {
    let method: CallRecord.Method
    let payment: Int
    let key: String
    let payload: String
  }

  func run() async {
    let answered = Set(
      history.records.calls.filter(\.isDefinite).map {
        Request(method: $0.method, payment: $0.payment, key: $0.key, payload: $0.payload)
      })
    let requests = answered.sorted { $0.key < $1.key }
    let intents = intents()
    await withTaskGroup(of: Void.self) { group in
      for lane in 0..<Self.together {
        group.addTask {
          for place in stride(from: lane, to: requests.count, by: Self.together) {
            await ask(requests[place], intents)
          }
        }
      }
    }
  }

  /// Ids of payments by their number in the plan.
  private func intents() -> [Int: String] {
    var known: [Int: String] = [:]
    for call in history.records.calls where call.method == .create {
      if case .intent(let id, _, _, _, _) = call.answer { known[call.payment] = id }
    }
    return known
  }

  private func ask(_ request: Request, _ intents: [Int: String]) async {
    guard let payment = plan.everyPayment.first(where: { $0.number == request.payment }) else {
      return
    }
    let start = MonotonicClock.microseconds
    let answer = await PaymentScript.answer { try await call(request, payment, intents) }
    history.add(
      CallRecord(
        payment: payment.number, merchant: payment.merchant, method: request.method,
        key: request.key, payload: request.payload, startedAt: start,
        endedAt: MonotonicClock.microseconds, answer: answer))
  }

  private func call(
    _ request: Request, _ payment: ProvePlan.Payment, _ intents: [Int: String]
  ) async throws -> CallRecord.Answer {
    let merchant = merchants[payment.merchant]
    switch request.method {
    case .create:
      let method = methods[payment.merchant][payment.method] ?? ""
      let message = PaymentScript.creation(
        payment, amountMinor: Int64(request.payload) ?? payment.amountMinor, method: method)
      return CallRecord.Answer(
        try await PaymentCall.create(
          message, key: request.key, within: Self.limit, session, merchant: merchant))
    case .confirm:
      return CallRecord.Answer(
        try await PaymentCall.confirm(
          request.payload, key: request.key, within: Self.limit, session, merchant: merchant))
    case .cancel:
      return CallRecord.Answer(
        try await PaymentCall.cancel(
          request.payload, key: request.key, within: Self.limit, session, merchant: merchant))
    case .capture:
      // As `PaymentScript` writes it: the payment, then the amount or `all`.
      let words = request.payload.split(separator: " ").map(String.init)
      let amount = words.last.flatMap { Int64($0) }.map {
        CommonV1.Money(currency: ProvePlan.currency, amountMinor: $0)
      }
      return CallRecord.Answer(
        try await PaymentCall.capture(
          words.first ?? "", amount, key: request.key, within: Self.limit, session,
          merchant: merchant))
    case .refund:
      let message = PaymentScript.refunding(
        intents[payment.number] ?? "", amountMinor: Int64(request.payload) ?? 0, key: request.key)
      return CallRecord.Answer(
        try await RefundCall.create(
          message, key: request.key, within: Self.limit, session, merchant: merchant))
    }
  }
}
