import Money
import Wire

/// Requests that no state allows.
extension PaymentScript {
  /// A refund that no state allows, under a key of its own.
  func misuse(
    _ kind: MisuseRecord.Kind, _ intent: String, _ amount: CommonV1.Money?,
    by caller: MerchantID? = nil
  ) async {
    let key = "\(payment.key)-\(kind.rawValue)"
    let request = IntentsV1.CreateRefundRequest(paymentIntentID: intent, amount: amount)
    await misuse(kind, intent) {
      _ = try await RefundCall.create(
        request, key: key, session, merchant: caller ?? merchant)
    }
  }

  func misuse(
    _ kind: MisuseRecord.Kind, _ intent: String, _ call: () async throws -> Void
  ) async {
    do {
      try await call()
      history.add(MisuseRecord(kind: kind, intent: intent, answer: "OK"))
    } catch let error as CallFailure where !error.isWorthRepeating {
      history.add(
        MisuseRecord(kind: kind, intent: intent, answer: "\(error.code) \(error.reason)"))
    } catch {
      // A service that is away tells nobody anything.
      return
    }
  }
}
