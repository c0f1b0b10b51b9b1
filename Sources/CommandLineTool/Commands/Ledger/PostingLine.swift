import Money
import Wire

/// A transaction as people write it:
/// `merchant_payment: debit merchant_payable 100.00 EUR, credit bank:de1 100.00 EUR`.
struct PostingLine {
  static let example =
    "'adjustment: debit gateway_clearing:stripe:acct_1 0.05 EUR, credit adjustments 0.05 EUR'"

  let kind: String
  let entries: [LedgerV1.Entry]

  /// - Throws: `Failure` (64) that says which part is wrong.
  init(_ text: String) throws {
    let parts = text.split(separator: ": ", maxSplits: 1, omittingEmptySubsequences: false)
    guard parts.count == 2, !parts[0].isEmpty else {
      throw Failure("\(text) names no kind", next: "such as \(Self.example)", status: .usage)
    }
    kind = String(parts[0])
    entries = try parts[1].split(separator: ",").map { try Self.entry(String($0)) }
  }

  private static func entry(_ text: String) throws -> LedgerV1.Entry {
    let words = text.split(separator: " ").map(String.init)
    let side: LedgerV1.NormalSide? =
      switch words.first {
      case "debit": .debit
      case "credit": .credit
      default: nil
      }
    guard words.count == 4, let side else {
      throw Failure(
        "'\(text)' is no leg", next: "debit or credit, the account, a number, a currency",
        status: .usage)
    }
    return LedgerV1.Entry(
      accountCode: words[1], side: side,
      amount: CommonV1.Money(try AmountArgument.parse(words[2], words[3])))
  }
}
