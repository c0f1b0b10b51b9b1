import Seal
import Testing
import Wire

@testable import CommandLineTool

/// Files of sealed days against what the tables say.
struct SealFolderTests {
  private static func seals() -> [LedgerV1.DaySeal] {
    var previous = String(repeating: "0", count: 64)
    return (1...3).map { number in
      let document = "tender day seal 1\nday 2026-01-0\(number)\nprevious \(previous)\n"
      let seal = LedgerV1.DaySeal(
        day: "2026-01-0\(number)", number: UInt64(number),
        root: Hex.encode(SHA256.hash(document)), previousRoot: previous, document: document)
      previous = seal.root
      return seal
    }
  }

  private static func files(_ seals: [LedgerV1.DaySeal]) -> [String: [UInt8]] {
    Dictionary(uniqueKeysWithValues: seals.map { ("\($0.day).seal", Array($0.document.utf8)) })
  }

  private static func texts(_ findings: [SealFolder.Finding]) -> [String] {
    findings.map { "\($0.kind) \($0.day)" }
  }

  @Test func theSameIsNoFinding() {
    let seals = Self.seals()
    #expect(SealFolder(files: Self.files(seals)).findings(seals) == [])
    #expect(SealFolder(files: [:]).findings([]) == [])
  }

  @Test func whatIsMissingIsNamed() {
    let seals = Self.seals()
    var files = Self.files(seals)
    files["2026-01-02.seal"] = nil
    #expect(
      Self.texts(SealFolder(files: files).findings(seals)) == ["seal_file_missing 2026-01-02"])
    // The last seal is gone, and nothing in the tables says so.
    #expect(
      Self.texts(SealFolder(files: Self.files(seals)).findings(Array(seals.dropLast())))
        == ["seal_missing 2026-01-03"])
    #expect(
      Self.texts(SealFolder(files: Self.files(seals)).findings([seals[0], seals[2]]))
        == ["seal_changed 2026-01-03", "seal_missing 2026-01-02"])
  }

  /// Tables that were made anew as a whole agree with themselves; the files were not.
  @Test func tablesThatWereRewrittenAsAWholeDiffer() {
    let seals = Self.seals()
    var other = seals
    other[2].document += "sum test EUR debits 1 credits 1 entries 2\n"
    other[2].root = Hex.encode(SHA256.hash(other[2].document))
    let findings = SealFolder(files: Self.files(seals)).findings(other)
    #expect(Self.texts(findings) == ["seal_file_differs 2026-01-03"])
    #expect(
      findings[0].what
        == "the file says nothing, the tables `sum test EUR debits 1 credits 1 entries 2`")
    other[1].document += "x"
    #expect(
      Self.texts(SealFolder(files: Self.files(seals)).findings(other)) == [
        "seal_changed 2026-01-02", "seal_file_differs 2026-01-02", "seal_file_differs 2026-01-03",
      ])
  }

  @Test func tablesForPeopleFitTheirWidth() {
    let answer = LedgerSeals.Answer(
      seals: Self.seals().map { SealRow($0) }, nextDay: "2026-01-04", waitsFor: "intents",
      producers: [
        LedgerSeals.Producer(producer: "gateway-router", through: "2026-01-04T00:10:00Z", reportedAt: nil),
        LedgerSeals.Producer(producer: "intents", through: nil, reportedAt: nil),
      ])
    let lines = LedgerSeals.lines(answer)
    #expect(lines.allSatisfy { $0.count <= 100 })
    #expect(lines.contains("next 2026-01-04, over; waits for intents"))
    #expect(lines.contains("intents has never told anything"))
  }
}
