/// Comma-separated values as RFC 4180 has them, for spreadsheets.
enum CSVText {
  /// One line, without its end.
  static func line(_ cells: [String]) -> String {
    cells.map(cell).joined(separator: ",")
  }

  /// Quoted where it must be. A text that a spreadsheet would take for a formula gets an apostrophe
  /// in front; a number stays one.
  static func cell(_ text: String) -> String {
    var text = text
    if let first = text.utf8.first, "=+-@\t\r".utf8.contains(first), Int64(text) == nil {
      text = "'" + text
    }
    guard text.utf8.contains(where: { ",\"\n\r".utf8.contains($0) }) else { return text }
    return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false)
      .joined(separator: "\"\"") + "\""
  }
}
