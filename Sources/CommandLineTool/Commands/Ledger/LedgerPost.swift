import ArgumentParser
import Money
import Seal
import Wire

/// What the ledger said to commands that people sent.
struct PostingAnswer: Encodable {
  let transaction: String
  let status: String
  /// Why it was refused, or the first field that differs.
  let reason: String
  /// Both of them again are the same transaction again.
  let key: String
  let effectiveAt: String

  init(_ result: LedgerV1.PostingResult, key: String, effectiveAt: String) {
    (self.key, self.effectiveAt) = (key, effectiveAt)
    transaction = result.transactionID
    status = WireText.word(result.status, "POSTING_STATUS_")
    reason = result.reason.isEmpty ? result.difference : result.reason
  }

  static func table(_ rows: [PostingAnswer]) -> [String] {
    Table.lines(
      ["transaction", "status", "why"], rows.map { [$0.transaction, $0.status, $0.reason] })
  }
}

/// Sends commands as an operator, under ids that derive from the key: again, with the key and the time
/// that it names, is harmless.
struct PostingCall {
  let key: String
  let effectiveAt: GoogleProtobuf.Timestamp
  let merchant: MerchantID
  let metadata: [CommonV1.MetadataEntry]
  let session: ServiceSession

  init(
    key: String, effectiveAt: GoogleProtobuf.Timestamp?, merchant: MerchantID,
    metadata: [CommonV1.MetadataEntry], session: ServiceSession
  ) {
    self.key = key
    self.effectiveAt =
      effectiveAt
      ?? GoogleProtobuf.Timestamp(Timestamp(milliseconds: MonotonicClock.wallMilliseconds))
    self.merchant = merchant
    self.metadata = metadata
    self.session = session
  }

  func id(_ number: Int) -> LedgerTransactionID {
    let digest = SHA256.hash(Array("tender.command-line.v1\n\(key)\n\(number)".utf8))
    return LedgerTransactionID(bits: digest.prefix(16).reduce(UInt128(0)) { $0 << 8 | UInt128($1) })
  }

  func perform(_ commands: [LedgerV1.PostingCommand], _ output: Output) async throws -> ExitStatus {
    let request = LedgerV1.PostRequest(
      commands: commands.enumerated().map { number, command in
        var command = command
        command.transactionID = id(number).description
        command.merchantID = merchant.description
        command.effectiveAt = effectiveAt
        command.metadata = self.metadata
        return command
      })
    let metadata = CallKeys.metadata(key: key)
    let time = LedgerText.time(effectiveAt)
    let results = try await output.whileWaiting("waiting for the ledger") {
      do {
        return try await session.call(.ledger, as: .operator) { client in
          try await LedgerV1.Ledger.Client(wrapping: client).post(request, metadata: metadata)
        }.results
      } catch let error as CallFailure where error.isWorthRepeating {
        throw error.repeatable(
          "\(key) --effective \(time)", "with both it is booked at most once")
      }
    }
    let answers = results.map { PostingAnswer($0, key: key, effectiveAt: time) }
    try output.result(answers) {
      PostingAnswer.table(answers) + ["again  --key \(key) --effective \(time)"]
    }
    let isBooked = results.allSatisfy { $0.status == .created || $0.status == .exists }
    return isBooked ? .succeeded : .declined
  }
}

struct LedgerPost: Command {
  static let configuration = CommandConfiguration(
    commandName: "post",
    abstract: "Book transactions, or hold them: authorised, so limits may refuse them.",
    discussion: """
      Each argument is one transaction, for example \(PostingLine.example). The same key with the \
      same --effective is the same transactions: again is harmless.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "The transactions: 'KIND: SIDE ACCOUNT AMOUNT CURRENCY, …'.")
  var transactions: [String]
  @Flag(help: "All of them or none.") var linked = false
  @Option(help: "Hold instead of book, until this instant (RFC 3339, or a day).")
  var pendingUntil: String?
  @Option(help: "What it is about, such as a payment's id.") var subject = ""
  @Option(help: "Somebody else's reference.") var reference = ""
  @OptionGroup var options: PostingOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let lines = try transactions.map { try PostingLine($0) }
    let until = try LedgerText.instant(pendingUntil, "--pending-until")
    let effectiveAt = try LedgerText.instant(options.effective, "--effective")
    let commands = lines.enumerated().map { number, line in
      LedgerV1.PostingCommand(
        kind: line.kind, entries: line.entries, subject: subject, externalReference: reference,
        phase: until == nil ? .unspecified : .pending, expiresAt: until, linked: linked && number < lines.count - 1)
    }
    let key = try CallKeys.choose(options.key, prefix: "ledger")
    let metadata = try LedgerText.metadata(options.metadata)
    return try await ServiceSession.with(try Checkout.find()) { session in
      try await PostingCall(
        key: key, effectiveAt: effectiveAt, merchant: MerchantOption.resolve(options.merchant, session),
        metadata: metadata, session: session
      ).perform(commands, output)
    }
  }
}

/// Whose books, when, and once.
struct PostingOptions: ParsableArguments {
  @Option(help: "When it took effect (RFC 3339, or a day); now without it.") var effective: String?
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?
  @Option(help: "The idempotency key; a fresh one is made and printed without it.")
  var key: String?
  @Option(help: "What to keep with each transaction: KEY=VALUE, for each pair once more.")
  var metadata: [String] = []
}

/// Ends or takes back one transaction.
private enum PostingChange {
  static func perform(
    _ id: String, _ options: PostingOptions, _ output: Output,
    _ change: @escaping @Sendable (LedgerV1.Transaction) throws -> LedgerV1.PostingCommand
  ) async throws -> ExitStatus {
    let effectiveAt = try LedgerText.instant(options.effective, "--effective")
    let key = try CallKeys.choose(options.key, prefix: "ledger")
    let metadata = try LedgerText.metadata(options.metadata)
    return try await ServiceSession.with(try Checkout.find()) { session in
      let merchant = try MerchantOption.resolve(options.merchant, session)
      guard let found = try await Reads(session: session, merchant: merchant).transaction(id)
      else {
        throw Failure("ledger answered without the transaction", next: "see tender doctor")
      }
      var command = try change(found)
      command.subject = found.subject
      return try await PostingCall(
        key: key, effectiveAt: effectiveAt, merchant: merchant, metadata: metadata, session: session
      ).perform([command], output)
    }
  }
}

struct LedgerPostPending: Command {
  static let configuration = CommandConfiguration(
    commandName: "post-pending",
    abstract: "Book what is held, as a whole or in part; the rest is released.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The held transaction: ltx_…") var id: String
  @Option(help: "A part of it, in its own currency: 5.00. Only where it has two legs.")
  var amount: String?
  @OptionGroup var options: PostingOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try await PostingChange.perform(id, options, output) {
      [id, amount] held in
      LedgerV1.PostingCommand(
        kind: held.kind, entries: try Self.part(amount, of: held),
        externalReference: held.externalReference, phase: .postPending, pendingID: id)
    }
  }

  /// No legs: all of them.
  static func part(_ amount: String?, of held: LedgerV1.Transaction) throws -> [LedgerV1.Entry] {
    guard let amount else { return [] }
    guard held.entries.count == 2, let currency = held.entries[0].amount?.currency else {
      throw Failure(
        "it has \(held.entries.count) legs", next: "post it as a whole, or void it", status: .usage)
    }
    let money = CommonV1.Money(try AmountArgument.parse(amount, currency))
    return held.entries.map { entry in
      var entry = entry
      entry.amount = money
      return entry
    }
  }
}

struct LedgerVoid: Command {
  static let configuration = CommandConfiguration(
    commandName: "void", abstract: "Release what is held.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The held transaction: ltx_…") var id: String
  @OptionGroup var options: PostingOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try await PostingChange.perform(id, options, output) { [id] held in
      LedgerV1.PostingCommand(kind: held.kind, phase: .voidPending, pendingID: id)
    }
  }
}

struct LedgerReverse: Command {
  static let configuration = CommandConfiguration(
    commandName: "reverse",
    abstract: "Take a booked transaction back, once: its legs with the sides exchanged.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "The booked transaction: ltx_…") var id: String
  @OptionGroup var options: PostingOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try await PostingChange.perform(id, options, output) { [id] _ in
      LedgerV1.PostingCommand(kind: "reversal", reverses: id)
    }
  }
}
