import Money
import Postgres
import Reactor
import ServiceKit
import TestSupport
import Testing
import Wire

@testable import WebhooksService

@Suite(.freshDatabase(service: "webhooks"), .timeLimit(.minutes(2)))
struct EventTests {
  @Test func anEventIsTakenOnce() async throws {
    try await WebhooksHarness.with { hooks in
      let (first, second) = (hooks.event(), hooks.event())
      #expect(try await hooks.publish([first, first]).duplicates == 1)
      let answer = try await hooks.publish([first, second])
      #expect(answer.accepted == 1 && answer.duplicates == 1)
      #expect(try await hooks.events().events.map(\.id) == [first.id, second.id])
    }
  }

  @Test func numbersHaveNoGapsAndAreSeenInOrder() async throws {
    try await WebhooksHarness.with { hooks in
      // Publishers at once, while a reader follows the cursor: it must miss nothing.
      async let reading = follow(hooks, count: 400)
      try await withThrowingTaskGroup(of: Void.self) { group in
        for publisher in 0..<8 {
          group.addTask {
            for _ in 0..<10 {
              try await hooks.publish((0..<5).map { _ in hooks.event(object: "pi_\(publisher)") })
              try await hooks.publish([hooks.event(merchant: WebhooksHarness.stranger)])
            }
          }
        }
        try await group.waitForAll()
      }
      let seen = try await reading
      #expect(seen == Array(1...400))
      #expect(try await hooks.events(merchant: WebhooksHarness.stranger).lastSequence == 80)
      let some = try await hooks.events(size: 500, object: "pi_3")
      #expect(some.events.count == 50 && some.events.allSatisfy { $0.objectID == "pi_3" })
    }
  }

  private func follow(_ hooks: WebhooksHarness, count: Int) async throws -> [UInt64] {
    var seen: [UInt64] = []
    var cursor: UInt64 = 0
    try await hooks.eventually("the reader has all") {
      let page = try await hooks.events(after: cursor, size: 7)
      seen += page.events.map(\.sequence)
      cursor = page.lastSequence
      return seen.count >= count
    }
    return seen
  }

  @Test(arguments: [
    ("type", "EVENT_TYPE_INVALID"), ("json", "JSON_INVALID"), ("id", "ID_INVALID"),
  ])
  func brokenEventsAreRefused(_ what: String, _ reason: String) async throws {
    try await WebhooksHarness.with { hooks in
      let event = Self.broken(hooks.event(), what)
      let refused = await hooks.failure { try await hooks.publish([hooks.event(), event]) }
      #expect(refused?.reason == reason)
      let stored = try await hooks.events().events
      #expect(stored.isEmpty)
    }
  }

  private static func broken(
    _ event: WebhooksV1.EventToPublish, _ what: String
  ) -> WebhooksV1.EventToPublish {
    var event = event
    switch what {
    case "type": event.type = "Payment Intent"
    case "json": event.objectJson = "{\"a\":1}}"
    default: event.id = "evt_1"
    }
    return event
  }

  @Test func eventsCannotBeChanged() async throws {
    try await WebhooksHarness.with { hooks in
      try await hooks.publish([hooks.event()])
      for sql in ["update event set type = 'x'", "delete from event", "truncate event"] {
        await #expect(throws: PostgresError.self) {
          _ = try await hooks.database.query(Statement(sql: sql))
        }
      }
    }
  }

  @Test func aMerchantSeesOnlyItsOwn() async throws {
    try await WebhooksHarness.with { hooks in
      try await hooks.publish([hooks.event(merchant: WebhooksHarness.stranger)])
      #expect(try await hooks.events().events.isEmpty)
    }
  }
}
