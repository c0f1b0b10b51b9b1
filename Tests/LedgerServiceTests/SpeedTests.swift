import Foundation
import LedgerService
import Money
import Reactor
import TestSupport
import Testing

/// Postings per second through the batch writer, without RPC. Prints; asserts nothing, because a
/// number means something only beside a reference run of the same minutes:
/// `TENDER_MEASURE=1 swift test -c release --filter SpeedTests`.
@Suite(
  .freshDatabase(service: "ledger"),
  .serialized,
  .timeLimit(.minutes(5)),
  .enabled(if: ProcessInfo.processInfo.environment["TENDER_MEASURE"] != nil)
)
struct SpeedTests {
  struct Shape: Sendable, CustomTestStringConvertible {
    var name: String
    var callers: Int
    var perCall: Int
    var accounts: UInt64
    var testDescription: String { name }
  }

  static let shapes = [
    Shape(
      name: "1,000 a call, 2 callers, 10,000 accounts",
      callers: 2,
      perCall: 1_000,
      accounts: 10_000
    ),
    Shape(
      name: "1,000 a call, 2 callers, one hot account",
      callers: 2,
      perCall: 1_000,
      accounts: 1
    ),
    Shape(
      name: "8,000 a call, 2 callers, 10,000 accounts",
      callers: 2,
      perCall: 8_000,
      accounts: 10_000
    ),
    Shape(name: "1 a call, 64 callers, 10,000 accounts", callers: 64, perCall: 1, accounts: 10_000),
    Shape(name: "1 a call, 64 callers, one hot account", callers: 64, perCall: 1, accounts: 1),
  ]

  @Test(arguments: shapes) func postingsPerSecond(_ shape: Shape) async throws {
    try await Books.with { books in
      try await Self.run(books, shape, seconds: 1)
      let (count, seconds) = try await Self.run(books, shape, seconds: 5)
      print("\(shape.name): \(Int(Double(count) / seconds)) postings/s")
      try await books.expectSound()
    }
  }

  @discardableResult
  static func run(
    _ books: Books,
    _ shape: Shape,
    seconds: Double
  ) async throws -> (count: Int, seconds: Double) {
    let start = MonotonicInstant.now
    let counts = try await onLoop(books.loop, count: shape.callers) { _ in
      var count = 0
      while start.duration(to: .now) < .seconds(seconds) {
        count += try await books.writer.post(try items(shape)).count
      }
      return count
    }
    let elapsed = start.duration(to: .now)
    return (
      counts.reduce(0, +),
      Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    )
  }

  private static func items(_ shape: Shape) throws -> [PendingPosting] {
    var items: [PendingPosting] = []
    items.reserveCapacity(shape.perCall)
    for _ in 0..<shape.perCall {
      let account = UInt64.random(in: 0..<shape.accounts)
      items.append(
        try Books.posting(
          UInt128.random(in: 1...UInt128.max),
          "gateway_clearing:stripe:a\(account)",
          minor: 4_999,
          merchant: MerchantID(bits: UInt128(account) << 8 | 2)
        )
      )
    }
    return items
  }
}
