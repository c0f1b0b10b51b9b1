import Testing

@testable import CommandLineTool

/// `tender routing`: rules as a table that fits a terminal, and times as people write them.
struct RoutingFileTests {
  @Test func rulesAreATable() throws {
    let countries = (0..<60).map { _ in "\"DE\"" }.joined(separator: ",")
    let file = try JSONText.decode(
      RoutingFile.self,
      from: """
        {"rules":[
          {"name":"small","when":{"amountMinor":{"to":99},"currencies":["EUR"]},"priority":["adyen","stripe"],
           "order":"success_rate","explorePercent":7},
          {"name":"trial","when":{"countries":[\(countries)]},
           "split":[{"to":"stripe","percent":80},{"to":"adyen","percent":20}]}],
         "default":["stripe"],"fees":[]}
        """)
    let lines = file.lines
    #expect(lines.count == 4)
    #expect(lines[1].contains("0–99 minor EUR") && lines[1].contains("adyen > stripe"))
    #expect(lines[1].hasSuffix("success_rate, 7% explores"))
    #expect(lines[2].contains("DE,DE") && lines[2].contains("…"))
    #expect(lines[2].contains("80% stripe, 20% adyen"))
    #expect(lines[3].contains("otherwise"))
    #expect(lines.allSatisfy { $0.count <= 160 })
  }

  @Test(arguments: [
    ("90s", 90), ("30m", 1_800), ("2h", 7_200), ("7d", 604_800), ("", nil), ("5", nil), ("h", nil),
    ("-1h", nil), ("99999999999h", nil), ("100000d", nil), ("1w", nil),
  ] as [(String, UInt32?)])
  func times(text: String, seconds: UInt32?) {
    #expect((try? ForceOptions.seconds(text)) == seconds)
  }
}
