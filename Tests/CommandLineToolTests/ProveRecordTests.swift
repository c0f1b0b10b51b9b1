import Foundation
import Testing

@testable import CommandLineTool

@Suite struct ProveRecordTests {
  private static func report(_ seed: UInt64, payments: Int = 80) -> SeedReport {
    var report = SeedReport(seed: seed, payments: payments)
    report.paths = ["service_killed": 7]
    report.crashes = ["after_send": true]
    return report
  }

  private static func newPath() -> String { "/tmp/tender-record-\(UUID().uuidString)" }

  @Test("what has passed is kept, with its paths; what has not is run again")
  func keeps() throws {
    let path = Self.newPath()
    defer { unlink(path) }
    var record = try ProveRecord(path, payments: 80)
    #expect(record.first == nil && record.passed.isEmpty)
    try record.add(Self.report(8))
    try record.add(Self.report(7))
    var bad = Self.report(9)
    bad.problems = ["not quiet"]
    try record.add(bad)
    try record.add(Self.report(10, payments: 40))
    let again = try ProveRecord(path, payments: 80)
    #expect(again.passed.keys.sorted() == [7, 8] && again.first == 7)
    #expect(again.passed[8] == Self.report(8))
    var paths = RarePaths()
    for report in again.passed.values { paths.add(report) }
    #expect(paths[.serviceKilled] == 14)
  }

  @Test("a file of something else is refused")
  func refuses() throws {
    let path = Self.newPath()
    defer { unlink(path) }
    try Files.write("seed 7 passed\n", to: path)
    #expect(throws: Failure.self) { try ProveRecord(path, payments: 80) }
  }
}
