package import Configuration
package import Postgres

/// The database's settings as the client wants them.
package enum DatabaseSettings {
  package static func read(
    _ config: ConfigReader, user: String, passwordKey: String
  ) throws(SettingsError) -> PostgresSettings {
    let port = try ServiceSettings.integer(
      config, "postgres.port", default: 5432, in: 1...65_535)
    let address: PostgresSettings.Address
    if let directory = config.string(forKey: "postgres.socketDirectory") {
      address = .socket(directory: directory, port: port)
    } else if let host = config.string(forKey: "postgres.host") {
      address = .tcp(address: host, port: port)
    } else {
      throw SettingsError(
        "The setting `postgres.socketDirectory` or `postgres.host` (a numeric address) is missing.")
    }
    let passwordFile = try ServiceSettings.required(
      config, passwordKey, "the file with the password of role \(user)")
    var settings = PostgresSettings(
      address: address, database: config.string(forKey: "postgres.database", default: "tender"),
      user: user, password: PostgresPassword(try SettingsFile.secret(passwordFile)))
    settings.pooledConnectionsMax = try ServiceSettings.integer(
      config, "postgres.connections", default: 24, in: 1...100)
    settings.applicationName = user
    return settings
  }
}
