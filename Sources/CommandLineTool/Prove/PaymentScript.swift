import Money
import Wire

/// Plays one payment of a plan: its impatient callers, then what follows.
struct PaymentScript: Sendable {
  static let firstTryMilliseconds = 200...2_500
  static let laterTryMilliseconds = 6_000
  static let leavesAfterMilliseconds = 1_000
  static let pauseMilliseconds = 50...500
  /// Longer than a service stands still, with its recovery after it.
  static let patienceMilliseconds: Int64 = 45_000
  /// How long a processing payment is waited for before what follows.
  static let settleMilliseconds: Int64 = 12_000

  let session: ServiceSession
  let payment: ProvePlan.Payment
  let merchant: MerchantID
  let other: MerchantID
  let method: String
  let history: CallHistory
  let seed: UInt64

  func run() async {
    let intent = await together(payment.callers) { await create(&$0) }
    guard let intent, !payment.leaves else { return }
    if payment.form == .inTwoCalls {
      _ = await together(2) { await confirm(intent, "", &$0) }
    }
    guard await settle(intent) else { return }
    for step in payment.steps { await play(step, intent) }
  }

  // MARK: The first calls

  private func create(_ random: inout SeededRandom, addMinor: Int64 = 0) async -> String? {
    let amount = payment.amountMinor + addMinor
    let request = IntentsV1.CreatePaymentIntentRequest(
      amount: money(amount),
      captureMethod: payment.capture == .manual ? .manual : .automatic, paymentMethodID: method,
      confirm: payment.form == .atOnce, description: payment.description)
    return await insist(.create, payment.key, "\(amount)", &random) { limit in
      CallRecord.Answer(
        try await PaymentCall.create(
          request, key: payment.key, within: limit, session, merchant: merchant))
    }
  }

  private func confirm(
    _ intent: String, _ suffix: String, _ random: inout SeededRandom
  ) async -> String? {
    let key = "\(payment.key)-confirm\(suffix)"
    return await insist(.confirm, key, intent, &random) { limit in
      CallRecord.Answer(
        try await PaymentCall.confirm(
          intent, key: key, within: limit, session, merchant: merchant))
    }
  }

  private func capture(
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

  private func cancel(
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
  private func refund(
    _ intent: String, _ place: Int, _ amountMinor: Int64, _ random: inout SeededRandom
  ) async -> String? {
    let key = payment.refundKey(place)
    let request = IntentsV1.CreateRefundRequest(
      paymentIntentID: intent, amount: amountMinor == 0 ? nil : money(amountMinor),
      reason: .requestedByCustomer,
      metadata: [CommonV1.MetadataEntry(key: ProvePlan.keyName, value: key)])
    return await insist(.refund, key, "\(amountMinor)", &random) { limit in
      CallRecord.Answer(
        try await RefundCall.create(
          request, key: key, within: limit, session, merchant: merchant))
    }
  }

  // MARK: What follows

  private func play(_ step: ProvePlan.Step, _ intent: String) async {
    switch step {
    case .capture(let amount):
      _ = await together(2) { await capture(intent, amount, "", &$0) }
    case .cancel:
      _ = await together(2) { await cancel(intent, "", &$0) }
    case .captureAgainstCancel(let amount):
      async let captured = together(2) { await capture(intent, amount, "", &$0) }
      async let canceled = together(2) { await cancel(intent, "", &$0) }
      _ = await (captured, canceled)
    case .twoCaptures(let one, let two):
      async let first = together(2) { await capture(intent, one, "", &$0) }
      async let second = together(2) { await capture(intent, two, "-other", &$0) }
      _ = await (first, second)
    case .repeatCall:
      _ = await together(1) { await create(&$0) }
    case .otherPayload:
      _ = await together(2) { await create(&$0, addMinor: 1) }
    case .confirmAgain:
      _ = await together(1) { await confirm(intent, "-again", &$0) }
    case .captureAgain:
      _ = await together(1) { await capture(intent, nil, "-again", &$0) }
    case .cancelAgain:
      _ = await together(1) { await cancel(intent, "-again", &$0) }
    case .askAsOther:
      await misuse(.strangerReads, intent) {
        _ = try await Reads(session: session, merchant: other).intent(intent)
      }
    case .refund(let amounts):
      await withTaskGroup(of: Void.self) { group in
        for (place, amount) in amounts.enumerated() {
          group.addTask { _ = await together(2) { await refund(intent, place, amount, &$0) } }
        }
      }
    case .repeatRefund(let amount), .refundOtherPayload(let amount):
      // Before the first one is answered, this one might be the first.
      guard history.isAnswered(payment.refundKey(0), merchant: payment.merchant) else { return }
      _ = await together(2) { await refund(intent, 0, amount, &$0) }
    case .refundAsOther: await misuse(.strangerRefunds, intent, nil, by: other)
    case .refundNonsense:
      await misuse(.refundOfNothing, intent, money(0))
      await misuse(.refundBelowNothing, intent, money(-1))
      await misuse(
        .refundInOtherCurrency, intent,
        CommonV1.Money(currency: ProvePlan.otherCurrency, amountMinor: 1))
    }
  }

  private func money(_ amountMinor: Int64) -> CommonV1.Money {
    CommonV1.Money(currency: ProvePlan.currency, amountMinor: amountMinor)
  }

  // MARK: Misuse

  /// A refund that no state allows, under a key of its own.
  private func misuse(
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

  private func misuse(
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

  /// Looks until the payment is not processing, at most for a while.
  /// - Returns: whether it was seen to have an outcome.
  private func settle(_ intent: String) async -> Bool {
    let end = MonotonicClock.milliseconds + Self.settleMilliseconds
    while MonotonicClock.milliseconds < end {
      if let read = await look(intent), read.status != "processing" { return true }
      do { try await Task.sleep(for: .milliseconds(400)) } catch { return false }
    }
    return false
  }

  private func look(_ intent: String) async -> ReadRecord? {
    await Self.look(intent, session, merchant, history)
  }

  @discardableResult
  static func look(
    _ intent: String, _ session: ServiceSession, _ merchant: MerchantID, _ history: CallHistory
  ) async -> ReadRecord? {
    let start = MonotonicClock.microseconds
    do {
      let found = try await Reads(session: session, merchant: merchant).intent(intent).intent
      let read = ReadRecord(
        intent: intent, status: WireText.status(found.status), version: found.version,
        startedAt: start, endedAt: MonotonicClock.microseconds)
      history.add(read)
      return read
    } catch {
      // No answer, no record.
      return nil
    }
  }

  // MARK: Callers

  /// So many callers at once, each with random numbers of its own.
  private func together(
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
  private func insist(
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

  private static func answer(
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
