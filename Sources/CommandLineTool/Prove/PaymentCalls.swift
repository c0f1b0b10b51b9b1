import Money
import Wire

/// The calls of a payment, each under its key, by callers who do not give up at once.
extension PaymentScript {
  func create(_ random: inout SeededRandom, addMinor: Int64 = 0) async -> String? {
    let amount = payment.amountMinor + addMinor
    let request = Self.creation(payment, amountMinor: amount, method: method)
    return await insist(.create, payment.key, "\(amount)", &random) { limit in
      CallRecord.Answer(
        try await PaymentCall.create(
          request, key: payment.key, within: limit, session, merchant: merchant))
    }
  }

  static func creation(
    _ payment: ProvePlan.Payment, amountMinor: Int64, method: String
  ) -> IntentsV1.CreatePaymentIntentRequest {
    IntentsV1.CreatePaymentIntentRequest(
      amount: CommonV1.Money(currency: ProvePlan.currency, amountMinor: amountMinor),
      captureMethod: payment.capture == .manual ? .manual : .automatic, paymentMethodID: method,
      confirm: payment.form == .atOnce, description: payment.description)
  }

  func confirm(
    _ intent: String, _ suffix: String, _ random: inout SeededRandom
  ) async -> String? {
    let key = "\(payment.key)-confirm\(suffix)"
    return await insist(.confirm, key, intent, &random) { limit in
      CallRecord.Answer(
        try await PaymentCall.confirm(
          intent, key: key, within: limit, session, merchant: merchant))
    }
  }

  func capture(
    _ intent: String, _ amountMinor: Int64?, _ suffix: String, _ random: inout SeededRandom
  ) async -> String? {
    let key = "\(payment.key)-capture\(suffix)"
    let amount = amountMinor.map(money)
    let payload = "\(intent) \(amountMinor.map(String.init) ?? "all")"
    return await insist(.capture, key, payload, &random) { limit in
      CallRecord.Answer(
        try await PaymentCall.capture(
          intent, amount, key: key, within: limit, session, merchant: merchant))
    }
  }

  func cancel(
    _ intent: String, _ suffix: String, _ random: inout SeededRandom
  ) async -> String? {
    let key = "\(payment.key)-cancel\(suffix)"
    return await insist(.cancel, key, intent, &random) { limit in
      CallRecord.Answer(
        try await PaymentCall.cancel(
          intent, key: key, within: limit, session, merchant: merchant))
    }
  }

  /// - Parameter amountMinor: 0 for whatever is refundable.
  func refund(
    _ intent: String, _ place: Int, _ amountMinor: Int64, _ random: inout SeededRandom
  ) async -> String? {
    let key = payment.refundKey(place)
    let request = Self.refunding(intent, amountMinor: amountMinor, key: key)
    return await insist(.refund, key, "\(amountMinor)", &random) { limit in
      CallRecord.Answer(
        try await RefundCall.create(
          request, key: key, within: limit, session, merchant: merchant))
    }
  }

  static func refunding(
    _ intent: String, amountMinor: Int64, key: String
  ) -> IntentsV1.CreateRefundRequest {
    IntentsV1.CreateRefundRequest(
      paymentIntentID: intent,
      amount: amountMinor == 0
        ? nil : CommonV1.Money(currency: ProvePlan.currency, amountMinor: amountMinor),
      reason: .requestedByCustomer,
      metadata: [CommonV1.MetadataEntry(key: ProvePlan.keyName, value: key)])
  }

  // MARK: Callers

  /// So many callers at once, each with random numbers of its own.
  func together(
    _ count: Int, _ body: @escaping @Sendable (inout SeededRandom) async -> String?
  ) async -> String? {
    await withTaskGroup(of: String?.self) { group in
      for number in 0..<count {
        group.addTask {
          var random = SeededRandom(
            seed: seed ^ UInt64(payment.number) << 32 ^ UInt64(number) << 8)
          return await body(&random)
        }
      }
      var known: String?
      for await intent in group { known = intent ?? known }
      return known
    }
  }

  /// Asks with one key until there is an answer, or patience ends.
  /// - Returns: the payment's id, where the answer was one.
  func insist(
    _ method: CallRecord.Method, _ key: String, _ payload: String, _ random: inout SeededRandom,
    _ call: (Duration) async throws -> CallRecord.Answer
  ) async -> String? {
    let end = MonotonicClock.milliseconds + Self.patienceMilliseconds
    var limit =
      payment.leaves
      ? Self.leavesAfterMilliseconds : Int.random(in: Self.firstTryMilliseconds, using: &random)
    repeat {
      let start = MonotonicClock.microseconds
      let answer = await Self.answer { try await call(.milliseconds(limit)) }
      history.add(
        CallRecord(
          payment: payment.number, merchant: payment.merchant, method: method, key: key,
          payload: payload, startedAt: start, endedAt: MonotonicClock.microseconds, answer: answer))
      switch answer {
      case .intent(let id, _, _, _, _), .refund(let id, _, _, _, _, _): return id
      case .refused: return nil
      case .unknown: break
      }
      if payment.leaves { return nil }
      limit = Self.laterTryMilliseconds
      let pause = Int.random(in: Self.pauseMilliseconds, using: &random)
      do { try await Task.sleep(for: .milliseconds(pause)) } catch { return nil }
    } while MonotonicClock.milliseconds < end
    return nil
  }

  static func answer(
    _ call: () async throws -> CallRecord.Answer
  ) async -> CallRecord.Answer {
    do {
      return try await call()
    } catch let error as CallFailure where error.isWorthRepeating {
      return .unknown(reason: error.reason.isEmpty ? "\(error.code)" : error.reason)
    } catch let error as CallFailure {
      return .refused(code: "\(error.code)", reason: error.reason)
    } catch {
      return .unknown(reason: "\(error)")
    }
  }
}

extension CallRecord.Answer {
  init(_ reply: Reply<IntentsV1.PaymentIntent>) {
    let intent = reply.message
    self = .intent(
      id: intent.id, status: WireText.status(intent.status), version: intent.version,
      bytes: intent.encode(), isReplayed: reply.isReplayed)
  }

  init(_ reply: Reply<IntentsV1.Refund>) {
    let refund = reply.message
    self = .refund(
      id: refund.id, status: WireText.word(refund.status, "REFUND_STATUS_"),
      amountMinor: refund.amount?.amountMinor ?? 0, version: refund.version,
      bytes: refund.encode(), isReplayed: reply.isReplayed)
  }
}
