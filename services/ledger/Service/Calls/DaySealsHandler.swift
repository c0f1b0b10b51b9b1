package import GRPCCore
import LedgerCore
import Money
import Postgres
import Seal
import ServiceKit
import Transport
package import Wire

/// tender.ledger.v1.DaySeals.
package struct DaySealsHandler: LedgerV1.DaySeals.SimpleServiceProtocol {
  /// Seals of one page.
  static let pageMax: Int64 = 30
  /// Of one sealing, whatever becomes of its caller: a large day takes longer than anybody waits.
  static let limitSeconds: Int64 = 900

  let environment: ServiceEnvironment
  let sealer: DaySealer

  package func reportWatermark(
    request: LedgerV1.ReportWatermarkRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ReportWatermarkResponse {
    let call = try CallContext.require()
    guard case .service(let name) = call.peer, let producer = LedgerProducer(rawValue: name),
      let through = request.through?.timestamp
    else { throw RPCFailure.internalError }
    _ = try await environment.database.query(
      SealStore.report(producer, through: through, actor: call.actor)
    )
    return LedgerV1.ReportWatermarkResponse()
  }

  package func sealDay(
    request: LedgerV1.SealDayRequest,
    context: ServerContext
  ) async throws -> LedgerV1.SealDayResponse {
    guard let day = CivilDate(isoText: request.day) else {
      throw RPCFailure.invalid("day", "DAY_INVALID", "A day is written as 2026-11-28.")
    }
    var without: [LedgerProducer] = []
    for (index, name) in request.withoutProducers.enumerated() {
      guard let producer = LedgerProducer(rawValue: name) else {
        throw RPCFailure.invalid(
          "without_producers[\(index)]",
          "PRODUCER_UNKNOWN",
          "A producer is \(LedgerProducer.allCases.map(\.rawValue).joined(separator: " or "))."
        )
      }
      without.append(producer)
    }
    if let seal = try await stored(day) { return try await withFile(seal) }
    guard let next = try await sealer.look().nextDay, day >= next else { throw Self.dayUnknown }
    guard day == next else {
      throw RPCFailure.failedPrecondition(
        "DAY_NOT_NEXT",
        "Days are sealed one after the other; \(next) is the next one."
      )
    }
    let outcome = try await environment.shielded(
      "seal of a day",
      limit: .seconds(Self.limitSeconds)
    ) { [sealer, without] in
      try await sealer.sealNext(only: day, without: without)
    }
    // Somebody else may have sealed it meanwhile.
    if case .busy = outcome, let seal = try await stored(day) { return try await withFile(seal) }
    return LedgerV1.SealDayResponse(seal: LedgerV1.DaySeal(try Self.seal(outcome)))
  }

  private func stored(_ day: CivilDate) async throws -> StoredSeal? {
    try await environment.database.query(SealStore.seal(of: day)).first
      .map { try SealStore.decode($0) }
  }

  private func withFile(_ seal: StoredSeal) async throws -> LedgerV1.SealDayResponse {
    do {
      try await sealer.restoreFile(seal)
    } catch let problem as SealFiles.Problem {
      throw Self.failure(problem)
    }
    return LedgerV1.SealDayResponse(seal: LedgerV1.DaySeal(seal))
  }

  package func listSeals(
    request: LedgerV1.ListSealsRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListSealsResponse {
    let after = try Self.place(request.pageToken)
    let rows = try await environment.database.query(
      SealStore.seals(after: after, limit: Self.pageMax)
    )
    let seals = try rows.map { try SealStore.decode($0) }
    let look = try await sealer.look()
    let behind = look.nextDay.flatMap { day in
      DaySealRule.isOver(day, at: look.now) ? DaySealRule.behind(day, look.watermarks).first : nil
    }
    return LedgerV1.ListSealsResponse(
      seals: seals.map { LedgerV1.DaySeal($0) },
      nextPageToken: seals.count < Int(Self.pageMax)
        ? "" : seals.last.map { "seal/\($0.record.number)" } ?? "",
      nextDay: look.nextDay?.description ?? "",
      waitsFor: behind?.rawValue ?? "",
      watermarks: LedgerProducer.allCases.map { producer in
        let watermark = look.watermarks[producer]
        return LedgerV1.ProducerWatermark(
          producer: producer.rawValue,
          through: watermark.map { Timestamp(microseconds: $0.throughMicroseconds).wire },
          reportedAt: watermark.map { Timestamp(microseconds: $0.reportedAtMicroseconds).wire }
        )
      }
    )
  }

  // MARK: Fields

  private static func place(_ token: String) throws(RPCFailure) -> Int64 {
    guard !token.isEmpty else { return 0 }
    let parts = PageToken.parts(token)
    guard parts.count == 2, parts[0] == "seal", let number = Int64(parts[1]), number > 0 else {
      throw PageToken.invalid
    }
    return number
  }

  // MARK: Refusals

  private static let dayUnknown = RPCFailure.failedPrecondition(
    "DAY_UNKNOWN",
    "The books have no such day: it is before the first booking, or nothing is booked."
  )

  private static func seal(_ outcome: DaySealer.Outcome) throws(RPCFailure) -> StoredSeal {
    switch outcome {
    case .sealed(let seal): return seal
    case .nothingBooked: throw dayUnknown
    case .notOver(let day):
      throw .failedPrecondition(
        "DAY_NOT_OVER",
        "\(day) ends at midnight UTC, and is sealed \(DaySealRule.graceMinutes) minutes later at the "
          + "earliest."
      )
    case .notOverdue(let day, let producers):
      throw .failedPrecondition(
        "PRODUCER_NOT_OVERDUE",
        "\(names(producers)) may still tell of \(day): without it a day is sealed "
          + "\(DaySealRule.silenceHours) h after its end at the earliest."
      )
    case .behind(let day, let producers):
      throw .failedPrecondition(
        "PRODUCER_BEHIND",
        "\(names(producers)) has not told everything of \(day) yet. `tender ledger seals` says how "
          + "far each is and when it spoke: see whether it runs, and what its outbox holds.",
        metadata: ["producers": names(producers)]
      )
    case .busy:
      throw RPCFailure(
        .aborted,
        "SEALING_IN_PROGRESS",
        "Somebody else seals the day. Look again in a minute.",
        retryAfterMilliseconds: 30_000
      )
    case .file(_, let problem): throw failure(problem)
    }
  }

  private static func names(_ producers: [LedgerProducer]) -> String {
    producers.map(\.rawValue).joined(separator: " and ")
  }

  private static func failure(_ problem: SealFiles.Problem) -> RPCFailure {
    switch problem {
    case .differs:
      .failedPrecondition(
        "SEAL_FILE_DIFFERS",
        "The day's file says something else than the books. Compare them by `tender ledger verify "
          + "--seals`; the alert says where the file is."
      )
    case .failed:
      RPCFailure(
        .unavailable,
        "SEAL_FILE_UNWRITABLE",
        "The day's file cannot be written; the service's alert says why."
      )
    }
  }
}

extension LedgerV1.DaySeal {
  init(_ stored: StoredSeal) {
    let (record, seal) = (stored.record, DaySeal(document: stored.record.document))
    self.init(
      day: record.day.description,
      number: UInt64(max(0, record.number)),
      root: Hex.encode(record.root),
      previousRoot: Hex.encode(record.previousRoot),
      document: record.document,
      sealedAt: stored.sealedAt.wire,
      actor: stored.actor,
      batchCount: UInt64(max(0, seal?.batches ?? 0)),
      transactionCount: UInt64(max(0, seal?.transactions ?? 0))
    )
  }
}
