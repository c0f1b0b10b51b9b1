import GRPCCore
import Money
import Postgres
import Seal
import ServiceKit
import TestSupport
import Testing
import VaultCore
import Wire

@testable import VaultService

@Suite(.freshDatabase(service: "vault"), .timeLimit(.minutes(2)))
struct KeyTests {
  @Test func rotationReencryptsAndDestroysTheOldKey() async throws {
    try await VaultHarness.with { vault in
      var methods: [String] = []
      for index in 0..<130 {
        methods.append(try await vault.create(.card(), key: "k\(index)").id)
      }
      let other = try await vault.create(.card(), key: "k", merchant: VaultHarness.stranger)
      let rotated = try await vault.rotate(VaultHarness.merchant.description, key: "r1")
      #expect(rotated.merchants == 1 && rotated.rowsPending == 260)
      #expect(try await vault.rotate(VaultHarness.merchant.description, key: "r1") == rotated)
      #expect(
        try await vault.keys() == [
          "1 retiring 260", "2 active 0", "1 active 2",
        ]
      )
      // Both versions are in use: everything resolves.
      #expect(try await vault.resolve(methods[0]).references.count == 2)
      #expect(try await vault.reencryption.work() == 261)
      #expect(try await vault.keys() == ["1 destroyed 0", "2 active 260", "1 active 2"])
      for method in [methods[0], methods[129]] {
        #expect(try await vault.resolve(method).references[1].reference == "pm_1StripeCard")
        let actions = try await vault.access(method).map(\.action)
        #expect(actions.count { $0 == "reencrypt" } == 2)
      }
      #expect(
        try await vault.resolve(other.id, merchant: VaultHarness.stranger).references.count == 2
      )
      let left = try await vault.database.query(
        "select count(*) from merchant_key where state = 'destroyed' and wrapped is not null"
      )
      #expect(try left.single()[0, as: Int64.self] == 0)
    }
  }

  @Test func everyMerchantIsRotatedWithoutAName() async throws {
    try await VaultHarness.with { vault in
      _ = try await vault.create(.card(), key: "k1")
      _ = try await vault.create(.card(), key: "k1", merchant: VaultHarness.stranger)
      let rotated = try await vault.rotate("", key: "r1")
      #expect(rotated.merchants == 2 && rotated.rowsPending == 4)
      let nobody = MerchantID(bits: 0x88).description
      #expect(try await vault.rotate(nobody, key: "r2").merchants == 0)
    }
  }

  /// Registrations during rotations: nothing stays under a key that is destroyed.
  @Test func registrationsAndRotationsInterleave() async throws {
    try await VaultHarness.with { vault in
      let ids = try await onLoop(vault.loop, count: 24) { caller in
        if caller % 3 == 2 {
          _ = try await vault.rotate("", key: "r\(caller)")
          _ = try await vault.reencryption.work()
          return ""
        }
        return try await vault.create(.card(), key: "k\(caller)").id
      }
      while try await vault.reencryption.work() > 0 {}
      for id in ids where !id.isEmpty {
        #expect(try await vault.resolve(id).references.count == 2)
      }
    }
  }

  @Test func aMovedOrChangedRowDoesNotOpen() async throws {
    try await VaultHarness.with { vault in
      let first = try await vault.create(.card(), key: "k1")
      let second = try await vault.create(.card(), key: "k2")
      let test = try TestDatabase.current
      try await test.run(
        """
        set search_path = vault;
        update gateway_reference a set sealed = b.sealed from gateway_reference b
        where a.gateway = b.gateway and a.payment_method_id <> b.payment_method_id
        """
      )
      for id in [first.id, second.id] {
        let error = await vault.failure { try await vault.resolve(id) }
        #expect(error?.code == .internalError && error?.reason == "INTERNAL")
      }
      #expect(try await vault.count("alert") == 2)
    }
  }

  @Test func theWrappingKeyCanBeReplaced() async throws {
    try await VaultHarness.with { vault in
      let method = try await vault.create(.card(), key: "k1")
      let newer = try KeyEncryptionKey(key: .random(count: 32))
      let both = try vault.reopened(with: [newer] + vault.kek)
      #expect(try await both.resolve(method.id).references.count == 2)
      #expect(try await both.reencryption.work() == 2)
      let wrapped = try await vault.database.query("select distinct wrapped_by from merchant_key")
      #expect(try wrapped.column(as: String.self) == [newer.id])
      let onlyNewer = try vault.reopened(with: [newer])
      #expect(try await onlyNewer.resolve(method.id).references.count == 2)
      #expect(try await onlyNewer.create(.card(), key: "k2").fingerprint == method.fingerprint)
      let onlyOlder = try vault.reopened(with: vault.kek)
      let error = await vault.failure { try await onlyOlder.resolve(method.id) }
      #expect(error?.reason == "INTERNAL")
    }
  }

  @Test func oneWorkerHoldsTheLease() async throws {
    try await VaultHarness.with { vault in
      let (a, b) = (UUIDBits(1), UUIDBits(2))
      let first = try await WorkerLease.acquire("job", holder: a, vault.database)
      #expect(first?.fence == 1)
      #expect(try await WorkerLease.acquire("job", holder: b, vault.database) == nil)
      // A process whose own clock is ahead takes nothing over.
      vault.clock.advance(by: .seconds(3_600))
      #expect(try await WorkerLease.acquire("job", holder: b, vault.database) == nil)
      try await TestDatabase.current.run(
        "update vault.worker_lease set expires_at = now() - interval '1 second'")
      let second = try await WorkerLease.acquire("job", holder: b, vault.database)
      #expect(second?.fence == 2)
      let stale = try #require(first)
      #expect(try await vault.database.query(stale.renewal()).affected == 0)
    }
  }

  @Test func theServiceCannotRemoveItsTraces() async throws {
    try await VaultHarness.with { vault in
      let method = try await vault.create(.card(), key: "k1")
      for change in [
        "update access set actor = 'x'", "delete from access", "truncate access",
        "delete from payment_method", "delete from gateway_reference", "delete from merchant_key",
        "update payment_method set last4 = '1111'", "drop table access",
      ] {
        do {
          _ = try await vault.database.query(Statement(sql: change))
          Issue.record("\(change)")
        } catch let error as PostgresError {
          #expect(error.sqlState == .insufficientPrivilege, "\(change)")
        }
      }
      let test = try TestDatabase.current
      for change in ["update access set actor = 'x'", "delete from access", "truncate access"] {
        await #expect(throws: (any Error).self, "\(change)") {
          try await test.run("set search_path = vault; \(change)")
        }
      }
      #expect(try await vault.access(method.id).count == 1)
    }
  }
}
