import LedgerCore
import Money
import Postgres
import ReportFormats
import TestSupport
import Testing

@testable import LedgerService

/// The set-based ladder in SQL against the pure one, a pair at a time, on random books and reports.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(2)))
struct ReconciliationModelTests {
  static let scenarios = 30

  private struct Scenario {
    var lines: [(text: String, line: ReconLine)] = []
    var items: [(id: UInt128, kind: PostingKind, item: LedgerItem)] = []
  }

  private static let categories: [(String, ReportRowType)] = [
    ("charge", .captured), ("charge_failure", .captureFailed), ("refund", .refunded),
    ("refund_failure", .refundFailed), ("dispute", .disputed),
  ]
  private static let kinds: [PostingKind] = [
    .capture, .orphanCapture, .reversal, .refund, .refundFailed, .disputeOpened,
  ]

  @Test func theDatabaseClimbsAsTheRulesSay() async throws {
    try await Books.with { books in
      books.clock.set(ReconciliationTests.today)
      for number in 0..<Self.scenarios {
        var random = SeededRandom(seed: Seed.current &+ UInt64(number))
        var recon = try ReconCalls(books, fees: "")
        recon.account = GatewayAccount(gateway: "stripe", account: "a\(number)")
        let scenario = Self.make(number, &random)
        for item in scenario.items {
          try await recon.book(
            item.id,
            item.kind,
            item.item.externalReference,
            Int64(item.item.amount.minor.magnitude),
            item.item.amount.currency
          )
        }
        try await recon.importing(
          ReconCalls.header + scenario.lines.map(\.text).joined(),
          key: "import-\(number)"
        )
        _ = try await recon.run(key: "run-\(number)")
        let expected = Self.climb(scenario)
        let found = try await books.database.query(
          """
          select m.line || ' ' || m.class || ' ' || coalesce(i.transaction_id::text, '-')
          from recon_match m left join recon_item i on i.sequence = m.sequence
            and i.currency = m.currency and i.account = m.account
          where m.account = \(recon.account.account) order by m.line
          """
        ).column(as: String.self)
        #expect(found == expected, "scenario \(number), seed \(Seed.current)")
      }
    }
  }

  private static func make(_ number: Int, _ random: inout SeededRandom) -> Scenario {
    var scenario = Scenario()
    for place in 0..<Int.random(in: 1...10, using: &random) {
      let (category, type) = categories.randomElement(using: &random) ?? categories[0]
      let payment = "pi_\(Int.random(in: 1...3, using: &random))"
      let source = "s_\(Int.random(in: 1...4, using: &random))"
      let sign: Int64 = type == .captured || type == .refundFailed ? 1 : -1
      let minor = sign * (Bool.random(using: &random) ? 100 : 200)
      let currency: Currency = Int.random(in: 0...4, using: &random) == 0 ? .usd : .eur
      scenario.lines.append(
        (
          ReconCalls.line(
            "txn_\(number)_\(place)",
            category,
            source,
            payment,
            minor,
            currency: currency
          ),
          ReconLine(
            type: type,
            sourceReferences: [source],
            paymentReference: payment,
            amount: Amount(currency, minor: minor)
          )
        )
      )
    }
    for place in 0..<Int.random(in: 0...10, using: &random) {
      let kind = kinds.randomElement(using: &random) ?? .capture
      let reference =
        Bool.random(using: &random)
        ? "pi_\(Int.random(in: 1...3, using: &random))"
        : "s_\(Int.random(in: 1...4, using: &random))"
      let minor: Int64 = Bool.random(using: &random) ? 100 : 200
      let isIn = [.capture, .orphanCapture, .refundFailed].contains(kind)
      let currency: Currency = Int.random(in: 0...4, using: &random) == 0 ? .usd : .eur
      let id = UInt128(number) * 100 + UInt128(place) + 1
      scenario.items.append(
        (
          id, kind,
          LedgerItem(
            id: LedgerTransactionID(bits: id),
            kind: kind.rawValue,
            externalReference: reference,
            amount: Amount(currency, minor: isIn ? minor : -minor)
          )
        )
      )
    }
    return scenario
  }

  /// Step by step, each line in its order takes the first item that meets it there.
  private static func climb(_ scenario: Scenario) -> [String] {
    var answers: [Int: (MatchFit, Int)] = [:]
    var taken: Set<Int> = []
    for step in MatchLadder.steps {
      for (line, (_, reported)) in scenario.lines.enumerated() where answers[line] == nil {
        let item = scenario.items.indices.first {
          !taken.contains($0) && MatchLadder.step(reported, scenario.items[$0].item) == step
        }
        if let item {
          answers[line] = (step.fit, item)
          taken.insert(item)
        }
      }
    }
    return scenario.lines.indices.map { line in
      let reported = scenario.lines[line].line
      if let (fit, item) = answers[line] {
        let id = String(scenario.items[item].id, radix: 16)
        let uuid = Array(String(repeating: "0", count: 32 - id.count) + id)
        let text = [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(uuid[$0]) }
          .joined(separator: "-")
        return "\(line + 2) \(fit.reconClass.rawValue) \(text)"
      }
      let isKnown =
        scenario.items.contains { $0.item.externalReference == reported.paymentReference }
        || scenario.lines.contains {
          $0.line.type == .captured && $0.line.paymentReference == reported.paymentReference
        }
      let isOrphan = ReconPairing.of(reported.type)?.isReversal == true && !isKnown
      return "\(line + 2) \(isOrphan ? "orphan_reversal" : "missing_internal") -"
    }
  }
}
