import GatewayAdapters
import Money

@testable import GatewayCore

/// Values that the tables share.
enum Sample {
  static let amount = Amount(.eur, minor: 4_999)
  static let operationID = OperationID(bits: 900)
  static let first = AttemptID(bits: 1)
  static let second = AttemptID(bits: 2)

  static func settled(_ kind: Settled.Kind, _ amount: Amount = amount) -> Outcome {
    .succeeded(Settled(kind: kind, reference: "pi_1", amount: amount))
  }

  static let bankPending = Outcome.pending(Pending(reference: "pi_1", kind: .bank))
  static let action = Outcome.pending(
    Pending(reference: "pi_1", kind: .action(PayerAction(redirectURL: "https://acs")))
  )
  static let bankReturn = BankReturn(movement: "du_1", amount: amount, code: "MD06")
  static let unsent = Outcome.notExecuted(Proof(neverWritten: .breakerOpen))
  static let noAnswer = Outcome.unknown(.noAnswer(.answering))
  static let conflict = Outcome.unknown(
    .conflicted(.amount(asked: amount, answered: Amount(.eur, minor: 1)))
  )

  static let paidBefore = Decline(
    class: .never, code: "paid_before_restore", gatewayCode: "", origin: .request)

  static func declined(
    _ group: DeclineClass,
    origin: Decline.Origin = .bank,
    reference: String? = "pi_1"
  ) -> Outcome {
    .declined(
      Decline(
        class: group,
        code: "declined",
        gatewayCode: "x",
        origin: origin,
        gatewayReference: reference
      )
    )
  }

  static func start(
    _ id: AttemptID,
    _ gateway: GatewayName = .stripe,
    _ mode: Attempt.Mode = .authorizeOnly,
    speculative: Bool = false
  ) -> OperationEvent {
    .start(
      NewAttempt(id: id, gateway: gateway, account: "main", mode: mode),
      allowsSpeculation: speculative
    )
  }

  /// An operation after some events, each of which must be accepted.
  static func operation(
    _ method: Operation.CaptureMethod,
    _ events: [OperationEvent]
  ) -> Operation {
    var operation = Operation(id: operationID, amount: amount, captureMethod: method)
    for event in events {
      switch OperationMachine.next(operation, event) {
      case .moved(let next, _): operation = next
      case .unchanged: continue
      case .refused(let refusal): preconditionFailure("\(event): \(refusal)")
      }
    }
    return operation
  }

  static func classify(_ signal: DeclineSignal) -> Decline { DeclineTable.current.classify(signal) }
}

/// SplitMix64: the same numbers for the same seed.
struct SeededGenerator: RandomNumberGenerator {
  var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
