/// Seeds that have passed, in a file of one JSON line each, so that a long run may be made in pieces:
/// they are not run again, and count as if they had been.
struct ProveRecord: Sendable {
  let path: String
  private(set) var passed: [UInt64: SeedReport] = [:]

  /// - Parameter payments: of each seed; what was run with another number is no part of it.
  /// - Throws: where it cannot be read, or holds something else.
  init(_ path: String, payments: Int) throws {
    self.path = path
    for line in try (Files.read(path) ?? "").split(separator: "\n") {
      do {
        let report = try JSONText.decode(SeedReport.self, from: String(line))
        if report.payments == payments, report.isClean { passed[report.seed] = report }
      } catch {
        throw Failure(
          "\(path) holds a line that is no seed's", next: "name another file, or take it out")
      }
    }
  }

  /// The first seed of the run that it records.
  var first: UInt64? { passed.keys.min() }

  /// Only what is clean is recorded: the rest is run again.
  mutating func add(_ report: SeedReport) throws {
    guard report.isClean else { return }
    let line = try JSONText.encode(report)
    try Files.write((try Files.read(path) ?? "") + line + "\n", to: path)
    passed[report.seed] = report
  }
}
