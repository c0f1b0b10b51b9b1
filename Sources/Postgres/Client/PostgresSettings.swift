import CPostgres

/// A password that does not print.
package struct PostgresPassword: Sendable, CustomStringConvertible, CustomReflectable {
  let text: String

  package init(_ text: String) {
    self.text = text
  }

  package var description: String { "(password)" }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// A NOTICE or WARNING of the server. The text may quote values: log the code, not the text.
package struct PostgresNotice: Sendable {
  package let severity: String
  package let sqlState: SQLState
  package let text: String
}

/// Where the database is and how much of it this process may use.
package struct PostgresSettings: Sendable {
  package enum Address: Sendable, Hashable {
    /// A Unix socket in this directory.
    case socket(directory: String, port: Int)
    /// A numeric address. Names are refused: looking one up would block the loop.
    case tcp(address: String, port: Int)
  }

  package enum TLS: Sendable, Hashable {
    case disabled
    /// The chain must end in this file's CA and the certificate must carry `serverName`.
    case verified(rootCertificate: String, serverName: String)
  }

  package var address: Address
  package var database: String
  package var user: String
  package var password: PostgresPassword?
  package var tls = TLS.disabled
  package var applicationName = "tender"

  /// Connections for single statements.
  package var pipelinedConnections = 2
  /// Connections for transactions kept open, and at most.
  package var pooledConnectionsMin = 1
  package var pooledConnectionsMax = 8
  /// Callers that may wait for a pooled connection; the next one gets `.queueFull`.
  package var poolWaitersMax = 512
  /// Statements out on one pipelined connection; with all at their limit: `.queueFull`.
  package var pipelineDepthMax = 1_024
  /// Statements prepared on one connection; the longest unused go first.
  package var preparedStatementsMax = 256

  package var connectTimeout = Duration.seconds(5)
  /// How long a statement waits for a connection, where no deadline is nearer.
  package var connectionWaitMax = Duration.seconds(2)
  /// The server ends any statement after this.
  package var statementTimeout = Duration.seconds(10)
  /// Locks waited for in a pipeline, where others wait behind.
  package var pipelinedLockTimeout = Duration.milliseconds(50)
  package var pooledLockTimeout = Duration.seconds(5)
  /// The server ends a transaction that its client left alone.
  package var idleInTransactionTimeout = Duration.seconds(30)
  /// Beyond a statement's own limit, until its connection counts as dead.
  package var answerGrace = Duration.milliseconds(500)
  /// Tries of one transaction after 40001 or 40P01.
  package var transactionTriesMax = 5
  package var shutdownLimit = Duration.seconds(5)

  /// Called on the loop; must not block.
  package var onNotice: (@Sendable (PostgresNotice) -> Void)?

  package init(
    address: Address,
    database: String,
    user: String,
    password: PostgresPassword? = nil
  ) {
    self.address = address
    self.database = database
    self.user = user
    self.password = password
  }

  /// What this client may take of the server's `max_connections`.
  package var connectionBudget: Int { pipelinedConnections + pooledConnectionsMax }

  /// The same server and limits, another database or role.
  package func with(
    database: String? = nil,
    user: String? = nil,
    password: PostgresPassword? = nil
  ) -> PostgresSettings {
    var copy = self
    copy.database = database ?? self.database
    if let user {
      copy.user = user
      copy.password = password
    } else if let password {
      copy.password = password
    }
    return copy
  }
}

extension PostgresSettings {
  /// Reads libpq's `key=value` form or a `postgresql://` address.
  /// - Throws: `.misuse` if it is malformed or names a host instead of an address or a directory.
  package init(conninfo: String) throws(PostgresError) {
    let values = try Self.parse(conninfo)
    let port = values["port"].flatMap { Int($0) } ?? 5432
    let host = values["hostaddr"] ?? values["host"] ?? ""
    let address: Address
    if host.hasPrefix("/") {
      address = .socket(directory: host, port: port)
    } else if Self.isNumericAddress(host) {
      address = .tcp(address: host, port: port)
    } else {
      throw PostgresError(.misuse, "the database's host must be an address or a socket directory")
    }
    let user = values["user"] ?? "postgres"
    self.init(
      address: address,
      database: values["dbname"] ?? user,
      user: user,
      password: values["password"].map { PostgresPassword($0) }
    )
    if let root = values["sslrootcert"], values["sslmode"] == "verify-full" {
      tls = .verified(rootCertificate: root, serverName: values["host"] ?? host)
    }
  }

  private static func parse(_ conninfo: String) throws(PostgresError) -> [String: String] {
    // libpq's own message may quote the password: it is not passed on.
    guard let options = PQconninfoParse(conninfo, nil) else {
      throw PostgresError(.misuse, "the connection string is malformed")
    }
    defer { PQconninfoFree(options) }
    var values: [String: String] = [:]
    var option = options
    while let keyword = option.pointee.keyword {
      if let value = option.pointee.val {
        values[String(cString: keyword)] = String(cString: value)
      }
      option += 1
    }
    return values
  }

  private static func isNumericAddress(_ host: String) -> Bool {
    if host.contains(":") { return host.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." } }
    let parts = host.split(separator: ".", omittingEmptySubsequences: false)
    return parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
  }
}
