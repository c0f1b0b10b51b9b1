/// The life of a payment intent: state × event → verdict, as `IntentTable` declares it (DESIGN
/// section 8). Pure: no clock, no I/O. Facts are never refused: what cannot change the state raises
/// an alert.
package enum IntentMachine {
  package static func next(
    _ state: IntentState, _ event: IntentEvent, capture: CaptureMethod
  ) -> Verdict {
    let row = IntentTable.transition(
      from: state.stage, event.kind,
      IntentSituation(capture: capture, isAuthorized: state.isAuthorized))
    guard let row else { return .refused(allowed: IntentTable.allowed(event.kind)) }
    switch row.target {
    case .stay:
      return .unchanged(row.notices)
    case .move(let stage):
      guard let next = IntentState(stage, after: event, from: state) else {
        return .refused(allowed: [])
      }
      return .moved(to: next, row.notices)
    }
  }
}
