import GatewayAdapters
import Testing

@testable import GatewayCore

/// Reading a list of events from its head down to where the last reading began.
struct EventWalkTests {
  @Test func aWalkGoesDownPageByPageAndKeepsWhatItSawFirst() {
    let begun = EventWalk(listedUntil: 1_000)
    #expect(begun.from == 1_000 - EventWalk.overlapSeconds)
    let second = begun.after(newest: 5_000, last: "evt_20")
    #expect(second.listedUntil == 1_000 && second.underWay == .init(after: "evt_20", until: 5_000))
    // What the later pages begin with is older.
    let third = second.after(newest: 4_000, last: "evt_40")
    #expect(third.underWay == .init(after: "evt_40", until: 5_000) && third.from == begun.from)
    #expect(third.after(newest: 3_000, last: nil) == EventWalk(listedUntil: 5_000))
  }

  @Test func timeNeverGoesBack() {
    let begun = EventWalk(listedUntil: 1_000)
    #expect(begun.after(newest: 900, last: nil) == begun)
    #expect(begun.after(newest: nil, last: nil) == begun)
    #expect(EventWalk(listedUntil: 10).from == 0)
  }

  @Test func aGapIsWhatTheListNoLongerHolds() {
    let walk = EventWalk(listedUntil: 0)
    #expect(!walk.hasGap(now: EventWalk.keptSeconds))
    #expect(walk.hasGap(now: EventWalk.keptSeconds + 1))
    let stopped = walk.after(newest: 5, last: "evt_1")
    #expect(stopped.restarted == walk)
  }

  // MARK: Stripe's pages

  private static func read(
    _ body: String,
    status: Int = 200,
    after: String? = nil,
    isTruncated: Bool = false
  ) -> StripeListPage<StripeEvents.Listed> {
    StripeEvents.read(
      TransferFacts(
        stage: .answered,
        requestSize: 100,
        status: status,
        headers: [:],
        body: Array(body.utf8),
        isTruncated: isTruncated
      ),
      after: after
    )
  }

  @Test func aPageKeepsEachEventWhole() throws {
    let page = Self.read(
      #"{"object":"list","has_more":true,"data":[{"id":"evt_1","created":7,"big":9007199254740993,"#
        + #""livemode":false,"data":{"object":{"n":null,"x":[1,"é",1.5]}}}]}"#
    )
    guard case .items(let events, true) = page else {
      Issue.record("\(page)")
      return
    }
    let event = try #require(events.first)
    #expect(events.count == 1 && event.id == "evt_1" && event.createdSeconds == 7)
    #expect(
      String(decoding: event.body, as: UTF8.self)
        == #"{"big":9007199254740993,"created":7,"data":{"object":{"n":null,"x":[1,"é",1.5]}},"#
        + #""id":"evt_1","livemode":false}"#
    )
  }

  @Test func whatIsNoPageFails() {
    let empty = #"{"object":"list","data":[],"has_more":false}"#
    #expect(Self.read(empty) == .items([], hasMore: false))
    #expect(Self.read("{}", status: 400, after: "evt_1") == .cursorUnknown)
    #expect(Self.read("{}", status: 400) == .failed("HTTP 400"))
    #expect(Self.read("{}", status: 500, after: "evt_1") == .failed("HTTP 500"))
    for body in [
      "", "{}", #"{"data":[],"has_more":false}"#, #"{"object":"list","data":[]}"#,
      #"{"object":"list","data":[{}],"has_more":false}"#,
      #"{"object":"list","data":[],"has_more":true}"#,
    ] {
      guard case .failed = Self.read(body) else {
        Issue.record("\(body)")
        continue
      }
    }
    #expect(Self.read(empty, isTruncated: true) == .failed("HTTP 200"))
  }

  @Test func theRequestNamesWhatIsWanted() {
    let request = StripeEvents.list(from: 700, after: "evt_1")
    #expect(
      request.path.hasPrefix("/v1/events?created%5Bgte%5D=700&limit=100&starting_after=evt_1&")
    )
    #expect(!request.hasMoneyEffect && request.idempotencyKey == nil)
    #expect(StripeEvents.types.count <= 20)
  }
}
