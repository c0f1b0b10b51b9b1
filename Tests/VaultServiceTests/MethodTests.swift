import Foundation
import GRPCCore
import Money
import Postgres
import Seal
import ServiceKit
import TestSupport
import Testing
import Transport
import Wire

@testable import VaultService

@Suite(.freshDatabase(service: "vault"), .timeLimit(.minutes(2)))
struct MethodTests {
  @Test func registersDescribesAndResolves() async throws {
    try await VaultHarness.with { vault in
      let method = try await vault.create(.card(alias: "card_visa"), key: "k1")
      #expect(method.gateways == ["adyen", "stripe"])
      #expect(method.card?.last4 == "4242" && method.card?.gatewayFingerprint == "")
      #expect(method.alias == "card_visa" && method.fingerprint.hasPrefix("fp_"))
      #expect(try await vault.describe(id: method.id) == method)
      #expect(try await vault.describe(alias: "card_visa") == method)

      let resolved = try await vault.resolve(method.id)
      #expect(resolved.references.map(\.gateway) == ["adyen", "stripe"])
      #expect(resolved.references.map(\.reference) == ["8415AdyenStored", "pm_1StripeCard"])
      #expect(resolved.references.map(\.customerReference) == ["shopper_1", "cus_1"])
      #expect(resolved.card?.brand == "visa" && resolved.type == .card)
    }
  }

  @Test func nothingOfAReferenceLiesInTheClear() async throws {
    try await VaultHarness.with { vault in
      _ = try await vault.create(.card(alias: "card_visa"), key: "k1")
      var dump = ""
      for table in [
        "payment_method", "gateway_reference", "access", "merchant_key", "idempotency_key",
        "outbox",
      ] {
        // Also what is inside bytea columns, as text.
        let rows = try await vault.database.query(
          Statement(sql: "select t::text from \(table) t")
        )
        for text in try rows.column(as: String.self) { dump += text + Self.decoded(text) }
      }
      #expect(!dump.contains("pm_1StripeCard") && !dump.contains("8415AdyenStored"))
      #expect(!dump.contains("gatewayfp"))
      #expect(dump.contains("4242"))
    }
  }

  /// Every `\x…` of a row as characters.
  private static func decoded(_ text: String) -> String {
    text.components(separatedBy: "\\x").dropFirst().map { part in
      let hex = String(part.prefix { $0.isHexDigit })
      return String(decoding: Hex.decode(hex) ?? [], as: UTF8.self)
    }.joined(separator: " ")
  }

  @Test func oneKeyRegistersOnce() async throws {
    try await VaultHarness.with { vault in
      let first = try await vault.create(.card(), key: "k1")
      #expect(try await vault.create(.card(), key: "k1") == first)
      let error = await vault.failure { try await vault.create(.card(alias: "other"), key: "k1") }
      #expect(error?.reason == "IDEMPOTENCY_KEY_REUSED")
      #expect(try await vault.count("payment_method") == 1)
    }
  }

  @Test func equalCardsShowEqualFingerprintsOfOneMerchantOnly() async throws {
    try await VaultHarness.with { vault in
      let first = try await vault.create(.card(), key: "k1")
      let second = try await vault.create(.card(), key: "k2")
      let foreign = try await vault.create(.card(), key: "k1", merchant: VaultHarness.stranger)
      #expect(first.id != second.id && first.fingerprint == second.fingerprint)
      #expect(foreign.fingerprint != first.fingerprint && foreign.fingerprint.hasPrefix("fp_"))
    }
  }

  @Test func anAliasIsUniqueUntilItsMethodIsDeleted() async throws {
    try await VaultHarness.with { vault in
      let first = try await vault.create(.card(alias: "main"), key: "k1")
      let error = await vault.failure { try await vault.create(.card(alias: "main"), key: "k2") }
      #expect(error?.code == .alreadyExists && error?.reason == "ALIAS_USED")
      #expect(try await vault.count("payment_method") == 1)
      _ = try await vault.create(.card(alias: "main"), key: "k1", merchant: VaultHarness.stranger)
      _ = try await vault.delete(first.id, key: "d1")
      let second = try await vault.create(.card(alias: "main"), key: "k3")
      #expect(try await vault.describe(alias: "main") == second)
    }
  }

  @Test func deletingShredsAndIsIdempotent() async throws {
    try await VaultHarness.with { vault in
      let method = try await vault.create(.card(alias: "main"), key: "k1")
      let deleted = try await vault.delete(method.id, key: "d1")
      #expect(deleted.deletedAt != nil && deleted.gateways.isEmpty && deleted.fingerprint == "")
      vault.clock.advance(by: .seconds(60))
      #expect(try await vault.delete(method.id, key: "d1") == deleted)
      #expect(try await vault.delete(method.id, key: "d2") == deleted)
      let error = await vault.failure { try await vault.resolve(method.id) }
      #expect(error?.code == .notFound && error?.reason == "PAYMENT_METHOD_NOT_FOUND")
      #expect(try await vault.describe(id: method.id) == deleted)
      #expect(try await vault.list().isEmpty)
      let sealed = try await vault.database.query(
        "select count(*) from gateway_reference where sealed is not null"
      )
      #expect(try sealed.single()[0, as: Int64.self] == 0)
    }
  }

  @Test func anotherMerchantSeesNothing() async throws {
    try await VaultHarness.with { vault in
      let method = try await vault.create(.card(alias: "main"), key: "k1")
      let stranger = VaultHarness.stranger
      for call in [
        { _ = try await vault.describe(id: method.id, merchant: stranger) },
        { _ = try await vault.describe(alias: "main", merchant: stranger) },
        { _ = try await vault.resolve(method.id, merchant: stranger) },
        { _ = try await vault.delete(method.id, key: "d", merchant: stranger) },
      ] as [@Sendable () async throws -> Void] {
        let error = await vault.failure { try await call() }
        #expect(error?.code == .notFound)
      }
      #expect(try await vault.list(merchant: stranger).isEmpty)
      #expect(try await vault.resolve(method.id).references.count == 2)
    }
  }

  @Test func eachAccessLeavesItsRow() async throws {
    try await VaultHarness.with { vault in
      let method = try await vault.create(.card(alias: "main"), key: "k1")
      vault.clock.advance(by: .seconds(1))
      _ = try await vault.create(.card(alias: "main"), key: "k1")
      vault.clock.advance(by: .seconds(1))
      _ = try await vault.describe(id: method.id)
      vault.clock.advance(by: .seconds(1))
      _ = try await vault.describe(alias: "main")
      vault.clock.advance(by: .seconds(1))
      _ = try await vault.describe(id: method.id, peer: .service("intents"))
      vault.clock.advance(by: .seconds(1))
      _ = try await vault.resolve(method.id)
      vault.clock.advance(by: .seconds(1))
      _ = try await vault.delete(method.id, key: "d1")
      vault.clock.advance(by: .seconds(1))
      _ = await vault.failure { try await vault.resolve(method.id) }
      let entries = try await vault.access(method.id)
      #expect(
        entries.map { "\($0.action) \($0.outcome) \($0.actor)" } == [
          "resolve not_found service:gateway-router", "delete ok merchant:m/demo",
          "resolve ok service:gateway-router", "describe ok merchant:m/demo",
          "describe ok merchant:m/demo", "register ok merchant:m/demo",
        ]
      )
      #expect(entries[0].purpose == VaultHarness.operation.description)
      #expect(entries[2].purpose == VaultHarness.operation.description)
    }
  }

  @Test func badInput() async throws {
    let changes: [(String, @Sendable (inout VaultV1.CreatePaymentMethodRequest) -> Void)] = [
      ("TYPE_REQUIRED", { $0.type = .unspecified }), ("REFERENCE_REQUIRED", { $0.references = [] }),
      ("GATEWAY_UNKNOWN", { $0.references[0].gateway = "paypal" }),
      ("GATEWAY_DUPLICATE", { $0.references[0].gateway = "adyen" }),
      ("LAST4_INVALID", { $0.card?.last4 = "42" }), ("ALIAS_INVALID", { $0.alias = "a b" }),
    ]
    try await VaultHarness.with { vault in
      for (reason, change) in changes {
        var request = VaultV1.CreatePaymentMethodRequest.card()
        change(&request)
        let bad = request
        let error = await vault.failure { try await vault.create(bad, key: "k1") }
        #expect(error?.code == .invalidArgument && error?.reason == reason)
      }
      let stored = try await vault.count("payment_method")
      #expect(stored == 0)
    }
  }
}
