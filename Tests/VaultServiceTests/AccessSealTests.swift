import Money
import Postgres
import ServiceKit
import TestSupport
import Testing
import VaultCore
import Wire

@testable import VaultService

/// The audit as a chain: what anybody changes behind the service's back is named.
@Suite(.freshDatabase(service: "vault"), .timeLimit(.minutes(2)))
struct AccessSealTests {
  /// Two links: one over two registrations, one over two resolutions.
  private func sealed(_ vault: VaultHarness) async throws -> [AccessID] {
    let sealer = AccessSealer(vault.environment)
    let ids = [
      try await vault.create(.card(), key: "k1").id, try await vault.create(.card(), key: "k2").id,
    ]
    #expect(try await sealer.work() == 2)
    for id in ids { _ = try await vault.resolve(id) }
    #expect(try await sealer.work() == 2)
    let rows = try await vault.database.query(
      """
      select u.id from access_seal, unnest(ids) with ordinality u(id, i) order by number, i
      """)
    return try rows.column(as: AccessID.self)
  }

  /// As somebody who owns the database: no trigger, no right stands in the way.
  private func tamper(_ sql: String) async throws {
    _ = try await TestDatabase.current.run(
      "set session_replication_role = replica; set search_path = vault; \(sql)")
  }

  private func kinds(_ vault: VaultHarness) async throws -> [String] {
    try await vault.verify().findings.map {
      "\($0.kind) \($0.seal) \($0.accessID)".trimmingSuffix(" ")
    }
  }

  @Test func anUntouchedAuditIsIntact() async throws {
    try await VaultHarness.with { vault in
      _ = try await sealed(vault)
      _ = try await vault.create(.card(), key: "k3")
      let answer = try await vault.verify()
      #expect(answer.findings == [])
      #expect(answer.seals == 2 && answer.rows == 4 && answer.rowsWaiting == 1)
    }
  }

  @Test(arguments: [
    "outcome = 'refused'", "actor = 'nobody'", "at = at + interval '1 us'", "purpose = 'x'",
    "trace_id = null", "payment_method_id = merchant_id", "action = 'delete'",
  ])
  func aChangedRowIsNamed(_ change: String) async throws {
    try await VaultHarness.with { vault in
      let ids = try await sealed(vault)
      try await tamper("update access set \(change) where id = '\(sqlText(ids[2]))'")
      #expect(try await kinds(vault) == ["row_changed 2 \(ids[2])"])
    }
  }

  @Test func aRemovedRowAndASmuggledOneAreNamed() async throws {
    try await VaultHarness.with { vault in
      let ids = try await sealed(vault)
      try await tamper("delete from access where id = '\(sqlText(ids[0]))'")
      #expect(try await kinds(vault) == ["row_missing 1 \(ids[0])"])
      let smuggled = AccessID(bits: ids[3].bits + 1)
      try await tamper(
        """
        insert into access
        select merchant_id, '\(sqlText(smuggled))', payment_method_id, at, action, purpose,
          outcome, actor, trace_id
        from access where id = '\(sqlText(ids[3]))'
        """)
      #expect(
        try await kinds(vault) == ["row_missing 1 \(ids[0])", "row_unsealed 0 \(smuggled)"])
    }
  }

  @Test func aChangedLinkAndARemovedOneAreNamed() async throws {
    try await VaultHarness.with { vault in
      let ids = try await sealed(vault)
      try await tamper("update access_seal set sealed_at = now() where number = 2")
      #expect(try await kinds(vault) == ["seal_changed 2"])
      try await tamper("delete from access_seal where number = 1")
      #expect(
        try await kinds(vault) == [
          "seal_missing 2", "seal_changed 2", "row_unsealed 0 \(ids[0])",
          "row_unsealed 0 \(ids[1])",
        ])
    }
  }

  @Test func theServiceItselfCannotRewriteTheChain() async throws {
    try await VaultHarness.with { vault in
      _ = try await sealed(vault)
      for statement: Statement in [
        "update access_seal set number = 9", "delete from access_seal", "truncate access_seal",
      ] {
        let error = await #expect(throws: PostgresError.self) {
          _ = try await vault.database.query(statement)
        }
        #expect(error?.sqlState == .insufficientPrivilege)
      }
    }
  }

  @Test func replicasSealEveryRowOnce() async throws {
    try await VaultHarness.with { vault in
      let sealers = (0..<3).map { _ in AccessSealer(vault.environment) }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for (index, sealer) in sealers.enumerated() {
          group.addTask {
            for round in 0..<5 {
              let merchant = round % 2 == 0 ? VaultHarness.merchant : VaultHarness.stranger
              _ = try await vault.create(.card(), key: "k\(index)/\(round)", merchant: merchant)
              try await sealer.work()
            }
          }
        }
        try await group.waitForAll()
      }
      try await TestDatabase.current.run(
        "update vault.worker_lease set expires_at = now() - interval '1 second'")
      try await sealers[0].work()
      let answer = try await vault.verify()
      #expect(answer.findings == [] && answer.rows == 15 && answer.rowsWaiting == 0)
    }
  }

  @Test func pagesGoThroughEveryLinkOfEveryMerchant() async throws {
    try await VaultHarness.with { vault in
      let sealer = AccessSealer(vault.environment)
      for index in 0..<12 {
        for merchant in [VaultHarness.merchant, VaultHarness.stranger] {
          _ = try await vault.create(.card(), key: "k\(index)", merchant: merchant)
        }
        #expect(try await sealer.work() == 2)
      }
      let first = try await vault.verify()
      #expect(first.seals == 20 && first.findings == [] && !first.nextPageToken.isEmpty)
      let second = try await vault.verify(page: first.nextPageToken)
      #expect(second.seals == 4 && second.findings == [] && second.nextPageToken.isEmpty)
      // The page boundary lies inside the second chain: its first link there follows the other
      // page's last.
      try await tamper("update access_seal set hash = previous_hash where number = 9")
      let one = try await vault.verify(merchant: VaultHarness.stranger.description)
      #expect(
        one.findings.map { "\($0.kind) \($0.seal)" } == ["seal_changed 9", "seal_missing 10"])
      let refused = await vault.failure { try await vault.verify(page: "nonsense") }
      #expect(refused?.reason == "PAGE_TOKEN_INVALID")
    }
  }
}

/// An id as SQL text.
private func sqlText(_ id: AccessID) -> String {
  let text = String(id.bits, radix: 16)
  return String(repeating: "0", count: 32 - text.count) + text
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
