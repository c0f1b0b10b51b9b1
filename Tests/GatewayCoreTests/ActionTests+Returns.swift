import GatewayAdapters
import Money
import Testing

@testable import GatewayCore

/// What a return that goes wrong, or never comes, leaves of the payment.
extension ActionTests {
  /// Of another payment: this one's payer may still bring its own. People hear of it, once it is over
  /// they need not. What was decided meanwhile hears nothing of it.
  @Test func anotherPaymentsResultTouchesNothing() {
    let other = Outcome.unknown(.conflicted(.reference(asked: "a", answered: "b")))
    let submitted = Self.asked(.adyen, .authorizeOnly, [.submitAction(Sample.first)])
    guard
      case .moved(let next, let actions) = OperationMachine.next(
        submitted, .actionOutcome(Sample.first, other)),
      case .moved(let again, _) = OperationMachine.next(next, .submitAction(Sample.first)),
      case .moved(let won, let ends) = OperationMachine.next(
        again, .actionOutcome(Sample.first, Sample.settled(.authorized)))
    else {
      Issue.record("nothing moved")
      return
    }
    let attempt = next.attempts[0].attempt
    #expect(attempt.evidence == .requiresAction && !attempt.isConflicted && attempt.action != nil)
    #expect(actions.contains(.alert(.payerResultConflicts, Sample.first)))
    #expect(won.winner != nil && ends.contains(.resolve(.payerResultConflicts, Sample.first)))
    let closed = Self.asked(
      .adyen, .authorizeOnly, [.submitAction(Sample.first), .close(.gaveUp, onlyIfUnsent: false)])
    #expect(OperationMachine.next(closed, .actionOutcome(Sample.first, other)) == .unchanged)
  }

  /// The payment is known by the name that came with what its payer brought.
  @Test func theAnswerNamesThePayment() {
    let submitted = Self.asked(.adyen, .authorizeOnly, [.submitAction(Sample.first)])
    let answer = Outcome.succeeded(
      Settled(kind: .authorized, reference: "P2", amount: Sample.amount))
    guard
      case .moved(let won, _) = OperationMachine.next(
        submitted, .actionOutcome(Sample.first, answer))
    else {
      Issue.record("nothing moved")
      return
    }
    #expect(won.winner?.attempt.reference == "P2")
  }

  /// What was handed over at the last moment is waited for.
  @Test func whatWasHandedOverIsWaitedForLonger() {
    func seconds(_ events: [OperationEvent]) -> Int64 {
      let start = Timestamp(seconds: 1_000)
      return GiveUpLimits().deadline(
        of: Self.asked(.adyen, .authorizeOnly, events), createdAt: start, method: .card,
        offSession: false
      ).seconds - start.seconds
    }
    #expect(seconds([]) == 900)
    #expect(seconds([.submitAction(Sample.first)]) == 900 + GiveUpLimits.submittedSeconds)
    #expect(
      seconds([.submitAction(Sample.first), .actionOutcome(Sample.first, Sample.unsent)]) == 900)
  }

  /// There was nothing to cancel, and nothing was handed over: so ends a payer who left. Not one whose
  /// result was handed over, nor one who may still come back.
  @Test func aFailedCancelEndsWhoNeverCameBack() {
    let gaveUp = OperationEvent.close(.gaveUp, onlyIfUnsent: false)
    let notice = GatewayNotice(
      gateway: .adyen, deduplicationKey: "k", isLive: false, occurredAt: nil,
      paymentReference: "pi_1", modificationReference: "M", echo: Echo(),
      event: .cancelFailed(code: "no"))
    func ends(_ events: [OperationEvent], _ gateway: GatewayName = .adyen) -> Bool {
      let operation = Self.asked(gateway, .authorizeOnly, events)
      var told = notice
      told.gateway = gateway
      guard
        case .apply(let event) = NoticeRule.verdict(
          told, about: operation.attempts[0].attempt, of: operation, ageSeconds: 1_000,
          DeclineTable.current.classify),
        case .moved(let next, _) = OperationMachine.next(operation, event)
      else { return false }
      return next.isFinal && next.attempts[0].attempt.evidence == .canceled
    }
    #expect(ends([gaveUp]) && ends([.close(.canceled, onlyIfUnsent: false)]))
    #expect(!ends([]) && !ends([gaveUp], .stripe))
    #expect(!ends([.submitAction(Sample.first), gaveUp]))
    let tried: [OperationEvent] = [
      .submitAction(Sample.first), .actionOutcome(Sample.first, Sample.unsent), gaveUp,
    ]
    #expect(!ends(tried))
  }
}
