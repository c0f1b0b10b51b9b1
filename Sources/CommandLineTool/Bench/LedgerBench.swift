import GRPCCore
import Histogram
import Money
import Wire

/// Postings through RPC over mutual TLS, with every guard on, in turns with pgbench's TPC-B on the
/// same server. They belong to a test merchant made for the run.
struct LedgerBench: Sendable {
  static let accounts: UInt64 = 10_000
  static let warmUpMilliseconds: Int64 = 2_000
  static let callLimit: Duration = .seconds(600)
  /// One transaction of three updates, an insert and a read, as the notes have measured it.
  static let reference = ["-n", "-M", "prepared", "-c", "8", "-j", "2"]

  /// A way to post.
  struct Shape: Hashable, Sendable, CaseIterable {
    var name: String
    var callers: Int
    var perCall: Int
    /// One leg of every transaction on the same account.
    var isHot: Bool

    static let batch = Shape(name: "1,000 a call", callers: 2, perCall: 1_000, isHot: false)
    static let hotBatch = Shape(
      name: "1,000 a call, one hot account", callers: 2, perCall: 1_000, isHot: true)
    static let single = Shape(name: "1 a call, 64 callers", callers: 64, perCall: 1, isHot: false)
    static let hotSingle = Shape(
      name: "1 a call, 64 callers, one hot account", callers: 64, perCall: 1, isHot: true)
    static let allCases = [batch, hotBatch, single, hotSingle]
  }

  /// One run of a shape.
  struct Run: Sendable {
    var transactions = 0
    var seconds = 0.0
    var serverMicroseconds = 0.0
    var latencies = Histogram<UInt32>(highestTrackableValue: 600_000_000)

    var rate: Double { seconds > 0 ? Double(transactions) / seconds : 0 }
  }

  let reads: Reads
  let database: BenchDatabase
  let merchant: MerchantID
  let seconds: Int
  let rounds: Int

  func run(_ output: Output) async throws -> [Measurement] {
    try await database.with {
      output.line("warming up")
      _ = try await database.transactionRate(Self.reference + ["-T", "1"])
      for shape in Shape.allCases {
        _ = try await run(shape, milliseconds: Self.warmUpMilliseconds)
      }
      let before = try await database.ledgerSize()
      var references: [Double] = []
      var runs: [Shape: [Run]] = [:]
      for round in 1...rounds {
        output.line("round \(round) of \(rounds)")
        references.append(
          try await database.transactionRate(Self.reference + ["-T", String(seconds)]))
        for shape in Shape.allCases {
          runs[shape, default: []].append(
            try await run(shape, milliseconds: Int64(seconds) * 1000))
        }
      }
      let after = try await database.ledgerSize()
      return rows(
        runs, references,
        bytes: Double(after.bytes - before.bytes)
          / Double(max(1, after.transactions - before.transactions)))
    }
  }

  private func rows(
    _ runs: [Shape: [Run]], _ references: [Double], bytes: Double
  ) -> [Measurement] {
    let base = PostgresBench.median(references)
    var rows = [Measurement(name: "pgbench TPC-B", value: base, unit: "1/s")]
    func rates(_ shape: Shape) -> [Double] { (runs[shape] ?? []).map(\.rate) }
    // Each round by its own reference: the machine changes between rounds.
    for (shape, bar, aim) in [(Shape.batch, 4.0, 10.0), (.single, 1.5, 3)] {
      let ratio = PostgresBench.median(zip(rates(shape), references).map { $0 / $1 })
      rows.append(
        Measurement(
          name: shape.name, value: ratio * base, unit: "transactions/s", reference: base, bar: bar,
          aim: aim))
    }
    for (hot, uniform) in [(Shape.hotBatch, Shape.batch), (.hotSingle, .single)] {
      let against = PostgresBench.median(rates(uniform))
      let ratio = PostgresBench.median(zip(rates(hot), rates(uniform)).map { $0 / $1 })
      rows.append(
        Measurement(
          name: hot.name, value: ratio * against, unit: "transactions/s", reference: against,
          bar: 0.8, aim: 1))
    }
    for shape in Shape.allCases {
      let shapes = runs[shape] ?? []
      for percentile in [50.0, 99] {
        let values = shapes.map { Double($0.latencies.valueAtPercentile(percentile)) / 1000 }
        rows.append(
          Measurement(
            name: "\(shape.name), p\(Int(percentile))", value: PostgresBench.median(values),
            unit: "ms"))
      }
      let cpu = shapes.map { $0.serverMicroseconds / Double(max(1, $0.transactions)) }
      rows.append(
        Measurement(
          name: "\(shape.name), CPU of ledger", value: PostgresBench.median(cpu),
          unit: "µs/transaction"))
    }
    rows.append(Measurement(name: "size", value: bytes, unit: "bytes/transaction"))
    return rows
  }

  // MARK: One run

  private func run(_ shape: Shape, milliseconds: Int64) async throws -> Run {
    let cpu = try await reads.status(.ledger).cpuMicroseconds
    var run = try await reads.session.call(.ledger, as: .operator, within: Self.callLimit) {
      client in
      try await load(shape, milliseconds: milliseconds, [client])
    }
    run.serverMicroseconds = Double(try await reads.status(.ledger).cpuMicroseconds - cpu)
    return run
  }

  /// The shape's callers at once, each at the next of the processes.
  func load(
    _ shape: Shape, milliseconds: Int64, _ clients: [ServiceSession.Client]
  ) async throws -> Run {
    let start = MonotonicClock.microseconds
    let end = start + milliseconds * 1000
    var run = try await withTaskExecutorPreference(reads.session.loop) {
      try await withThrowingTaskGroup(of: Run.self) { group in
        for caller in 0..<shape.callers {
          group.addTask { try await post(shape, until: end, clients[caller % clients.count]) }
        }
        return try await group.reduce(into: Run()) { sum, run in
          sum.transactions += run.transactions
          sum.latencies.add(run.latencies)
        }
      }
    }
    run.seconds = Double(MonotonicClock.microseconds - start) / 1e6
    return run
  }

  private func post(
    _ shape: Shape, until end: Int64, _ client: ServiceSession.Client
  ) async throws -> Run {
    let ledger = LedgerV1.Ledger.Client(wrapping: client)
    var run = Run()
    while MonotonicClock.microseconds < end {
      let request = LedgerV1.PostRequest(commands: (0..<shape.perCall).map { _ in command(shape) })
      let metadata = CallKeys.metadata(key: try CallKeys.fresh("bench"))
      let sent = MonotonicClock.microseconds
      let answer = try await ledger.post(request, metadata: metadata)
      _ = run.latencies.record(UInt64(max(1, MonotonicClock.microseconds - sent)))
      guard answer.results.count == shape.perCall,
        answer.results.allSatisfy({ $0.status == .created })
      else { throw Failure("ledger did not book what the bench posted", next: "see its log") }
      run.transactions += shape.perCall
    }
    return run
  }

  private func command(_ shape: Shape) -> LedgerV1.PostingCommand {
    let minor = Int64.random(in: 1...100_000)
    func entry(_ code: String, _ side: LedgerV1.NormalSide) -> LedgerV1.Entry {
      LedgerV1.Entry(
        accountCode: code, side: side,
        amount: CommonV1.Money(currency: "EUR", amountMinor: minor))
    }
    let place = UInt64.random(in: 0..<Self.accounts)
    return LedgerV1.PostingCommand(
      transactionID: LedgerTransactionID(bits: UInt128.random(in: 1...UInt128.max)).description,
      merchantID: merchant.description, kind: "capture",
      entries: [
        // No clearing accounts: the forecast looks at each of these, in the minutes of other benches.
        entry("bank:bench_in_\(place)", .debit),
        entry(shape.isHot ? "merchant_payable" : "bank:bench_\(Self.accounts - 1 - place)", .credit),
      ],
      effectiveAt: GoogleProtobuf.Timestamp(
        Timestamp(milliseconds: MonotonicClock.wallMilliseconds)),
      subject: "", externalReference: "ch_bench", recordsFact: true)
  }
}
