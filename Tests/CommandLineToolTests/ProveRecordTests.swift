import Foundation
import Testing

@testable import CommandLineTool

@Suite struct ProveRecordTests {
  private static let terms = ProveRecord.Terms(payments: 80, focus: nil, build: "b1")

  private static func report(_ seed: UInt64) -> SeedReport {
    var report = SeedReport(seed: seed, payments: 80)
    report.paths = ["service_killed": 7]
    report.crashes = ["after_send": true]
    return report
  }

  private static func newPath() -> String { "/tmp/tender-record-\(UUID().uuidString)" }

  @Test("what has passed is kept, with its paths; what has not is run again")
  func keeps() throws {
    let path = Self.newPath()
    defer { unlink(path) }
    var record = try ProveRecord(path, Self.terms)
    #expect(record.first == nil && record.passed.isEmpty)
    try record.add(Self.report(8))
    try record.add(Self.report(7))
    var bad = Self.report(9)
    bad.problems = ["not quiet"]
    try record.add(bad)
    let again = try ProveRecord(path, Self.terms)
    #expect(again.passed.keys.sorted() == [7, 8] && again.first == 7)
    #expect(again.passed[8] == Self.report(8))
    var paths = RarePaths()
    for report in again.passed.values { paths.add(report) }
    #expect(paths[.serviceKilled] == 14)
  }

  @Test("what was run with anything else does not count")
  func others() throws {
    let path = Self.newPath()
    defer { unlink(path) }
    var record = try ProveRecord(path, Self.terms)
    try record.add(Self.report(8))
    var (fewer, focused, newer) = (Self.terms, Self.terms, Self.terms)
    fewer.payments = 40
    focused.focus = "fences"
    newer.build = "b2"
    for terms in [fewer, focused, newer] {
      #expect(try ProveRecord(path, terms).passed.isEmpty, "\(terms)")
    }
  }

  @Test("a file of something else is refused")
  func refuses() throws {
    let path = Self.newPath()
    defer { unlink(path) }
    try Files.write("seed 7 passed\n", to: path)
    #expect(throws: Failure.self) { try ProveRecord(path, Self.terms) }
  }
}
