import ArgumentParser
import Money

/// Measures the running deployment.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure the running deployment, and what it is made of.",
    subcommands: [
      BenchPayments.self, BenchFailover.self, BenchCalls.self, BenchPostgres.self, BenchLedger.self,
      BenchRecon.self,
    ])
}

struct BenchPayments: Command {
  static let configuration = CommandConfiguration(
    commandName: "payments", abstract: "Durable payments at a fixed rate, outboxes drained.",
    discussion: """
      With --fault-percent the same load runs twice, in turns: without faults, and while the first \
      test gateway answers 500, says nothing, cuts connections, is late or sends half an answer, \
      having acted or not. The figures with faults stand beside those without.
      """)
  static let rateMax = 5_000
  static let faultPercentMax = 50
  static let roundsMax = 20
  static let roundsDefault = 3

  @OptionGroup var common: CommonOptions
  @Option(help: "Payments a second.") var rate = 200
  @Option(help: "How long.") var seconds = 60
  @Option(help: "A registered method, by alias or tok_ id.") var method = "card_visa"
  @Option(help: "In turns with loads in which so many percent of authorisations meet a fault.")
  var faultPercent = 0
  @Option(help: "With faults: how often they take turns (3); --seconds is the time of each in all.")
  var rounds: Int?
  @Option(help: "With faults: what they are drawn by (1).") var seed: UInt64?

  func perform(_ output: Output) async throws -> ExitStatus {
    guard faultPercent != 0 || rounds == nil && seed == nil else {
      throw Failure(
        "--rounds and --seed are about faults, and there are none",
        next: "leave them out, or say --fault-percent too", status: .usage)
    }
    let rounds = rounds ?? Self.roundsDefault
    guard (1...Self.rateMax).contains(rate), (1...3600).contains(seconds),
      (0...Self.faultPercentMax).contains(faultPercent), (1...Self.roundsMax).contains(rounds),
      faultPercent == 0 || seconds % rounds == 0
    else {
      throw Failure(
        "--rate is 1 to \(Self.rateMax), --seconds 1 to 3600, --fault-percent 0 to "
          + "\(Self.faultPercentMax), --rounds 1 to \(Self.roundsMax) and a divisor of --seconds",
        next: "", status: .usage)
    }
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      let bench = PaymentsBench(
        reads: Reads(session: session, merchant: session.merchant),
        method: try await MethodAlias.resolve(method, session), rate: rate, seconds: seconds,
        faultPercent: faultPercent, rounds: rounds, seed: seed ?? 1)
      return try await bench.run(output)
    }
    try output.result(rows) { Measurement.table(rows) }
    return .succeeded
  }
}

struct BenchFailover: Command {
  static let configuration = CommandConfiguration(
    commandName: "failover",
    abstract: "How long payers wait while the first gateway is away, and after it has come back.",
    discussion: """
      Breaks the first test gateway in each of its ways, asks for payments that can go to both, and \
      repairs it. Nothing else should be asked of the deployment meanwhile.
      """)
  static let paymentsMax = 1_000

  @OptionGroup var common: CommonOptions
  @Option(help: "Payments for each way to fail.") var payments = 60
  @Option(help: "Callers at once.") var callers = 6

  func perform(_ output: Output) async throws -> ExitStatus {
    guard (10...Self.paymentsMax).contains(payments), (1...64).contains(callers) else {
      throw Failure(
        "--payments is 10 to \(Self.paymentsMax), --callers 1 to 64", next: "", status: .usage)
    }
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      try await FailoverBench(
        session: session, simulator: try SimulatorControl(session.checkout),
        method: try await MethodAlias.resolve(FailoverBench.alias, session), payments: payments,
        callers: callers
      ).run(output)
    }
    try output.result(rows) { Measurement.table(rows) }
    return .succeeded
  }
}

struct BenchCalls: Command {
  static let configuration = CommandConfiguration(
    commandName: "rpc", abstract: "CPU of a unary call, 32 in flight.")

  @OptionGroup var common: CommonOptions
  @Option(help: "How long each of the rounds takes.") var seconds = 5
  @Option(help: "How often it takes turns with the reference.") var rounds = 3
  @Option(help: "The executable of Tests/TransportBench/reference.") var reference: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    guard (1...600).contains(seconds), (1...20).contains(rounds) else {
      throw Failure("--seconds is 1 to 600, --rounds 1 to 20", next: "", status: .usage)
    }
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      let reads = Reads(session: session, merchant: session.merchant)
      return try await CallsBench(
        reads: reads, seconds: seconds, rounds: rounds, reference: reference
      ).run(output)
    }
    try output.result(rows) { Measurement.table(rows) }
    return .succeeded
  }
}

struct BenchPostgres: Command {
  static let configuration = CommandConfiguration(
    commandName: "postgres",
    abstract: "The database client, pipelined and pooled, in turns with pgbench.")

  @OptionGroup var common: CommonOptions
  @Option(help: "How long each of the runs in a round takes.") var seconds = 3
  @Option(help: "How often they take turns.") var rounds = 3
  @Option(help: "Another server: libpq's key=value form, a superuser without password.")
  var server: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    guard (1...60).contains(seconds), (1...20).contains(rounds) else {
      throw Failure("--seconds is 1 to 60, --rounds 1 to 20", next: "", status: .usage)
    }
    let database =
      if let server {
        try await BenchDatabase.ofServer(server)
      } else {
        try BenchDatabase.ofCheckout(try Checkout.find())
      }
    let rows = try await PostgresBench(database: database, seconds: seconds, rounds: rounds)
      .run(output)
    try output.result(rows) { Measurement.table(rows) }
    return .succeeded
  }
}

struct BenchLedger: Command {
  static let configuration = CommandConfiguration(
    commandName: "ledger",
    abstract: "Postings through RPC in turns with pgbench's TPC-B; the books at size.",
    discussion: """
      The postings are for a test merchant of its own in the deployment's books, and stay. Then \
      captures of a year are loaded into books of its own, which go: what they take on disk, and \
      what partitions cost; balances at an instant of an account with a leg of each; the whole \
      proof; 1, 2 and 4 processes of the ledger in turns. --whole needs some 25 GB on disk and most \
      of an hour; what an interrupted bench leaves, the next one removes.
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "How long each of the runs in a round takes.") var seconds = 4
  @Option(help: "How often they take turns.") var rounds = 3
  @Option(help: "Captures that are loaded (200,000).") var scale: Int?
  @Flag(help: "Load 10 million captures.") var whole = false

  func perform(_ output: Output) async throws -> ExitStatus {
    let scale = scale ?? (whole ? BooksBench.scaleWhole : BooksBench.scaleDefault)
    guard (1...60).contains(seconds), (1...20).contains(rounds),
      BooksBench.scales.contains(scale), !whole || self.scale == nil
    else {
      throw Failure(
        "--seconds is 1 to 60, --rounds 1 to 20, --scale \(BooksBench.scales.lowerBound) to "
          + "\(BooksBench.scales.upperBound) and not beside --whole", next: "", status: .usage)
    }
    let checkout = try Checkout.find()
    let rows = try await ServiceSession.with(checkout) { session in
      guard let cluster = try Cluster.load(checkout) else {
        throw Failure("no cluster is set up in \(checkout.root)", next: "run deploy/up")
      }
      let bench = LedgerBench(
        reads: Reads(session: session, merchant: session.merchant),
        database: try BenchDatabase.ofCheckout(checkout),
        merchant: MerchantID.generate(milliseconds: MonotonicClock.wallMilliseconds),
        seconds: seconds, rounds: rounds)
      let books = BooksBench(
        poster: bench,
        deployment: Deployment(
          checkout: checkout, cluster: cluster, endpoints: try Endpoints.load(checkout)),
        scale: scale)
      return try await bench.run(output) + books.run(output)
    }
    try output.result(rows) { Measurement.table(rows) }
    return .succeeded
  }
}

struct BenchRecon: Command {
  static let configuration = CommandConfiguration(
    commandName: "recon",
    abstract: "A report of so many lines against as many captures, imported and compared by RPC.",
    discussion: """
      In test books of its own, which stay. Files have 40,000 lines each, or --whole is one report \
      in parts. One line in a thousand has another amount than the books, and one is not booked. \
      With --fees each line has a fee, which the run books: as many transactions as lines.
      """)

  @OptionGroup var common: CommonOptions
  @Option(help: "Lines, and captures booked before.") var lines = 100_000
  @Flag(help: "Each line has a fee.") var fees = false
  @Flag(help: "One report in parts.") var whole = false

  func perform(_ output: Output) async throws -> ExitStatus {
    guard (1_000...ReconBench.linesMax).contains(lines) else {
      throw Failure("--lines is 1000 to \(ReconBench.linesMax)", next: "", status: .usage)
    }
    let checkout = try Checkout.find()
    guard let cluster = try Cluster.load(checkout) else {
      throw Failure("no cluster is set up in \(checkout.root)", next: "run deploy/up")
    }
    let rows = try await ServiceSession.with(checkout) { session in
      try await ReconBench(
        reads: Reads(session: session, merchant: session.merchant),
        merchant: MerchantID.generate(milliseconds: MonotonicClock.wallMilliseconds),
        account: ReconBench.freshAccount(), lines: lines, hasFees: fees, isOneReport: whole,
        sessions: DatabaseSessions(cluster: cluster, checkout: checkout)
      ).run(output)
    }
    try output.result(rows) { Measurement.table(rows) }
    return .succeeded
  }
}
