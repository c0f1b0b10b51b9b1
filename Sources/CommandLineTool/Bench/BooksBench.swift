import GRPCCore
import Histogram
import Money
import Reactor
import Wire

/// Books at size, in databases of their own that go with the bench: what they take on disk, what
/// partitions cost, balances at an instant through RPC, the proof, and several processes of the
/// ledger on them.
struct BooksBench: Sendable {
  static let scaleDefault = 200_000
  static let scaleWhole = 10_000_000
  static let scales = 20_000...20_000_000
  /// The two ways to keep the tables take turns that often while they are loaded.
  static let turns = 20
  /// What `BooksLoad` books with one commit.
  static let batch = 1_000
  static let balanceCalls = 400
  /// Of these, the first are compared with the sum over the entries.
  static let balanceChecks = 3
  /// A page of the proof may sum an account's entries.
  static let callLimit: Duration = .seconds(60)
  static let dayMilliseconds: Int64 = 86_400_000
  static let replicaCounts = [1, 2, 4]
  static let shapes = [
    LedgerBench.Shape(name: "1,000 a call, 4 callers", callers: 4, perCall: 1_000, isHot: false),
    LedgerBench.Shape.single,
  ]

  /// Which times an instant is asked by.
  enum AsOf: String, CaseIterable, Sendable {
    case recorded = "as of a recorded time"
    case effective = "as of an effective time"
    case both = "as of both times"
  }

  /// Posts to whatever it is given.
  let poster: LedgerBench
  let deployment: Deployment
  /// Captures that are loaded.
  let scale: Int

  private var session: ServiceSession { poster.reads.session }
  private var chunk: Int {
    (scale + Self.turns * Self.batch - 1) / (Self.turns * Self.batch) * Self.batch
  }
  private var total: Int { chunk * Self.turns }

  func run(_ output: Output) async throws -> [Measurement] {
    let books = BooksDatabase(
      name: "tender_bench_books", isPartitioned: true, database: poster.database,
      deployment: deployment)
    let plain = BooksDatabase(
      name: "tender_bench_plain", isPartitioned: false, database: poster.database,
      deployment: deployment)
    do {
      let rows = try await measure(books, plain, output)
      try await books.drop()
      return rows
    } catch {
      try await books.drop()
      try await plain.drop()
      throw error
    }
  }

  private func measure(
    _ books: BooksDatabase, _ plain: BooksDatabase, _ output: Output
  ) async throws -> [Measurement] {
    try await books.make()
    try await plain.make()
    let replicas = LedgerReplicas(
      session: session, deployment: deployment, database: books.name,
      count: Self.replicaCounts.max() ?? 1)
    // Started on empty books: the daily proof is then over before anything is measured.
    return try await replicas.with { clients in
      do {
        let end = MonotonicClock.wallMilliseconds / 1000 * 1000
        let start = end - 365 * Self.dayMilliseconds
        var rows = try await load(books, plain, from: start, to: end, output)
        rows += try await balances(books, clients[0], from: start, to: end, output)
        rows += try await proof(clients[0], output)
        rows += try await inTurns(clients, output)
        return rows
      } catch let error as RPCError {
        throw CallFailure(.ledger, error)
      }
    }
  }

  // MARK: Size, and partitions

  private func load(
    _ books: BooksDatabase, _ plain: BooksDatabase, from start: Int64, to end: Int64,
    _ output: Output
  ) async throws -> [Measurement] {
    var loads: [[BooksDatabase.Load]] = [[], []]
    for turn in 0..<Self.turns {
      output.line("loading: \(turn * chunk) of \(total) captures")
      // Who goes first changes with the turn.
      for place in turn % 2 == 0 ? [0, 1] : [1, 0] {
        loads[place].append(
          try await [books, plain][place].load(
            turn * chunk..<(turn + 1) * chunk, of: total, for: poster.merchant,
            from: start / 1000, to: end / 1000))
      }
    }
    let (size, plainSize) = (try await books.size(), try await plain.size())
    // It has told all it can, and takes as much room again.
    try await plain.drop()
    let count = Double(total)
    func rates(_ place: Int) -> [Double] { loads[place].map { Double(chunk) / $0.seconds } }
    func wal(_ place: Int) -> Double { loads[place].reduce(0) { $0 + $1.walBytes } / count }
    func bytes(_ name: String, _ value: Double, _ reference: Double) -> Measurement {
      Measurement(
        name: "books, \(name)", value: value, unit: "bytes/transaction", reference: reference)
    }
    let base = PostgresBench.median(rates(1))
    let ratio = PostgresBench.median(zip(rates(0), rates(1)).map { $0 / $1 })
    return [
      Measurement(name: "books, transactions", value: count, unit: ""),
      Measurement(
        name: "books, size", value: (size.heap + size.indexes) / 1_048_576, unit: "MiB",
        reference: (plainSize.heap + plainSize.indexes) / 1_048_576),
      bytes("heap", size.heap / count, plainSize.heap / count),
      bytes("indexes", size.indexes / count, plainSize.indexes / count),
      bytes("WAL", wal(0), wal(1)),
      // The reference in all of these: tables that are not partitioned.
      Measurement(
        name: "books, loaded", value: ratio * base, unit: "transactions/s", reference: base,
        bar: 0.9, aim: 1),
    ]
  }

  // MARK: Balances at an instant

  private func balances(
    _ books: BooksDatabase, _ client: ServiceSession.Client, from start: Int64, to end: Int64,
    _ output: Output
  ) async throws -> [Measurement] {
    var rows = [Measurement(name: "entries of the account", value: Double(total), unit: "")]
    var wrong = 0
    for asOf in AsOf.allCases {
      output.line("balances \(asOf.rawValue)")
      var latencies = Histogram<UInt32>(highestTrackableValue: 600_000_000)
      for call in 0..<Self.balanceCalls {
        let recorded = asOf == .effective ? nil : Int64.random(in: start...end)
        let effective = asOf == .recorded ? nil : Int64.random(in: start...end)
        let sent = MonotonicClock.microseconds
        let answer = try await balance(recorded, effective, client)
        _ = latencies.record(UInt64(max(1, MonotonicClock.microseconds - sent)))
        guard call < Self.balanceChecks else { continue }
        let sums = try await books.sums(
          of: BooksLoad.account, recorded: recorded, effective: effective)
        if answer.debitsPostedMinor != sums.debitsMinor
          || answer.creditsPostedMinor != sums.creditsMinor
        {
          wrong += 1
        }
      }
      for percentile in [50.0, 99] {
        rows.append(
          Measurement(
            name: "\(asOf.rawValue), p\(Int(percentile))",
            value: Double(latencies.valueAtPercentile(percentile)) / 1000, unit: "ms", bar: 10))
      }
    }
    rows.append(Measurement(name: "wrong balances", value: Double(wrong), unit: "", bar: 0))
    return rows
  }

  private func balance(
    _ recorded: Int64?, _ effective: Int64?, _ client: ServiceSession.Client
  ) async throws -> LedgerV1.Account {
    func instant(_ milliseconds: Int64?) -> GoogleProtobuf.Timestamp? {
      milliseconds.map { GoogleProtobuf.Timestamp(Timestamp(milliseconds: $0)) }
    }
    let request = LedgerV1.GetBalanceRequest(
      accountCode: BooksLoad.account, currency: "EUR", asOfRecorded: instant(recorded),
      asOfEffective: instant(effective))
    let answer = try await bounded {
      try await LedgerV1.LedgerHistory.Client(wrapping: client)
        .getBalance(request, metadata: CallKeys.metadata(merchant: poster.merchant))
    }
    guard let account = answer.account else {
      throw Failure("ledger answered without the account", next: "see its log")
    }
    return account
  }

  // MARK: Proof

  private func proof(
    _ client: ServiceSession.Client, _ output: Output
  ) async throws -> [Measurement] {
    output.line("verifying the chain, and balances")
    let proof = LedgerV1.LedgerProof.Client(wrapping: client)
    let start = MonotonicClock.microseconds
    var (findings, transactions, token) = (0, 0, "")
    repeat {
      let page = try await bounded { [token] in
        try await proof.verifyLedger(LedgerV1.VerifyLedgerRequest(pageToken: token))
      }
      findings += page.findings.count
      transactions += Int(page.transactions)
      token = page.nextPageToken
    } while !token.isEmpty
    let seconds = Double(MonotonicClock.microseconds - start) / 1e6
    repeat {
      let page = try await bounded { [token] in
        try await proof.checkDrift(LedgerV1.CheckDriftRequest(pageToken: token))
      }
      findings += page.findings.count
      token = page.nextPageToken
    } while !token.isEmpty
    return [
      Measurement(
        name: "chain, verified", value: Double(transactions) / seconds, unit: "transactions/s"),
      Measurement(
        name: "chain, not verified", value: Double(abs(total - transactions)), unit: "", bar: 0),
      Measurement(
        name: "findings of chain and drift", value: Double(findings), unit: "", bar: 0),
    ]
  }

  private func bounded<Answer: Sendable>(
    _ body: @Sendable () async throws -> Answer
  ) async throws -> Answer {
    try await Deadline.$current.withValue(.after(Self.callLimit), operation: body)
  }

  // MARK: Replicas

  private func inTurns(
    _ clients: [ServiceSession.Client], _ output: Output
  ) async throws -> [Measurement] {
    let counts = Self.replicaCounts.filter { $0 <= clients.count }
    var runs: [LedgerBench.Shape: [Int: [Double]]] = [:]
    for shape in Self.shapes {
      _ = try await poster.load(
        shape, milliseconds: LedgerBench.warmUpMilliseconds, clients)
    }
    for round in 1...poster.rounds {
      output.line("replicas, round \(round) of \(poster.rounds)")
      for shape in Self.shapes {
        for count in counts {
          let run = try await Deadline.$current.withValue(.after(LedgerBench.callLimit)) {
            try await poster.load(
              shape, milliseconds: Int64(poster.seconds) * 1000, Array(clients.prefix(count)))
          }
          runs[shape, default: [:]][count, default: []].append(run.rate)
        }
      }
    }
    var rows: [Measurement] = []
    for shape in Self.shapes {
      let single = runs[shape]?[1] ?? []
      let base = PostgresBench.median(single)
      rows.append(
        Measurement(name: "\(shape.name), 1 replica", value: base, unit: "transactions/s"))
      for count in counts where count > 1 {
        // Each round by its own run with one: the machine changes between rounds.
        let ratio = PostgresBench.median(
          zip(runs[shape]?[count] ?? [], single).map { $0 / $1 })
        rows.append(
          Measurement(
            name: "\(shape.name), \(count) replicas", value: ratio * base, unit: "transactions/s",
            reference: base, bar: 0.8, aim: 1))
      }
    }
    return rows
  }
}
