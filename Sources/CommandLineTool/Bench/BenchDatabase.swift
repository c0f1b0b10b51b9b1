import Postgres

/// A database that exists for one bench: pgbench's tables, on the deployment's cluster or on a
/// server that is named.
struct BenchDatabase: Sendable {
  static let name = "tender_bench"
  /// 100,000 accounts each.
  static let scale = 5
  static let accountsPerScale = 100_000

  /// As a superuser; its database is replaced by `name`.
  let settings: PostgresSettings
  /// Where psql and pgbench are.
  let programs: String
  /// libpq's variables; a password never becomes an argument.
  let environment: [String: String]

  static func ofCheckout(_ checkout: Checkout) throws -> BenchDatabase {
    guard let cluster = try Cluster.load(checkout) else {
      throw Failure("no cluster is set up in \(checkout.root)", next: "run deploy/up")
    }
    let settings = PostgresSettings(
      address: .socket(directory: cluster.socketDirectory, port: Int(cluster.port)),
      database: name, user: Cluster.superuser,
      password: PostgresPassword(try checkout.makeSecret(Cluster.superuser)))
    return BenchDatabase(
      settings: settings, programs: cluster.programs, environment: cluster.environment(checkout))
  }

  /// - Parameter conninfo: of a superuser that needs no password.
  static func ofServer(_ conninfo: String) async throws -> BenchDatabase {
    let settings: PostgresSettings
    do {
      settings = try PostgresSettings(conninfo: conninfo).with(database: name)
    } catch {
      throw Failure("--server: \(error.message)", next: "", status: .usage)
    }
    let (host, port) =
      switch settings.address {
      case .socket(let directory, let port): (directory, port)
      case .tcp(let address, let port): (address, port)
      }
    let programs = try await Shell.check("asking pg_config", "pg_config", ["--bindir"])
      .filter { !$0.isNewline }
    return BenchDatabase(
      settings: settings, programs: programs,
      environment: ["PGHOST": host, "PGPORT": String(port), "PGUSER": settings.user])
  }

  /// Makes the tables, runs `body`, and removes them.
  func with<Result>(_ body: () async throws -> Result) async throws -> Result {
    try await sql("drop database if exists \(Self.name)")
    try await sql("create database \(Self.name)")
    do {
      try await pgbench("making the tables", ["-i", "-q", "-s", String(Self.scale)])
      let result = try await body()
      try await sql("drop database \(Self.name) with (force)")
      return result
    } catch {
      try await sql("drop database if exists \(Self.name) with (force)")
      throw error
    }
  }

  @discardableResult
  func pgbench(_ what: String, _ arguments: [String]) async throws -> String {
    try await Shell.check(
      what, programs + "/pgbench", arguments + [Self.name], environment: environment,
      directory: "/")
  }

  /// Transactions a second of one run of pgbench, without the time to connect.
  func transactionRate(_ arguments: [String]) async throws -> Double {
    let output = try await pgbench("pgbench", arguments)
    for line in output.split(whereSeparator: \.isNewline) where line.hasPrefix("tps = ") {
      if let rate = Double(line.dropFirst(6).prefix { $0.isNumber || $0 == "." }) { return rate }
    }
    throw Failure("pgbench printed no rate", next: "")
  }

  /// Bytes of the deployment's books, indexes included, and how many transactions they hold.
  func ledgerSize() async throws -> (bytes: Int64, transactions: Int64) {
    let text = try await sql(
      """
      select coalesce(sum(pg_total_relation_size(oid)), 0)::bigint from pg_class
        where relnamespace = 'ledger'::regnamespace and relkind = 'r';
      select coalesce(sum(transactions), 0) from ledger.batch
      """, in: Cluster.database)
    let numbers = text.split(whereSeparator: \.isWhitespace).compactMap { Int64($0) }
    guard numbers.count == 2 else {
      throw Failure("the books' size is not known: psql printed no two numbers", next: "")
    }
    return (numbers[0], numbers[1])
  }

  @discardableResult
  func sql(_ text: String, in database: String = "postgres") async throws -> String {
    try await psql(["-c", text], in: database)
  }

  /// Statement by statement, with psql's own commands.
  @discardableResult
  func script(_ text: String, in database: String) async throws -> String {
    try await psql(["-f", "-"], in: database, input: text)
  }

  private func psql(
    _ arguments: [String], in database: String, input: String = ""
  ) async throws -> String {
    try await Shell.check(
      "a statement of the bench", programs + "/psql",
      ["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database] + arguments,
      environment: environment, directory: "/", input: input)
  }
}
