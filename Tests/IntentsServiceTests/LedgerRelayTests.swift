import IntentsService
import Money
import Outbox
import Postgres
import Synchronization
import TestSupport
import Testing
import Wire

/// One posting that the ledger refuses holds up no other one, and is never given up.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "intents"))
struct LedgerRelayTests {
  private static let waiting: Statement = """
    select payload, attempts, coalesce(last_error, '') from outbox where destination = 'ledger'
    """

  @Test func aRefusedPostingHoldsUpNoOther() async throws {
    try await IntentsHarness.with { harness in
      harness.router.gate.open()
      let ids = try await harness.withClient { client in
        var ids: [String] = []
        for number in 0..<3 {
          ids.append(try await IntentsHarness.pay(client, key: "order-\(number)").intent.id)
        }
        return ids
      }
      let before = try await harness.database.query(Self.waiting)
      #expect(before.count == 3)
      // Not the first: what follows it in the batch must be booked as well.
      harness.ledger.state.withLock { $0.refusedSubject = ids[1] }
      try await harness.service.start()
      await harness.happenings.wait(for: .posted)
      try await eventually { harness.ledger.booked == [ids[0], ids[2]] }
      let first = try #require(harness.ledger.state.withLock { $0.batches.first })
      #expect(Set(first) == Set(ids), "the three were one batch")

      // The refused one waits with its reason, alone.
      try await eventually {
        let left = try await harness.database.query(Self.waiting)
        guard left.count == 1 else { return false }
        let (payload, _, error) = try left.single().decode(([UInt8], Int32, String).self)
        let command = try LedgerV1.PostingCommand(decoding: payload, strict: false)
        return command.subject == ids[1] && error.contains("UNBALANCED")
      }

      // Refused again and again it raises an alert; accepted at last it is booked, and it ends.
      try await TestDatabase.current.run(
        "update intents.outbox set attempts = 20, not_before = now() where destination = 'ledger'")
      try await eventually { try await Self.openAlerts(harness) == 1 }
      harness.ledger.state.withLock { $0.refusedSubject = "" }
      try await TestDatabase.current.run(
        "update intents.outbox set not_before = now() where destination = 'ledger'")
      try await eventually { harness.ledger.booked == Set(ids) }
      try await eventually { try await harness.database.query(Self.waiting).count == 0 }
      try await eventually { try await Self.openAlerts(harness) == 0 }
      await harness.service.shutdown()
    }
  }

  /// The books are told how each payment was paid; a ledger of the release before keeps no metadata,
  /// and what it has booked is booked.
  @Test func thePaymentMethodIsToldAndNoMoreAskedFor() async throws {
    try await IntentsHarness.with { harness in
      harness.router.gate.open()
      try await harness.withClient { client in
        _ = try await IntentsHarness.pay(client, key: "order-1")
      }
      let payload = try await harness.database.query(Self.waiting).single()[0, as: [UInt8].self]
      let command = try LedgerV1.PostingCommand(decoding: payload, strict: true)
      #expect(command.metadata.map { "\($0.key)=\($0.value)" } == ["payment_method=card"])
      harness.ledger.state.withLock { $0.difference = "metadata" }
      try await harness.service.start()
      try await eventually { try await harness.database.query(Self.waiting).count == 0 }
      await harness.service.shutdown()
    }
  }

  private static func openAlerts(_ harness: IntentsHarness) async throws -> Int64 {
    try await harness.database.query(
      """
      select count(*) from alert
      where kind = 'outbox.stuck' and subject = 'ledger' and state = 'open'
      """
    ).single()[0, as: Int64.self]
  }
}
