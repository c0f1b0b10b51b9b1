import Money
import Testing

@testable import WebhooksCore

struct RuleTests {
  @Test(arguments: [
    ("*", "refund.created", true), ("payment_intent.*", "payment_intent.succeeded", true),
    ("payment_intent.*", "payment_intent", false), ("payment_intent.*", "payment_intents.x", false),
    ("payment_intent.succeeded", "payment_intent.succeeded", true),
    ("payment_intent.succeeded", "payment_intent.succeeded.late", false),
  ])
  func filters(_ filter: String, _ type: String, _ isMatch: Bool) {
    #expect(EventFilter.matches(filter, type) == isMatch)
  }

  @Test func noFilterWantsAll() {
    #expect(EventFilter.wants([], "anything.at_all"))
    #expect(!EventFilter.wants(["refund.*"], "payment_intent.failed"))
  }

  @Test(arguments: [
    ("*", true), ("payment_intent.*", true), ("payment_intent.succeeded", true),
    ("subscription", false), ("customer.subscription.*", true), ("", false),
    ("*.succeeded", false), ("payment_intent.", false),
    ("payment_intnet.*", false), ("Payment_intent.*", false), (".*", false), ("invoice..paid", false),
  ])
  func knownFilters(_ text: String, _ isKnown: Bool) {
    #expect((EventFilter(text) != nil) == isKnown)
  }

  @Test(arguments: [
    ("https://example.com/hooks?x=1", nil), ("https://example.com:8443", nil),
    ("https://[2001:db8::1]:9/x", nil), ("https://203.0.113.9/", nil),
    ("http://127.0.0.1:80/x", nil), ("http://example.com/", EndpointURLError.notHTTPS),
    ("ftp://example.com/", .malformed), ("example.com", .malformed), ("https://", .malformed),
    ("https://user@example.com/", .malformed), ("https://example.com/#f", .malformed),
    ("https://127.1/", .malformed), ("https://0x7f000001/", .malformed),
    ("https://0177.0.0.1/", .malformed), ("https://2130706433/", .malformed),
    ("https://example.com:0/", .malformed), ("https://example.com:70000/", .malformed),
    ("https://exa mple.com/", .malformed), ("https://example.com\\@127.0.0.1/", .malformed),
    ("https://-bad.com/", .malformed), ("https://bücher.example/", .malformed),
    ("https://a..b/", .malformed), ("HTTPS://example.com", .malformed),
  ] as [(String, EndpointURLError?)])
  func urls(_ text: String, _ expected: EndpointURLError?) {
    var found: EndpointURLError?
    do throws(EndpointURLError) {
      _ = try EndpointURL(text) { $0 == "127.0.0.1" }
    } catch { found = error }
    #expect(found == expected)
  }

  @Test func pausesCoverThreeDays() {
    let total = RetrySchedule.pausesMilliseconds.reduce(0, +)
    #expect(total > 70 * 3_600_000 && total <= 72 * 3_600_000)
    let schedule = RetrySchedule()
    func pause(_ tries: Int, _ random: Double, overloaded: Bool = false, asked: Int64? = nil)
      -> Int64?
    {
      schedule.pauseMilliseconds(
        afterTries: tries, isOverloaded: overloaded, retryAfterMilliseconds: asked, random: random)
    }
    #expect(pause(1, 0) == 4_500 && pause(1, 0.5) == 5_000 && pause(1, 1) == 5_500)
    #expect(pause(10, 0.5) == 72_000_000 && pause(11, 0.5) == nil && pause(0, 0.5) == nil)
    // Overload waits a minute at least; Retry-After is heeded up to an hour, never shortens.
    #expect(pause(1, 0.5, overloaded: true) == 60_000)
    #expect(pause(1, 0.5, overloaded: true, asked: 120_000) == 120_000)
    #expect(pause(1, 0.5, overloaded: true, asked: 86_400_000) == 3_600_000)
    #expect(pause(5, 0.5, overloaded: true, asked: 1) == 7_200_000)
    #expect(
      RetrySchedule(scale: 0.01).pauseMilliseconds(
        afterTries: 1, isOverloaded: false, retryAfterMilliseconds: nil, random: 0.5) == 50)
  }

  @Test(arguments: [
    (200, nil, .delivered), (204, nil, .delivered), (299, nil, .delivered),
    (301, nil, .failed(isOverloaded: false, retryAfterMilliseconds: nil)),
    (400, nil, .failed(isOverloaded: false, retryAfterMilliseconds: nil)), (410, nil, .gone),
    (429, "7", .failed(isOverloaded: true, retryAfterMilliseconds: 7_000)),
    (503, "99999999999", .failed(isOverloaded: true, retryAfterMilliseconds: 86_400_000)),
    (503, "Wed, 21 Oct 2026 07:28:00 GMT", .failed(isOverloaded: true, retryAfterMilliseconds: nil)),
    (500, "7", .failed(isOverloaded: false, retryAfterMilliseconds: nil)),
    (504, "7", .failed(isOverloaded: true, retryAfterMilliseconds: nil)),
  ] as [(Int, String?, AttemptOutcome)])
  func answers(_ status: Int, _ retryAfter: String?, _ outcome: AttemptOutcome) {
    #expect(AttemptOutcome.answer(status: status, retryAfter: retryAfter) == outcome)
  }

  /// Every state and event of a delivery.
  @Test func deliveries() {
    let machine = DeliveryMachine(schedule: RetrySchedule())
    let failed = DeliveryEvent.attempted(
      .failed(isOverloaded: false, retryAfterMilliseconds: nil))
    func apply(_ event: DeliveryEvent, _ state: DeliveryState, _ tries: Int = 0) -> DeliveryChange? {
      machine.apply(event, state: state, tries: tries, random: 0.5)
    }
    #expect(
      apply(.attempted(.delivered), .pending)
        == DeliveryChange(state: .succeeded, tries: 1, pauseMilliseconds: nil))
    #expect(
      apply(failed, .pending, 1)
        == DeliveryChange(state: .pending, tries: 2, pauseMilliseconds: 30_000))
    #expect(
      apply(failed, .pending, 10)
        == DeliveryChange(state: .undeliverable, tries: 11, pauseMilliseconds: nil))
    #expect(apply(.attempted(.gone), .pending)?.disablesEndpoint == true)
    #expect(apply(.endpointDisabled, .pending, 3)?.state == .undeliverable)
    for state in DeliveryState.allCases {
      #expect(
        apply(.retryRequested, state, 5)
          == DeliveryChange(state: .pending, tries: 0, pauseMilliseconds: 0))
    }
    for state in [DeliveryState.succeeded, .undeliverable] {
      for event in [failed, .attempted(.delivered), .attempted(.gone), .endpointDisabled] {
        #expect(apply(event, state) == nil)
      }
    }
  }

  /// Only an answered challenge enables; nothing but `verificationRequested` leaves disabled.
  @Test func endpoints() {
    let events: [EndpointEvent] = [
      .challengeAnswered, .challengeFailed(tries: 1), .verificationRequested, .disableRequested,
      .gone,
    ]
    for state in EndpointState.allCases {
      for event in events {
        let change = EndpointMachine.apply(event, state: state)
        if change?.state == .enabled { #expect(state == .pending && event == .challengeAnswered) }
        if state == .disabled { #expect((change != nil) == (event == .verificationRequested)) }
      }
    }
    #expect(
      EndpointMachine.apply(.challengeFailed(tries: 1), state: .pending)?
        .challengePauseMilliseconds == 1_000)
    #expect(
      EndpointMachine.apply(.challengeFailed(tries: 5), state: .pending)
        == EndpointChange(state: .pending))
  }

  @Test func lanesEarnTheirPlaces() {
    var lane = Lane()
    #expect(lane.places == 1 && !lane.isProven)
    for _ in 0..<5 { lane.answered() }
    #expect(lane.places == Lane.placesMax && lane.isProven)
    #expect(lane.stayedSilent() == 500 && lane.places == 1 && !lane.isProven)
    var last: Int64 = 0
    for _ in 0..<100 { last = lane.stayedSilent() }
    #expect(last == 30_000)
  }

  /// However many endpoints hang, proven ones find places.
  @Test func hangingLanesLeaveHalfOfThePlaces() {
    let budget = PlaceBudget(placesMax: 16)
    var proven = Lane()
    for _ in 0..<4 { proven.answered() }
    #expect(budget.free(for: Lane(), laneInFlight: 0, inFlight: 8, unprovenInFlight: 8) == 0)
    #expect(budget.free(for: proven, laneInFlight: 0, inFlight: 8, unprovenInFlight: 8) == 8)
    #expect(budget.free(for: proven, laneInFlight: 6, inFlight: 8, unprovenInFlight: 0) == 2)
    #expect(budget.free(for: proven, laneInFlight: 0, inFlight: 16, unprovenInFlight: 0) == 0)
  }
}
