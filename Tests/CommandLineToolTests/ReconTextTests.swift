import Seal
import Testing
import Wire

@testable import CommandLineTool

/// Breaks as people see them.
struct ReconTextTests {
  private static func row(_ account: String, isLive: Bool) -> ReconBreakRow {
    ReconBreakRow(
      LedgerV1.ReconBreak(
        id: "rb_\(account)",
        gateway: "stripe",
        gatewayAccount: account,
        reconClass: .missingInternal,
        state: .opened,
        reported: CommonV1.Money(currency: "EUR", amountMinor: 4_999),
        livemode: isLive
      )
    )
  }

  /// Live and test never stand in one table, nor do two accounts.
  @Test func eachOfTheBooksHasATableOfItsOwn() {
    let rows = [
      Self.row("acct_1", isLive: true), Self.row("acct_1", isLive: false),
      Self.row("acct_2", isLive: false), Self.row("acct_1", isLive: true),
    ]
    let lines = ReconBreakRow.tables(rows)
    let heads = lines.enumerated().filter { $0.element.hasPrefix("stripe:") }
    #expect(
      heads.map(\.element) == ["stripe:acct_1 live", "stripe:acct_1 test", "stripe:acct_2 test"]
    )
    #expect(heads.map(\.offset) == [0, 4, 7])
    #expect(lines.count == 10)
    #expect(rows.map(\.mode) == ["live", "test", "test", "live"])
    #expect(ReconBreakRow.csvHead.count == rows[0].cells.count)
  }

  /// Whoever reads the refusal of a report knows what to do, and finds the reason in the contract.
  @Test(arguments: ReportAdvice.next.keys.sorted())
  func aRefusedReportSaysWhatToDo(_ reason: String) throws {
    let refused = Failure("ledger: the report is refused", next: reason, status: .usage)
    let failure = try #require(ReportAdvice.failure(refused, reason))
    let next = try #require(ReportAdvice.next[reason])
    #expect("\(failure)" == "ledger: the report is refused: \(next) (\(reason))")
    #expect(failure.status == .usage && next.count < 100)
    #expect(ReportAdvice.failure(refused, "CURRENCY_UNKNOWN") == nil)
  }

  /// A file that fits is one message; a larger one is all of its parts, in order.
  @Test(arguments: [1, 7_500_000, 7_500_001, 15_000_000, 15_000_001])
  func largeFilesComeInParts(count: Int) {
    let content = [UInt8](repeating: 7, count: count)
    let parts = ReconImport.parts(of: content)
    #expect(parts.reduce(0) { $0 + $1.bytes.count } == count)
    let isWhole = count <= ReconImport.partBytes
    #expect(parts.map(\.part) == (isWhole ? [0] : (1...UInt32(parts.count)).map { $0 }))
    #expect(parts.allSatisfy { $0.count == (isWhole ? 0 : UInt32(parts.count)) })
    #expect(parts.allSatisfy { $0.bytes.count <= ReconImport.partBytes })
  }

  /// Who repeats an import that failed half-way goes on with the same key; another file has another.
  @Test func thePartsOfAFileHaveOneKey() throws {
    let content = Array("a report\n".utf8)
    let key = try ReconImport.partKey(of: content)
    #expect(try ReconImport.partKey(of: content) == key && key.count == 32)
    #expect(try ReconImport.partKey(of: content + [10]) != key)
    // The ledger knows this one.
    #expect(SHA256.hash(content) != key)
  }

  @Test func aScheduleFitsItsTable() {
    let row = ReconScheduleCommand.Row(
      LedgerV1.ReconSchedule(
        gateway: "stripe",
        gatewayAccount: "acct_1",
        livemode: true,
        failures: 3,
        failure: "see the log of ledger."
      )
    )
    let lines = ReconScheduleCommand.lines([row])
    #expect(lines.last == "stripe:acct_1 live: see the log of ledger.")
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(ReconScheduleCommand.lines([]) == ["no report was imported"])
  }

  @Test func theDoctorSeesWhatIsNotCompared() {
    var schedule = LedgerV1.ReconSchedule(gateway: "adyen", gatewayAccount: "Main")
    #expect(Doctor.finding(schedule).isFine)
    #expect(Doctor.finding(schedule).detail == "never compared, by hand only")
    schedule.failures = 1
    schedule.failure = "x"
    #expect(!Doctor.finding(schedule).isFine)
  }

  @Test func everyTemplateHasItsWord() {
    #expect(
      BookingTemplateArgument.allCases.allSatisfy {
        WireText.word($0.wire, "BOOKING_TEMPLATE_") == $0.rawValue
      }
    )
  }
}
