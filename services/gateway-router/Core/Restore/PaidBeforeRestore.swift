/// How the end of an operation is told where a payment that a restore has lost keeps the intent's money,
/// as two people have settled. Pure.
package enum PaidBeforeRestore {
  /// Never to be tried again.
  package static let decline = Decline(
    class: .never, code: "paid_before_restore", gatewayCode: "", origin: .request)

  /// Whether the actions tell that the operation has ended without money, which its caller did not ask
  /// for: such an end invites to pay once more.
  package static func isEnd(_ actions: [OperationAction], of operation: Operation) -> Bool {
    guard case .closed(let reason, _) = operation.phase, reason != .canceled else { return false }
    return actions.contains { $0.end != nil }
  }

  /// The same actions, with that end told as what it is.
  package static func told(_ actions: [OperationAction]) -> [OperationAction] {
    actions.map { action in
      guard var fact = action.end else { return action }
      (fact.kind, fact.decline) = (.notExecuted, decline)
      return .writeFact(fact)
    }
  }
}

extension OperationAction {
  /// The last fact of a closed operation.
  fileprivate var end: Fact? {
    guard case .writeFact(let fact) = self,
      [.declined, .notExecuted, .canceled].contains(fact.kind)
    else { return nil }
    return fact
  }
}
