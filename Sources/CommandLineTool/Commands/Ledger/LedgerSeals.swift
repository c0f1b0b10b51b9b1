import ArgumentParser
import Wire

/// A seal as commands show it.
struct SealRow: Encodable {
  let day: String
  let number: UInt64
  let batches: UInt64
  let transactions: UInt64
  let root: String
  let previousRoot: String
  let sealedAt: String
  let actor: String
  let document: String

  init(_ seal: LedgerV1.DaySeal) {
    day = seal.day
    number = seal.number
    batches = seal.batchCount
    transactions = seal.transactionCount
    root = seal.root
    previousRoot = seal.previousRoot
    sealedAt = LedgerText.time(seal.sealedAt)
    actor = seal.actor
    document = seal.document
  }

  static func table(_ rows: [SealRow]) -> [String] {
    Table.lines(
      ["day", "number", "batches", "transactions", "sealed at", "root"],
      rows.map {
        [
          $0.day, String($0.number), String($0.batches), String($0.transactions),
          String($0.sealedAt.prefix(19)), String($0.root.prefix(16)),
        ]
      })
  }
}

/// The sealed days, and what keeps the next one open.
struct LedgerSeals: Command {
  static let configuration = CommandConfiguration(
    commandName: "seals", abstract: "List sealed days, and who keeps the next one open.")

  @OptionGroup var common: CommonOptions

  struct Producer: Encodable {
    let producer: String
    let through: String?
    let reportedAt: String?
  }

  struct Answer: Encodable {
    var seals: [SealRow] = []
    var nextDay: String?
    var waitsFor: String?
    var producers: [Producer] = []
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let (seals, last) = try await ServiceSession.with(try Checkout.find()) { session in
      try await SealReads(session: session).all()
    }
    var answer = Answer(seals: seals.map { SealRow($0) })
    answer.nextDay = last.nextDay.isEmpty ? nil : last.nextDay
    answer.waitsFor = last.waitsFor.isEmpty ? nil : last.waitsFor
    answer.producers = last.watermarks.map { watermark in
      Producer(
        producer: watermark.producer, through: watermark.through.map { LedgerText.time($0) },
        reportedAt: watermark.reportedAt.map { LedgerText.time($0) })
    }
    try output.result(answer) { Self.lines(answer) }
    return .succeeded
  }

  static func lines(_ answer: Answer) -> [String] {
    SealRow.table(answer.seals)
      + [
        answer.nextDay.map { day in
          "next \(day)" + (answer.waitsFor.map { ", over; waits for \($0)" } ?? "")
        } ?? "nothing is booked"
      ]
      + answer.producers.map {
        $0.producer + ($0.through.map { " has told everything up to \($0)" } ?? " has never told anything")
      }
  }
}

/// Seals the next day without waiting for the ledger to do it.
struct LedgerSeal: Command {
  static let configuration = CommandConfiguration(
    commandName: "seal",
    abstract: "Seal a day that is over: nothing is recorded in it any more.",
    discussion: """
      The ledger does it by itself. Of a day that is sealed, the file is written again if it is gone.
      """)

  @OptionGroup var common: CommonOptions
  @Argument(help: "The day: 2026-11-28; the next one without it.") var day: String?
  @Option(
    name: .customLong("without"),
    help: "A service that is not waited for, 24 h after the day: intents, gateway-router.")
  var without: [String] = []

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.fresh("seal")
    let found = try await ServiceSession.with(try Checkout.find()) { session in
      let next = day == nil ? try await SealReads(session: session).all().1.nextDay : ""
      let request = LedgerV1.SealDayRequest(day: day ?? next, withoutProducers: without)
      guard !request.day.isEmpty else {
        throw Failure("nothing is booked, so that there is no day to seal", next: "see tender ledger")
      }
      return try await output.whileWaiting("sealing \(request.day)") {
        try await session.call(.ledger, as: .operator, within: SealReads.limit) { client in
          try await LedgerV1.DaySeals.Client(wrapping: client)
            .sealDay(request, metadata: CallKeys.metadata(key: key))
        }.seal
      }
    }
    guard let found else {
      throw Failure("ledger answered without the seal", next: "see tender doctor")
    }
    let row = SealRow(found)
    try output.result(row) { SealRow.table([row]) + ["", row.document] }
    return .succeeded
  }
}

/// What commands read of seals, as an operator.
struct SealReads {
  /// The longest that the ledger allows.
  static let limit = Duration.seconds(160)

  let session: ServiceSession

  /// Every seal, and the last page, which also says what comes next.
  func all() async throws -> ([LedgerV1.DaySeal], LedgerV1.ListSealsResponse) {
    var seals: [LedgerV1.DaySeal] = []
    var token = ""
    while true {
      let request = LedgerV1.ListSealsRequest(pageToken: token)
      let page = try await session.call(.ledger, as: .operator) { client in
        try await LedgerV1.DaySeals.Client(wrapping: client).listSeals(request)
      }
      seals += page.seals
      token = page.nextPageToken
      if token.isEmpty { return (seals, page) }
    }
  }
}
