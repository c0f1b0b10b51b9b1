/// One SQL statement and its bound values. Written as a string: `"select a from t where id = \(id)"`
/// becomes `... where id = $1`; values never enter the text. Each text is prepared once per
/// connection, so texts should be few: bind values, also lists (`= any(\(ids))`).
package struct Statement: Sendable, ExpressibleByStringInterpolation, CustomStringConvertible {
  /// The protocol's own limit.
  static let parametersMax = 65_535

  var key: StatementKey
  var parameters = Parameters()

  package init(stringLiteral value: String) {
    key = StatementKey(text: value, types: [])
  }

  package init(stringInterpolation: StringInterpolation) {
    key = StatementKey(text: stringInterpolation.text, types: stringInterpolation.types)
    parameters = stringInterpolation.parameters
  }

  /// A text with `$1`, `$2`, ... and their values. The text must not be made from input.
  package init<each Value: PostgresEncodable>(
    sql text: String,
    _ values: repeat each Value
  ) {
    var parts = StringInterpolation(literalCapacity: 0, interpolationCount: 0)
    repeat parts.bind(each values)
    key = StatementKey(text: text, types: parts.types)
    parameters = parts.parameters
  }

  package var text: String { key.text }

  /// The text alone: values are not shown.
  package var description: String { key.text }

  package struct StringInterpolation: StringInterpolationProtocol {
    var text = ""
    var types: [TypeOID] = []
    var parameters = Parameters()

    package init(literalCapacity: Int, interpolationCount: Int) {
      text.reserveCapacity(literalCapacity + interpolationCount * 3)
      types.reserveCapacity(interpolationCount)
      parameters.reserve(interpolationCount)
    }

    package mutating func appendLiteral(_ literal: String) {
      text += literal
    }

    package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value) {
      bind(value)
      text += "$"
      text += String(types.count)
    }

    /// nil binds null.
    package mutating func appendInterpolation<Value: PostgresEncodable>(_ value: Value?) {
      bind(value)
      text += "$"
      text += String(types.count)
    }

    /// Puts SQL into the text as it is: for names and fragments written in the code, never input.
    package mutating func appendInterpolation(raw sql: String) {
      text += sql
    }

    mutating func bind<Value: PostgresEncodable>(_ value: Value) {
      types.append(Value.postgresType)
      parameters.append(value)
    }
  }
}

/// What a prepared statement is known by: its text and the declared types of its parameters.
struct StatementKey: Sendable, Hashable {
  var text: String
  var types: [TypeOID]
}

/// The encoded values of a statement, one after the other.
struct Parameters: Sendable {
  struct Slot: Sendable {
    var offset: Int
    /// -1 for null.
    var length: Int
  }

  private(set) var bytes: [UInt8] = []
  private(set) var slots: [Slot] = []

  mutating func reserve(_ count: Int) {
    slots.reserveCapacity(count)
    bytes.reserveCapacity(count * 16)
  }

  mutating func append(_ value: some PostgresEncodable) {
    let offset = bytes.count
    let isPresent = value.encode(into: &bytes)
    slots.append(Slot(offset: offset, length: isPresent ? bytes.count - offset : -1))
  }
}
