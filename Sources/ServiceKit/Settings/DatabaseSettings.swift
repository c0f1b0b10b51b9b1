package import Configuration
package import Postgres

/// The database's settings as the client wants them.
package enum DatabaseSettings {
  package static func read(
    _ config: ConfigReader, user: String, passwordKey: String
  ) throws(SettingsError) -> PostgresSettings {
    let port = config.int(forKey: "postgres.port", default: 5432)
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
    settings.pooledConnectionsMax = config.int(forKey: "postgres.connections", default: 8)
    settings.applicationName = user
    return settings
  }
}
