import Glibc

/// The private PostgreSQL cluster of one checkout: where it is and how it is run. Written to
/// `.tender/cluster.json` before anything is made, so that `down --purge` finds half-made ones.
struct Cluster: Codable, Sendable, Equatable {
  static let database = "tender"
  static let superuser = "postgres"
  /// Debian's account for the server: PostgreSQL refuses to run as root.
  static let serverAccount = "postgres"
  static let rootFolder = "/var/lib/tender"
  /// A socket's path ends at 107 bytes; its name takes up to 16 of them.
  static let socketFolderLimitBytes = 90
  static let conventionalPort: UInt16 = 5432

  /// The checkout's path when this was written: a copy must not run its original's cluster.
  var checkout: String
  /// Folder of everything of the cluster's: `data` and, as root, the sockets.
  var folder: String
  var socketDirectory: String
  var port: UInt16
  /// The account the server runs as, or nil for the user's own.
  var account: String?
  var programs: String

  var data: String { folder + "/data" }

  /// The recorded cluster, or a new record; its folder is not made yet.
  static func find(_ checkout: Checkout, port: UInt16) async throws -> Cluster {
    let programs = try await binaries()
    guard var kept = try load(checkout) else {
      let asRoot = Users.isRoot
      let folder = asRoot ? "\(rootFolder)/\(checkout.hash)" : checkout.home + "/postgres"
      let sockets = folder + "/sockets"
      return Cluster(
        checkout: checkout.root, folder: folder,
        socketDirectory: sockets.utf8.count <= socketFolderLimitBytes
          ? sockets : "/tmp/tender-\(geteuid())-\(checkout.hash)",
        port: port, account: asRoot ? serverAccount : nil, programs: programs)
    }
    if kept.checkout != checkout.root {
      guard !Files.exists(kept.checkout + "/.tender/cluster.json") else {
        throw Failure(
          "\(checkout.home) is a copy of that of \(kept.checkout)",
          next: "remove \(checkout.home) and run deploy/up again")
      }
      if kept.folder.hasPrefix(kept.checkout + "/") {
        kept.folder = checkout.home + "/postgres"
        let sockets = kept.folder + "/sockets"
        kept.socketDirectory =
          sockets.utf8.count <= socketFolderLimitBytes
          ? sockets : "/tmp/tender-\(geteuid())-\(checkout.hash)"
      }
      kept.checkout = checkout.root
    }
    kept.programs = programs
    kept.port = port
    return kept
  }

  static func load(_ checkout: Checkout) throws -> Cluster? {
    guard let text = try Files.read(checkout.clusterFile) else { return nil }
    do {
      return try JSONText.decode(Cluster.self, from: text)
    } catch {
      throw Failure(
        "\(checkout.clusterFile) cannot be read", next: "restore it, or remove \(checkout.home)")
    }
  }

  func save(_ checkout: Checkout) throws {
    let text = try JSONText.encode(self, pretty: true) + "\n"
    if try Files.read(checkout.clusterFile) != text {
      try Files.write(text, to: checkout.clusterFile)
    }
  }

  private static func binaries() async throws -> String {
    let path = try await Shell.check("asking pg_config", "pg_config", ["--bindir"])
      .filter { !$0.isNewline }
    guard Files.exists(path + "/initdb") else {
      throw Failure("there is no PostgreSQL server in \(path)", next: "run deploy/up")
    }
    return path
  }

  // MARK: - Making it

  /// Makes the cluster where it is missing. A run that was interrupted leaves `data.new`, which
  /// the next one removes.
  /// - Returns: what was done, for people.
  func create(_ checkout: Checkout) async throws -> String {
    try checkout.makeSecret(Self.superuser)
    try save(checkout)
    try await makeFolders()
    guard !(try await hasData()) else { return "there" }
    let new = folder + "/data.new"
    try await check("removing a half-made cluster", "rm", ["-rf", new])
    let password = folder + "/password"
    try await check(
      "handing over the password", "sh", ["-c", "umask 077; cat >'\(password)'"],
      input: try checkout.makeSecret(Self.superuser) + "\n")
    try await check(
      "making the cluster", programs + "/initdb",
      [
        "-D", new, "--username=\(Self.superuser)", "--auth=scram-sha-256", "--data-checksums",
        "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions", "--pwfile=\(password)",
      ])
    try await check("removing the password's copy", "rm", ["-f", password])
    try await check(
      "naming its settings", "tee", ["-a", new + "/postgresql.conf"],
      input: "\ninclude = 'tender.conf'\n")
    try await check("finishing the cluster", "mv", [new, data])
    return "made in \(folder)"
  }

  private func hasData() async throws -> Bool {
    try await Shell.run("test", ["-e", data + "/PG_VERSION"]).succeeded
  }

  private func makeFolders() async throws {
    guard let account else {
      try Files.makeFolder(folder)
      try Files.makeFolder(socketDirectory)
      guard Files.owner(socketDirectory) == geteuid() else {
        throw Failure(
          "\(socketDirectory) is not yours", next: "have its owner or root remove it")
      }
      return
    }
    guard let ids = Users.ids(account) else {
      throw Failure("there is no account '\(account)'", next: "install postgresql-15")
    }
    try Files.makeFolder(Self.rootFolder, mode: 0o755)
    for path in [folder, socketDirectory] {
      try Files.makeFolder(path)
      guard chown(path, ids.user, ids.group) == 0 else { throw Files.failure("cannot own \(path)") }
    }
  }

  /// Writes the settings file; true where it changed, which needs a restart of the server.
  @discardableResult
  func writeSettings(_ checkout: Checkout) async throws -> String {
    guard let common = try Files.read(checkout.root + "/deploy/postgres/local.conf") else {
      throw Failure("deploy/postgres/local.conf is missing", next: "restore it: git checkout")
    }
    let text = common + "port = \(port)\nunix_socket_directories = '\(socketDirectory)'\n"
    try await check("writing the settings", "tee", [data + "/tender.conf"], input: text)
    return text
  }

  /// Runs a program as the server's account, away from folders that it may not enter.
  private func check(
    _ what: String, _ program: String, _ arguments: [String], input: String = ""
  ) async throws {
    let command = asAccount([program] + arguments)
    try await Shell.check(
      what, command[0], Array(command.dropFirst()), directory: "/", input: input)
  }

  /// The command line that runs `command` as the server's account; it replaces itself, so that
  /// the process id stays.
  func asAccount(_ command: [String]) -> [String] {
    guard let account else { return command }
    return ["setpriv", "--reuid=\(account)", "--regid=\(account)", "--init-groups", "--"] + command
  }

  // MARK: - Speaking to it

  /// Runs SQL as the superuser through psql, stopping at the first error.
  @discardableResult
  func sql(_ text: String, database: String, _ checkout: Checkout) async throws -> String {
    let result = try await Shell.run(
      programs + "/psql",
      ["-XqAt", "-v", "ON_ERROR_STOP=1", "-d", database, "-f", "-"],
      environment: environment(checkout), directory: "/", input: text)
    guard result.succeeded else {
      throw Failure("PostgreSQL refused a statement", next: result.lastLine)
    }
    return result.output
  }

  /// Whether the server takes queries.
  func answers(_ checkout: Checkout) async throws -> Bool {
    try await Shell.run(
      programs + "/psql", ["-XqAt", "-d", "postgres", "-c", "select 1"],
      environment: environment(checkout), directory: "/"
    ).succeeded
  }

  /// libpq's variables for the superuser; the password never becomes an argument.
  func environment(_ checkout: Checkout) -> [String: String] {
    [
      "PGHOST": socketDirectory, "PGPORT": String(port), "PGUSER": Self.superuser,
      "PGPASSFILE": checkout.secret("pgpass"), "PGCONNECT_TIMEOUT": "5",
    ]
  }

  /// Removes the cluster; only folders that this tool makes.
  func purge(_ checkout: Checkout) async throws {
    let mine = [checkout.home + "/", Self.rootFolder + "/", "/tmp/tender-"]
    for path in [folder, socketDirectory] {
      guard mine.contains(where: { path.hasPrefix($0) && path.utf8.count > $0.utf8.count }),
        !path.split(separator: "/").contains("..")
      else {
        throw Failure(
          "\(checkout.clusterFile) names \(path)", next: "which is no folder of Tender's; fix it")
      }
      try await Shell.check("removing \(path)", "rm", ["-rf", "--", path], directory: "/")
    }
    // Stays while another checkout's cluster is in it.
    if account != nil { rmdir(Self.rootFolder) }
  }
}
