import FoundationEssentials

/// JSON of gateways: bounded, new fields and values tolerated.
enum JSONReading {
  /// The longest body that is parsed, in bytes.
  static let bodySizeMax = 256 * 1_024

  /// nil for a body that is too long, no JSON, or of other types than `T` has.
  static func decode<T: Decodable>(
    _ type: T.Type, from body: [UInt8], sizeMax: Int = bodySizeMax
  ) -> T? {
    guard body.count <= sizeMax else { return nil }
    do {
      return try JSONDecoder().decode(type, from: Data(body))
    } catch {
      // The reason would quote the body; "unreadable" is all the caller may know.
      return nil
    }
  }

  /// Keys sorted, so that a replay sends the same bytes.
  static func encode(_ value: some Encodable) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      return Array(try encoder.encode(value))
    } catch {
      preconditionFailure("strings and integers are always encodable")
    }
  }
}

/// A JSON object of which only the string values matter; others are left out, not refused.
struct StringValues: Decodable, Sendable {
  var values: [String: String]

  init(from decoder: any Decoder) throws {
    values = [:]
    let container = try decoder.container(keyedBy: AnyKey.self)
    for key in container.allKeys {
      values[key.stringValue] = try? container.decode(String.self, forKey: key)
    }
  }

  subscript(key: String) -> String? { values[key] }

  private struct AnyKey: CodingKey {
    var stringValue: String
    var intValue: Int? { nil }
    init(stringValue: String) { self.stringValue = stringValue }
    init?(intValue: Int) { nil }
  }
}
