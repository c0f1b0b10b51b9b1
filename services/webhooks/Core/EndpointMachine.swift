/// The states of an endpoint. Only an enabled one gets events; a pending one gets challenges only.
package enum EndpointState: String, Sendable, Hashable, CaseIterable {
  case pending
  case enabled
  case disabled
}

package enum EndpointEvent: Sendable, Hashable {
  case challengeAnswered
  /// - tries: challenges sent in this round, this one included.
  case challengeFailed(tries: Int)
  /// Somebody asked for a new challenge.
  case verificationRequested
  case disableRequested
  /// It answered 410.
  case gone
}

package struct EndpointChange: Sendable, Hashable {
  package var state: EndpointState
  /// Until the next challenge; nil when none is due.
  package var challengePauseMilliseconds: Int64?
}

package enum EndpointMachine {
  /// Pauses after challenges that were not answered; after the last one somebody must ask.
  package static let challengePausesMilliseconds: [Int64] = [1_000, 5_000, 30_000, 300_000]

  /// Nil: the event changes nothing in this state.
  package static func apply(_ event: EndpointEvent, state: EndpointState) -> EndpointChange? {
    switch (state, event) {
    case (.pending, .challengeAnswered): EndpointChange(state: .enabled)
    case (.pending, .challengeFailed(let tries)):
      EndpointChange(
        state: .pending,
        challengePauseMilliseconds: (1...challengePausesMilliseconds.count).contains(tries)
          ? challengePausesMilliseconds[tries - 1] : nil)
    case (.pending, .verificationRequested), (.disabled, .verificationRequested):
      EndpointChange(state: .pending, challengePauseMilliseconds: 0)
    case (.pending, .disableRequested), (.enabled, .disableRequested),
      (.pending, .gone), (.enabled, .gone):
      EndpointChange(state: .disabled)
    case (.enabled, .verificationRequested), (.enabled, .challengeAnswered),
      (.enabled, .challengeFailed), (.disabled, _):
      nil
    }
  }
}
