import ArgumentParser

/// Measures the running deployment.
struct BenchCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure payments or calls of the running deployment.",
    subcommands: [BenchPayments.self, BenchCalls.self])
}

struct BenchPayments: Command {
  static let configuration = CommandConfiguration(
    commandName: "payments", abstract: "Durable payments at a fixed rate, outboxes drained.")
  static let rateMax = 5_000

  @OptionGroup var common: CommonOptions
  @Option(help: "Payments a second.") var rate = 200
  @Option(help: "How long.") var seconds = 60
  @Option(help: "A registered method, by alias or tok_ id.") var method = "card_visa"

  func perform(_ output: Output) async throws -> ExitStatus {
    guard (1...Self.rateMax).contains(rate), (1...3600).contains(seconds) else {
      throw Failure("--rate is 1 to \(Self.rateMax), --seconds 1 to 3600", next: "", status: .usage)
    }
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      let bench = PaymentsBench(
        reads: Reads(session: session, merchant: session.merchant),
        method: try await MethodAlias.resolve(method, session), rate: rate, seconds: seconds)
      return try await bench.run(output)
    }
    try output.result(rows) { Measurement.table(rows) }
    return .succeeded
  }
}

struct BenchCalls: Command {
  static let configuration = CommandConfiguration(
    commandName: "rpc", abstract: "CPU of a unary call, 32 in flight.")

  @OptionGroup var common: CommonOptions
  @Option(help: "How long.") var seconds = 10

  func perform(_ output: Output) async throws -> ExitStatus {
    guard (1...600).contains(seconds) else {
      throw Failure("--seconds is 1 to 600", next: "", status: .usage)
    }
    let rows = try await ServiceSession.with(try Checkout.find()) { session in
      let reads = Reads(session: session, merchant: session.merchant)
      return try await CallsBench(reads: reads, seconds: seconds).run(output)
    }
    try output.result(rows) { Measurement.table(rows) }
    return .succeeded
  }
}
