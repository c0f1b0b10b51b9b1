import Reactor

/// What a connection is for; decides its time limits on the server.
enum ConnectionKind {
  case pipelined
  case pooled
  /// Runs scripts: migrations and tools.
  case script
}

extension PostgresSettings {
  /// libpq's keywords and values for one connection.
  func parameters(for kind: ConnectionKind) -> [(String, String)] {
    var list: [(String, String)] = [
      ("dbname", database), ("user", user), ("application_name", applicationName),
      ("client_encoding", "UTF8"), ("gssencmode", "disable"), ("options", options(for: kind)),
      ("keepalives_idle", "30"), ("keepalives_interval", "10"), ("keepalives_count", "3"),
    ]
    if let password { list.append(("password", password.text)) }
    switch address {
    case .socket(let directory, let port):
      list += [("host", directory), ("port", String(port)), ("sslmode", "disable")]
    case .tcp(let address, let port):
      list += [("hostaddr", address), ("port", String(port))]
      switch tls {
      case .disabled: list.append(("sslmode", "disable"))
      case .verified(let rootCertificate, let serverName):
        list += [
          ("sslmode", "verify-full"), ("sslrootcert", rootCertificate), ("host", serverName),
        ]
      }
    }
    return list
  }

  private func options(for kind: ConnectionKind) -> String {
    var settings = ["jit=off", "TimeZone=UTC", "client_min_messages=warning"]
    switch kind {
    case .pipelined:
      settings.append("lock_timeout=\(pipelinedLockTimeout.milliseconds)")
      settings.append("statement_timeout=\(statementTimeout.milliseconds)")
    case .pooled:
      settings.append("lock_timeout=\(pooledLockTimeout.milliseconds)")
      settings.append("statement_timeout=\(statementTimeout.milliseconds)")
      settings.append(
        "idle_in_transaction_session_timeout=\(idleInTransactionTimeout.milliseconds)"
      )
    case .script: break
    }
    return settings.map { "-c " + $0 }.joined(separator: " ")
  }
}

extension Duration {
  /// For PostgreSQL's settings, where 0 would mean "no limit".
  var milliseconds: Int64 { max(1, wholeMillisecondsRoundedUp) }
}
