import Testing

@testable import CommandLineTool

@Suite struct CSVTextTests {
  @Test(arguments: [
    ("plain", "plain"), ("", ""), ("a,b", "\"a,b\""), ("say \"no\"", "\"say \"\"no\"\"\""),
    ("two\nlines", "\"two\nlines\""), ("-5", "-5"), ("+5", "+5"), ("=1+1", "'=1+1"),
    ("-5+1", "'-5+1"), ("@sum", "'@sum"), ("=a,b", "\"'=a,b\""), ("ü", "ü"),
  ])
  func cells(_ text: String, _ cell: String) {
    #expect(CSVText.cell(text) == cell)
  }

  @Test func linesAreCellsBetweenCommas() {
    #expect(CSVText.line(["a", "", "1,5"]) == "a,,\"1,5\"")
  }
}
