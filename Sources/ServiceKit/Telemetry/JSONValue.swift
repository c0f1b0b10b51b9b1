import Wire

/// A JSON text made of typed parts, in the order given: what is written here is what is signed and
/// sent, so nothing is ever encoded again.
package enum JSONValue: Sendable {
  case string(String)
  case integer(Int64)
  case boolean(Bool)
  case null
  case array([JSONValue])
  case object([(String, JSONValue)])
  /// Already JSON.
  case raw(String)

  package static func optional(_ value: String?) -> JSONValue {
    value.map { .string($0) } ?? .null
  }

  package var text: String {
    var text = ""
    write(to: &text)
    return text
  }

  private func write(to text: inout String) {
    switch self {
    case .string(let value): JSONQuoting.append(value, to: &text)
    case .integer(let value): text += String(value)
    case .boolean(let value): text += value ? "true" : "false"
    case .null: text += "null"
    case .raw(let value): text += value
    case .array(let values):
      text += "["
      for (index, value) in values.enumerated() {
        if index > 0 { text += "," }
        value.write(to: &text)
      }
      text += "]"
    case .object(let fields):
      text += "{"
      for (index, field) in fields.enumerated() {
        if index > 0 { text += "," }
        JSONQuoting.append(field.0, to: &text)
        text += ":"
        field.1.write(to: &text)
      }
      text += "}"
    }
  }
}
