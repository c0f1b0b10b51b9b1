import LedgerCore
import Money
import Testing

/// A sale that is partly given back, once in vain, as the books show it.
@Suite struct RefundBooksTests {
  static let stripe = GatewayAccount(gateway: "stripe", account: "acct_test")

  /// What happened, in minor units; then what the gateway holds for us and what is owed to the
  /// merchant afterwards.
  static let story = """
    happened       amount  gateway_clearing  merchant_payable
    capture        10000   10000             10000
    refund          6000    4000              4000
    refund_failed   6000   10000             10000
    refund          6000    4000              4000
    refund          4000       0                 0
    """

  @Test func theStory() throws {
    var balances: [String: Int64] = [:]
    let lines = Self.story.split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    for line in lines.dropFirst() {
      let kind = try #require(PostingKind(rawValue: line[0]))
      let minor = try #require(Int64(line[1]))
      let entries = try #require(
        PostingTemplate.entries(kind, Amount(.eur, minor: minor), at: Self.stripe))
      for entry in entries {
        let code = try #require(AccountCode(entry.accountCode))
        let normal = try #require(ChartOfAccounts.line(of: code)).normalSide
        balances[code.segment, default: 0] += entry.side == normal ? minor : -minor
      }
      #expect(balances["gateway_clearing"] == Int64(line[2]), "\(line)")
      #expect(balances["merchant_payable"] == Int64(line[3]), "\(line)")
      #expect(balances.count == 2)
    }
  }

  /// A return is the refund's legs with the sides exchanged, and names the same refund: each has one
  /// transaction, and from one id the other's can be found.
  @Test func aReturnTakesBackItsRefund() throws {
    let amount = Amount(.eur, minor: 6_000)
    let refund = try #require(PostingTemplate.entries(.refund, amount, at: Self.stripe))
    let failed = try #require(PostingTemplate.entries(.refundFailed, amount, at: Self.stripe))
    func sorted(_ entries: [PostingEntry]) -> [PostingEntry] {
      entries.sorted { $0.accountCode < $1.accountCode }
    }
    #expect(sorted(PostingTemplate.reversal(of: refund)) == sorted(failed))
    func text(_ kind: PostingKind, _ id: String) -> String {
      Movement(account: Self.stripe, kind: kind, source: .operation(id)).canonicalText
    }
    #expect(text(.refund, "re_a") != text(.refundFailed, "re_a"))
    #expect(text(.refund, "re_a") != text(.refund, "re_b"))
    #expect(
      text(.refund, "re_a").replacing("6:refund", with: "13:refund_failed")
        == text(.refundFailed, "re_a"))
  }
}
