import LedgerCore
import Money
import Postgres
import TestSupport
import Testing
import Wire

@testable import LedgerService

/// Balances at an instant over blocks, pieces, cut pieces and a tail; `ModelTests` compares the same
/// with a simple ledger over random operations.
@Suite(.freshDatabase(service: "ledger"), .timeLimit(.minutes(3)))
struct HistoryTests {
  /// An entry a second, taking effect up to a minute before it was recorded, one in fifty up to
  /// three days before.
  private static func effective(_ index: Int) -> Timestamp {
    let recorded = Timestamp(seconds: 1_768_478_400 + Int64(index))
    return recorded
      - .seconds(index % 50 == 0 ? Int64(index * 37 % 259_200) : Int64(index * 7 % 60))
  }

  @Test func blocksPiecesAndEntriesAddUp() async throws {
    try await Books.with { books in
      let batch = 2_000
      let count = 34 * batch + 321
      for start in stride(from: 0, to: count, by: batch) {
        let items = try (start..<min(count, start + batch)).map {
          try Books.posting(
            UInt128($0 + 1),
            "bank:a",
            minor: Int64($0 % 97 + 1),
            effectiveAt: Self.effective($0)
          )
        }
        books.clock.set(Timestamp(seconds: 1_768_478_400 + Int64(start + batch)))
        _ = try await books.writer.post(items)
      }
      #expect(try await books.count("balance_snapshot") == 68)
      #expect(try await books.count("balance_block") > 2)
      let calls = try LedgerCalls(books)
      for index in [
        -90_000, -1_000, 0, 1, 61, 5_000, 35_999, 43_200, 50_007, 64_000, 68_320, 200_000,
      ] {
        let at = Timestamp(seconds: 1_768_478_400 + Int64(index), nanoseconds: 0)
        let sum = (0..<count).reduce(Int64(0)) {
          $0 + (Self.effective($1) <= at ? Int64($1 % 97 + 1) : 0)
        }
        #expect(try await calls.balance("bank:a", effective: at) == sum, "effective \(index)")
        // What was recorded by then: whole batches.
        let recorded = max(0, min(count, index / batch * batch))
        let known = (0..<recorded).reduce(Int64(0)) { $0 + Int64($1 % 97 + 1) }
        if index >= 0, index < count {
          #expect(try await calls.balance("bank:a", recorded: at) == known, "recorded \(index)")
        }
      }
      #expect(try await books.drift() == [])
      try await ProofTests.tamper(
        "update balance_block set debits_minor = debits_minor + 1 where debits_minor = (select max(debits_minor) from balance_block)"
      )
      #expect(
        try await books.drift().map { "\($0.kind.rawValue) \($0.code)" } == ["block_differs bank:a"]
      )
    }
  }

  @Test func periodsTileAndUnknownThingsAreRefused() async throws {
    try await Books.with { books in
      for id in 1...5 {
        books.clock.advance(by: .seconds(10))
        _ = try await books.writer.post([Books.posting(UInt128(id), minor: Int64(id))])
      }
      let calls = try LedgerCalls(books)
      let middle = Timestamp(seconds: 1_768_478_430)
      let first = try await calls.entries("merchant_payable", through: middle)
      #expect(first.openingMinor == 0 && first.entries.map(\.balanceMinor) == [1, 3, 6])
      let second = try await calls.entries("merchant_payable", after: middle)
      #expect(second.openingMinor == first.closingMinor)
      #expect(second.entries.map(\.balanceMinor) == [10, 15] && second.closingMinor == 15)
      #expect(try await calls.balance("merchant_payable", recorded: middle) == 6)
      let before = Timestamp(seconds: 1_000)
      #expect(try await calls.balance("merchant_payable", recorded: before) == 0)
      #expect(try await calls.balance("merchant_payable", effective: before) == 0)
      #expect(await calls.reason { try await calls.balance("bank:nobody") } == "ACCOUNT_NOT_FOUND")
      for token in ["x", "1/2", "\(BookSequence.zero)/x", "\(BookSequence.zero)/0"] {
        #expect(
          await calls.reason { try await calls.entries("merchant_payable", token: token) }
            == "PAGE_TOKEN_INVALID"
        )
      }
      let late = Timestamp(seconds: 253_402_300_800)
      #expect(
        await calls.reason { try await calls.balance("merchant_payable", effective: late) }
          == "AS_OF_INVALID"
      )
      let trial = try await calls.trialBalance(recorded: middle)
      #expect(
        trial.map { "\($0.code) \($0.balanceMinor)" }
          == ["gateway_clearing:stripe:a 6", "merchant_payable 6"]
      )
    }
  }

  /// Each account's own sums fit into 64 bits, also where those of all together do not.
  @Test func sumsThatAreTooLargeAreReadAccountByAccount() async throws {
    try await Books.with { books in
      let calls = try LedgerCalls(books)
      _ = try await books.writer.post([Books.posting(1, minor: .max)])
      #expect(try await calls.totals().map(\.debitsMinor) == [.max])
      _ = try await books.writer.post([
        Books.posting(2, "gateway_clearing:stripe:b", "bank:a", minor: 1)
      ])
      #expect(await calls.reason { try await calls.totals() } == "SUMS_TOO_LARGE")
      #expect(
        try await calls.trialBalance().map(\.debitsPostedMinor).sorted() == [0, 0, 1, .max]
      )
    }
  }

  /// Over more accounts than a page holds, while more is booked: all pages are of one moment, so that
  /// their sums are equal.
  @Test(arguments: [false, true]) func aTrialBalanceGoesOnPageByPage(isRecorded: Bool) async throws {
    try await Books.with { books in
      for id in 1...5 {
        books.clock.advance(by: .seconds(10))
        _ = try await books.writer.post([
          Books.posting(UInt128(id), "gateway_clearing:stripe:a\(id)", minor: Int64(id))
        ])
      }
      let calls = try LedgerCalls(books)
      let recorded = isRecorded ? Timestamp(seconds: 1_768_478_450) : nil
      var accounts: [LedgerV1.Account] = []
      var (sizes, token): ([Int], String) = ([], "")
      repeat {
        let page = try await calls.trialBalancePage(recorded: recorded, size: 4, token: token)
        accounts += page.accounts
        sizes.append(page.accounts.count)
        token = page.nextPageToken
        books.clock.advance(by: .seconds(10))
        _ = try await books.writer.post([
          Books.posting(UInt128(100 + sizes.count), "gateway_clearing:stripe:a1", minor: 1_000)
        ])
      } while !token.isEmpty
      #expect(sizes == [4, 2])
      #expect(
        accounts.map { "\($0.code) \($0.balanceMinor)" }
          == (1...5).map { "gateway_clearing:stripe:a\($0) \($0)" } + ["merchant_payable 15"]
      )
      let sums = accounts.reduce((0, 0)) {
        ($0.0 + $1.debitsPostedMinor, $0.1 + $1.creditsPostedMinor)
      }
      #expect(sums == (15, 15))
      for wrong in ["x", "\(BookSequence.zero)", "\(BookSequence.zero)/\(BookSequence.zero)"] {
        #expect(
          await calls.reason { try await calls.trialBalancePage(token: wrong) }
            == "PAGE_TOKEN_INVALID"
        )
      }
    }
  }
}
