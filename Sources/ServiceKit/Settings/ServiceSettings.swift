package import Configuration

/// The settings every service reads, from `TENDER_<KEY>` in the environment or `key = value` in the
/// file given by `--settings`; the environment wins.
///
/// - `listen` (string, required): numeric host and port to serve on, for example `127.0.0.1:7001`.
/// - `endpoints.file` (path, required): endpoints.json, which names every service's host and port.
/// - `tls.certificate`, `tls.key`, `tls.authority` (paths, required): PEM files.
/// - `postgres.socketDirectory` (path) or `postgres.host` (numeric address): one is required.
/// - `postgres.port` (int, default 5432), `postgres.database` (string, default tender).
/// - `postgres.passwordFile` (path, required): the service role's password, mode 0600.
/// - `postgres.migrationUser` (string), `postgres.migrationPasswordFile` (path): for `migrate` only.
/// - `postgres.connections` (int, default 8): the pool's size.
/// - `log.level` (string, default info).
package struct ServiceSettings: Sendable {
  package let config: ConfigReader
  package let listen: String
  package let endpointsFile: String
  package let certificateFile: String
  package let keyFile: String
  package let authorityFile: String
  package let logLevel: String

  package init(config: ConfigReader) throws(SettingsError) {
    self.config = config
    listen = try Self.required(config, "listen", "the host and port to serve on")
    endpointsFile = try Self.required(config, "endpoints.file", "the path of endpoints.json")
    certificateFile = try Self.required(config, "tls.certificate", "the service's certificate")
    keyFile = try Self.required(config, "tls.key", "the certificate's key")
    authorityFile = try Self.required(config, "tls.authority", "the certificate authority")
    logLevel = config.string(forKey: "log.level", default: "info")
  }

  package static func required(
    _ config: ConfigReader, _ key: String, _ meaning: String
  ) throws(SettingsError) -> String {
    guard let value = config.string(forKey: ConfigKey(key)), !value.isEmpty else {
      throw SettingsError(
        "The setting `\(key)` (\(meaning)) is missing. Set it in the settings file or as "
          + "\(environmentName(key)).")
    }
    return value
  }

  /// - Throws: when the setting is there and is no whole number of the range.
  package static func integer(
    _ config: ConfigReader, _ key: String, default fallback: Int, in range: ClosedRange<Int>
  ) throws(SettingsError) -> Int {
    guard let text = config.string(forKey: ConfigKey(key)) else { return fallback }
    guard let value = Int(text), range.contains(value) else {
      throw SettingsError(
        "The setting `\(key)` must be a whole number from \(range.lowerBound) to "
          + "\(range.upperBound).")
    }
    return value
  }

  /// `postgres.socketDirectory` is `TENDER_POSTGRES_SOCKET_DIRECTORY`.
  static func environmentName(_ key: String) -> String {
    var name = "TENDER_"
    for character in key {
      if character == "." {
        name.append("_")
      } else {
        if character.isUppercase { name.append("_") }
        name.append(character.uppercased())
      }
    }
    return name
  }
}

/// A setting is missing or wrong. The message says which and what to do, never a secret's value.
package struct SettingsError: Error, Sendable, CustomStringConvertible {
  package let description: String

  package init(_ description: String) {
    self.description = description
  }
}
