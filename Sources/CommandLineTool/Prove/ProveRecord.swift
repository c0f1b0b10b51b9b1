/// Seeds that have passed, in a file of one JSON line each, so that a long run may be made in pieces:
/// they are not run again, and count as if they had been.
struct ProveRecord: Sendable {
  /// What a seed was run with; what was run with anything else is no part of the run.
  struct Terms: Sendable, Hashable, Codable {
    /// Of each seed.
    var payments: Int
    var focus: String?
    /// Which executables: what they were before a change proves nothing of what they are.
    var build: String
  }

  private struct Line: Codable {
    var terms: Terms
    var report: SeedReport
  }

  let path: String
  let terms: Terms
  private(set) var passed: [UInt64: SeedReport] = [:]

  /// - Throws: where it cannot be read, or holds something else.
  init(_ path: String, _ terms: Terms) throws {
    self.path = path
    self.terms = terms
    for text in try (Files.read(path) ?? "").split(separator: "\n") {
      do {
        let line = try JSONText.decode(Line.self, from: String(text))
        if line.terms == terms, line.report.isClean { passed[line.report.seed] = line.report }
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
    let line = try JSONText.encode(Line(terms: terms, report: report))
    try Files.write((try Files.read(path) ?? "") + line + "\n", to: path)
    passed[report.seed] = report
  }
}
