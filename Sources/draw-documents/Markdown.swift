/// Text of documents.
enum Markdown {
  /// A table with a header; `|` in a cell is escaped.
  static func table(_ header: [String], _ rows: [[String]]) -> String {
    let lines = [header, header.map { _ in "---" }] + rows
    return lines.map { cells in
      "| " + cells.map { $0.replacing("|", with: "\\|") }.joined(separator: " | ") + " |"
    }.joined(separator: "\n")
  }

  static func code(_ text: String) -> String { "`\(text)`" }

  /// A Mermaid state diagram: names of states with their identifiers, then edges in order.
  static func stateDiagram(
    _ states: [(id: String, name: String)], _ edges: [(from: String, to: String, label: String)]
  ) -> String {
    let names = states.map { "  state \"\($0.name)\" as \($0.id)" }
    let arrows = edges.map { "  \($0.from) --> \($0.to) : \($0.label)" }
    return (["```mermaid", "stateDiagram-v2"] + names + arrows + ["```"]).joined(separator: "\n")
  }
}

/// Values in the order in which they came, each once.
struct Ordered<Key: Hashable, Value> {
  private(set) var keys: [Key] = []
  private var values: [Key: Value] = [:]

  subscript(key: Key, default value: @autoclosure () -> Value) -> Value {
    get { values[key] ?? value() }
    set {
      if values[key] == nil { keys.append(key) }
      values[key] = newValue
    }
  }

  var pairs: [(key: Key, value: Value)] {
    keys.compactMap { key in values[key].map { (key, $0) } }
  }
}
