import LedgerCore
import Money
import Postgres
import ReportFormats
import Seal
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// The set-based ladder in SQL against the pure one, a pair at a time, on random books and reports:
/// live and test under one name, two reports one after the other, lines with several keys, keys that
/// many lines and items share, lines that come twice.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(4)))
struct ReconciliationModelTests {
  static let scenarios = 30

  @Test func theDatabaseClimbsAsTheRulesSay() async throws {
    try await Books.with { books in
      for number in 0..<Self.scenarios {
        var random = SeededRandom(seed: Seed.current &+ UInt64(number))
        let terms = "stripe a\(number) EUR 100 1 0"
        let fees = try FeeSchedule(parsing: terms)
        var recon = try ReconCalls(books, fees: terms)
        recon.account = GatewayAccount(gateway: "stripe", account: "a\(number)")
        var scenario = Scenario(number: number, account: recon.account)
        var test = ModelBook(account: recon.account, fees: fees)
        var live = ModelBook(account: recon.account, fees: fees)
        for round in 1...2 {
          // Files are in the order of their imports, whatever the clock says: it goes back.
          books.clock.set(ReconciliationTests.today + .seconds(Int64(number * 10 - round)))
          try await scenario.play(round, recon, &test, &random)
          try await scenario.play(round, recon.live, &live, &random)
          for (calls, book) in [(recon, test), (recon.live, live)] {
            let expected = book.classes
            let found = try await Self.classes(calls)
            let what = "scenario \(number), round \(round), live \(calls.isLive)"
            #expect(found == expected, "\(what), TENDER_TEST_SEED=\(Seed.current)")
          }
        }
        try await recon.expectSoundSets()
      }
    }
  }

  /// With bookings there is no simple model; but whatever the books and the reports are, the control
  /// total holds, nothing is booked twice, and a second run finds nothing to do.
  @Test func runsThatBookComeToRest() async throws {
    try await Books.with { books in
      for number in 0..<(Self.scenarios / 2) {
        var random = SeededRandom(seed: Seed.current &+ UInt64(1_000 + number))
        var recon = try ReconCalls(books, fees: "", booksReports: true)
        recon.account = GatewayAccount(gateway: "stripe", account: "b\(number)")
        var scenario = Scenario(number: number + 1_000, account: recon.account)
        var book = ModelBook(account: recon.account, fees: FeeSchedule())
        for round in 1...2 {
          books.clock.set(ReconciliationTests.today + .seconds(Int64(10_000 + number * 10 + round)))
          try await scenario.play(round, recon, &book, &random, books: true)
          let state = try await recon.state()
          let again = try await recon.run(key: "again-\(number)-\(round)")
          let what = "scenario \(number), round \(round), TENDER_TEST_SEED=\(Seed.current)"
          #expect(again.movementsBooked == 0 && again.feesBooked == 0, "\(what)")
          #expect(again.breaksOpened == 0 && again.breaksResolved == 0, "\(what)")
          #expect(try await recon.state() == state, "\(what)")
        }
        try await recon.expectSoundSets()
      }
      try await books.expectSound()
    }
  }

  private static func classes(_ recon: ReconCalls) async throws -> [String] {
    try await recon.books.database.query(
      """
      select m.line || ' ' || m.class || ' ' || coalesce(i.transaction_id::text, '-')
      from recon_match m join recon_file f on f.id = m.file_id left join recon_item i on i.sequence = m.sequence
        and i.currency = m.currency and i.account = m.account
      where m.account = \(recon.account.account) and m.livemode = \(recon.isLive)
      order by f.number, m.line
      """
    ).column(as: String.self)
  }
}

/// One account with its two books.
private struct Scenario {
  let number: Int
  let account: GatewayAccount
  /// Transactions are booked once.
  var ids: Set<UInt128> = []

  static let categories = [
    "charge", "charge", "charge_failure", "refund", "refund", "refund_failure", "dispute",
    "dispute_reversal", "payout", "payout_reversal", "transfer",
  ]
  static let kinds: [PostingKind] = [
    .capture, .capture, .orphanCapture, .reversal, .refund, .refund, .refundFailed, .disputeOpened,
    .directDebitReturn, .disputeWon, .payout,
  ]

  /// Few, so that several lines and several items have the same.
  private func reference(_ random: inout SeededRandom) -> String {
    switch Int.random(in: 0...3, using: &random) {
    case 0: "s_\(Int.random(in: 1...3, using: &random))"
    case 1: "pi_\(Int.random(in: 1...2, using: &random))"
    case 2: "txn_\(number)_\(Int.random(in: 1...4, using: &random))"
    default: "po_1"
    }
  }

  private static func currency(_ random: inout SeededRandom) -> Currency {
    Int.random(in: 0...4, using: &random) == 0 ? .usd : .eur
  }

  /// Books, reports and compares, in the database and in the model.
  mutating func play(
    _ round: Int,
    _ recon: ReconCalls,
    _ book: inout ModelBook,
    _ random: inout SeededRandom,
    books isBooking: Bool = false
  ) async throws {
    // Books that know nothing of the account take no report while the other ones do.
    for _ in 0..<Int.random(in: 1...10, using: &random) {
      try await post(recon, &book, &random, books: isBooking)
    }
    var text = ReconCalls.header
    for _ in 0..<Int.random(in: 1...10, using: &random) {
      text += line(&random)
    }
    // A file counts once; and a line that no booking is known for.
    text += ReconCalls.line("txn_\(number)_end_\(round)", "transfer", "tr_\(round)", "", -1)
    let content = Array(text.utf8)
    let terms = ReportTerms(
      account: account,
      kind: .payoutReconciliation,
      sha256: SHA256.hash(content)
    )
    book.lines += try ReportFile(content, terms).lines
    let mode = recon.isLive ? "live" : "test"
    try await recon.importing(text, key: "import-\(number)-\(round)-\(mode)")
    let run = try await recon.run(key: "run-\(number)-\(round)-\(mode)")
    #expect(run.totals.allSatisfy { $0.deviationMinor == 0 }, "TENDER_TEST_SEED=\(Seed.current)")
    #expect(run.lineCount == UInt64(book.lines.count))
    if isBooking { return }
    #expect(run.itemCount == UInt64(book.items.count))
    book.run()
  }

  private func line(_ random: inout SeededRandom) -> String {
    let category = Self.categories.randomElement(using: &random) ?? "charge"
    let isIn = ["charge", "refund_failure", "dispute_reversal"].contains(category)
    let minor: Int64 = Bool.random(using: &random) ? 100 : 200
    let hasPayment = Int.random(in: 0...4, using: &random) > 0
    return ReconCalls.line(
      "txn_\(number)_\(Int.random(in: 1...4, using: &random))",
      category,
      Bool.random(using: &random) ? "s_\(Int.random(in: 1...3, using: &random))" : "pi_1",
      hasPayment ? "pi_\(Int.random(in: 1...2, using: &random))" : "",
      isIn ? minor : -minor,
      // 2 is agreed for 100, 3 for 200.
      fee: Int64.random(in: 2...3, using: &random),
      currency: Self.currency(&random)
    )
  }

  private mutating func post(
    _ recon: ReconCalls,
    _ book: inout ModelBook,
    _ random: inout SeededRandom,
    books isBooking: Bool
  ) async throws {
    let kind = Self.kinds.randomElement(using: &random) ?? .capture
    // Some bear the id that a line's movement gives them; that of another kind, too.
    var id = UInt128(number) * 1_000 + UInt128(ids.count) + 1
    if Int.random(in: 0...2, using: &random) == 0 {
      let movement = Movement(
        account: account,
        kind: Bool.random(using: &random)
          ? kind : Self.kinds.randomElement(using: &random) ?? kind,
        source: .gatewayMovement(reference(&random))
      )
      let derived = try recon.id(movement)
      // With bookings a run may have been faster.
      let isThere =
        isBooking ? try await recon.isBooked(LedgerTransactionID(bits: derived)) : false
      if !ids.contains(derived), !isThere { id = derived }
    }
    ids.insert(id)
    let reference = Int.random(in: 0...5, using: &random) == 0 ? "" : reference(&random)
    let minor: Int64 = Bool.random(using: &random) ? 100 : 200
    let isIn = [.capture, .orphanCapture, .refundFailed, .disputeWon].contains(kind)
    let currency = Self.currency(&random)
    try await recon.book(id, kind, reference, minor, currency)
    book.items.append(
      LedgerItem(
        id: LedgerTransactionID(bits: id),
        kind: kind.rawValue,
        externalReference: reference,
        amount: Amount(currency, minor: isIn ? minor : -minor)
      )
    )
  }
}

/// What the rules say, a pair at a time.
private struct ModelBook {
  let account: GatewayAccount
  let fees: FeeSchedule
  /// In the order of files and lines, and in that of the books.
  var lines: [StagedLine] = []
  var items: [LedgerItem] = []
  /// Lines by what answers them: for ever.
  private var matched: [Int: Int] = [:]
  /// By line, of the last run: class, and item.
  private var found: [Int: (ReconClass, Int?)] = [:]

  init(account: GatewayAccount, fees: FeeSchedule) {
    self.account = account
    self.fees = fees
  }

  mutating func run() {
    found = [:]
    var climbing: [Int] = []
    for line in lines.indices where matched[line] == nil {
      if ReconPairing.of(lines[line].match.type) == nil {
        found[line] = (.unknownType, nil)
      } else if isDuplicate(line) {
        found[line] = (.duplicate, nil)
      } else {
        climbing.append(line)
      }
    }
    climb(climbing)
    for line in climbing where found[line] == nil {
      found[line] = (isOrphan(line) ? .orphanReversal : .missingInternal, nil)
    }
    for (line, (reconClass, item)) in found where reconClass == .matched { matched[line] = item }
    for (line, item) in matched { found[line] = (.matched, item) }
  }

  /// Step by step, each line in its order takes the first item that meets it there.
  private mutating func climb(_ climbing: [Int]) {
    var taken = Set(matched.values)
    let steps = Set(
      climbing.flatMap { line in items.compactMap { MatchLadder.step(lines[line].match, $0) } }
    ).sorted()
    for step in steps {
      for line in climbing where found[line] == nil {
        let item = items.indices.first {
          !taken.contains($0) && MatchLadder.step(lines[line].match, items[$0]) == step
        }
        guard let item else { continue }
        let isAgreed = step.fit != .exact || fees.agrees(lines[line], at: account)
        found[line] = (isAgreed ? step.fit.reconClass : .feeMismatch, item)
        taken.insert(item)
      }
    }
  }

  private func isDuplicate(_ line: Int) -> Bool {
    let later = lines[line]
    return !later.movementReference.isEmpty
      && lines[..<line].contains {
        $0.movementReference == later.movementReference && $0.typeText == later.typeText
          && $0.match.paymentReference == later.match.paymentReference && $0.batch == later.batch
          && $0.match.amount.currency == later.match.amount.currency
      }
  }

  private func isOrphan(_ line: Int) -> Bool {
    let (type, payment) = (lines[line].match.type, lines[line].match.paymentReference)
    guard ReconPairing.of(type)?.isReversal == true, !payment.isEmpty else { return false }
    return !items.contains { $0.externalReference == payment }
      && !lines.contains { $0.match.type == .captured && $0.match.paymentReference == payment }
  }

  /// "line class transaction", as the tables have it.
  var classes: [String] {
    lines.indices.map { line in
      guard let (reconClass, item) = found[line] else { return "no class" }
      let transaction = item.map { Self.uuid(items[$0].id) } ?? "-"
      return "\(lines[line].line) \(reconClass.rawValue) \(transaction)"
    }
  }

  private static func uuid(_ id: LedgerTransactionID) -> String {
    let digits = String(id.bits, radix: 16)
    let all = Array(String(repeating: "0", count: 32 - digits.count) + digits)
    return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(all[$0]) }
      .joined(separator: "-")
  }
}
