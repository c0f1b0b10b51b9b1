package import Configuration

/// Reads a settings file and the environment into one reader.
package enum SettingsSource {
  /// The largest settings file, in bytes.
  package static let fileBytesMax = 64 * 1024

  package static func reader(
    fileText: String?, environment: [String: String]
  ) throws(SettingsError) -> ConfigReader {
    var providers: [any ConfigProvider] = [
      EnvironmentVariablesProvider(environmentVariables: environment)
    ]
    if let fileText {
      providers.append(InMemoryProvider(name: "settings file", values: try parse(fileText)))
    }
    return ConfigReader(providers: providers).scoped(to: "tender")
  }

  /// Lines of `key = value`; `#` starts a comment line. Anything else is refused with its line.
  static func parse(_ text: String) throws(SettingsError) -> [AbsoluteConfigKey: ConfigValue] {
    var values: [AbsoluteConfigKey: ConfigValue] = [:]
    var number = 0
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      number += 1
      let trimmed = line.trimmed
      if trimmed.isEmpty || trimmed.first == "#" { continue }
      guard let equals = trimmed.firstIndex(of: "=") else {
        throw SettingsError("Line \(number) of the settings file is not `key = value`.")
      }
      let key = trimmed[..<equals].trimmed
      let value = String(trimmed[trimmed.index(after: equals)...].trimmed)
      guard !key.isEmpty else {
        throw SettingsError("Line \(number) of the settings file has no key before the `=`.")
      }
      let path = ["tender"] + key.split(separator: ".").map(String.init)
      values[AbsoluteConfigKey(path)] = ConfigValue(.string(value), isSecret: false)
    }
    return values
  }
}

extension Substring {
  fileprivate var trimmed: Substring {
    var text = self
    while let first = text.first, first.isWhitespace { text.removeFirst() }
    while let last = text.last, last.isWhitespace { text.removeLast() }
    return text
  }
}
