/// The states of a delivery: one event to one endpoint.
package enum DeliveryState: String, Sendable, Hashable, CaseIterable {
  case pending
  case succeeded
  case undeliverable
}

package enum DeliveryEvent: Sendable, Hashable {
  case attempted(AttemptOutcome)
  /// Somebody asked for it again.
  case retryRequested
  case endpointDisabled
}

package struct DeliveryChange: Sendable, Hashable {
  package var state: DeliveryState
  /// Tries of the present round.
  package var tries: Int
  /// Until the next try; nil when there is none.
  package var pauseMilliseconds: Int64?
  package var disablesEndpoint: Bool

  package init(
    state: DeliveryState, tries: Int, pauseMilliseconds: Int64?, disablesEndpoint: Bool = false
  ) {
    self.state = state
    self.tries = tries
    self.pauseMilliseconds = pauseMilliseconds
    self.disablesEndpoint = disablesEndpoint
  }
}

/// The rules of a delivery. Nothing ends it but success, the schedule's end, or the end of its
/// endpoint; `retryRequested` begins a new round from any state.
package struct DeliveryMachine: Sendable {
  package let schedule: RetrySchedule

  package init(schedule: RetrySchedule) { self.schedule = schedule }

  /// Nil: the event changes nothing in this state.
  /// - Parameter random: 0 to 1, for the jitter.
  package func apply(
    _ event: DeliveryEvent, state: DeliveryState, tries: Int, random: Double
  ) -> DeliveryChange? {
    switch (state, event) {
    case (_, .retryRequested):
      return DeliveryChange(state: .pending, tries: 0, pauseMilliseconds: 0)
    case (.pending, .endpointDisabled):
      return DeliveryChange(state: .undeliverable, tries: tries, pauseMilliseconds: nil)
    case (.pending, .attempted(.delivered)):
      return DeliveryChange(state: .succeeded, tries: tries + 1, pauseMilliseconds: nil)
    case (.pending, .attempted(.gone)):
      return DeliveryChange(
        state: .undeliverable, tries: tries + 1, pauseMilliseconds: nil, disablesEndpoint: true)
    case (.pending, .attempted(.failed(let isOverloaded, let retryAfter))):
      let pause = schedule.pauseMilliseconds(
        afterTries: tries + 1, isOverloaded: isOverloaded, retryAfterMilliseconds: retryAfter,
        random: random)
      return DeliveryChange(
        state: pause == nil ? .undeliverable : .pending, tries: tries + 1, pauseMilliseconds: pause)
    case (.succeeded, _), (.undeliverable, _): return nil
    }
  }
}
