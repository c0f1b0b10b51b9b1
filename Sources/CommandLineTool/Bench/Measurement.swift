/// One figure of a bench: what was measured, beside what it is measured against.
struct Measurement: Encodable, Sendable {
  let name: String
  let value: Double
  let unit: String
  /// A reference's value, measured the same way; nil: there is none.
  var reference: Double?
  /// Value by reference.
  var ratio: Double? { reference.map { $0 == 0 ? 0 : value / $0 } }
  /// What must be reached, and what we aim at; nil: a figure without a bar.
  var bar: Double?
  var aim: Double?

  private enum Keys: String, CodingKey { case name, value, unit, reference, ratio, bar, aim }

  func encode(to encoder: any Encoder) throws {
    var container = encoder.container(keyedBy: Keys.self)
    try container.encode(name, forKey: .name)
    try container.encode(value, forKey: .value)
    try container.encode(unit, forKey: .unit)
    try container.encode(reference, forKey: .reference)
    try container.encode(ratio, forKey: .ratio)
    try container.encode(bar, forKey: .bar)
    try container.encode(aim, forKey: .aim)
  }

  static func table(_ rows: [Measurement]) -> [String] {
    func text(_ value: Double?) -> String { value.map { Self.text($0) } ?? "" }
    return Table.lines(
      ["what", "value", "unit", "reference", "ratio", "bar", "aim"],
      rows.map {
        [
          $0.name, text($0.value), $0.unit, text($0.reference), text($0.ratio), text($0.bar),
          text($0.aim),
        ]
      })
  }

  /// At most two decimals.
  static func text(_ value: Double) -> String {
    let hundredths = Int64((value * 100).rounded())
    let sign = hundredths < 0 ? "-" : ""
    let whole = abs(hundredths) / 100
    let rest = abs(hundredths) % 100
    if rest == 0 { return "\(sign)\(whole)" }
    return "\(sign)\(whole).\(rest < 10 ? "0" : "")\(rest)"
  }
}
