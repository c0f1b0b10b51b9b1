package import GRPCCore
import LedgerCore
import Money
import Postgres
import Reactor
package import ServiceKit
package import Wire

/// tender.ledger.v1.Reconciliation.
package struct ReconciliationHandler: LedgerV1.Reconciliation.SimpleServiceProtocol {
  static let pageSizeDefault: UInt32 = 100
  static let itemsMax: Int64 = 20
  static let changesMax: Int64 = 100
  /// Of an import or a run, which end whoever has left.
  static let importLimitSeconds: Int64 = 150
  static let runLimitSeconds: Int64 = 150

  static let writeOffsMax: Int64 = 20

  private let environment: ServiceEnvironment
  private let settings: ReconSettings

  package init(_ environment: ServiceEnvironment, _ settings: ReconSettings) {
    self.environment = environment
    self.settings = settings
  }

  package func importReport(
    request: LedgerV1.ImportReportRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ImportReportResponse {
    let terms = try Self.terms(request)
    let seal = try Self.seal(request)
    return try await environment.shielded(
      "report import",
      limit: .seconds(Self.importLimitSeconds)
    ) { [environment] in
      let importer = ReconImporter(environment, terms)
      if let seal {
        let sealed = try await importer.seal(request.content, seal)
        return try await environment.idempotency.perform(request) { transaction, _ in
          let taken = try await importer.take(sealed: sealed, seal, in: transaction)
          return LedgerV1.ImportReportResponse(
            file: taken.file.map { LedgerV1.ReconFile($0) },
            partsReceived: UInt32(clamping: taken.received)
          )
        }
      }
      let prepared = try await importer.prepare(request.content)
      return try await environment.idempotency.perform(request) { transaction, _ in
        let record = try await importer.take(
          try prepared.mapError { Self.failure($0) }.get(),
          in: transaction
        )
        return LedgerV1.ImportReportResponse(file: LedgerV1.ReconFile(record))
      }
    }
  }

  package func runReconciliation(
    request: LedgerV1.RunReconciliationRequest,
    context: ServerContext
  ) async throws -> LedgerV1.RunReconciliationResponse {
    let book = ReconBook(
      try Self.account(request.gateway, request.gatewayAccount),
      isLive: request.livemode
    )
    return try await environment.shielded(
      "reconciliation run",
      limit: .seconds(Self.runLimitSeconds)
    ) { [environment, settings] in
      let run = ReconRun(
        id: environment.identifiers.make(ReconRunID.self),
        book: book,
        settings: settings,
        now: environment.clock.now,
        stamp: environment.stamp
      )
      // In transactions of its own, before the call's: repeating it books nothing twice.
      let booked = try await ReconBooker(environment: environment, settings: settings, run: run)
        .perform()
      return try await environment.idempotency.perform(request) { transaction, _ in
        LedgerV1.RunReconciliationResponse(try await run.perform(in: transaction, after: booked))
      }
    }
  }

  package func listBreaks(
    request: LedgerV1.ListBreaksRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListBreaksResponse {
    let isAll = request.gateway.isEmpty && request.gatewayAccount.isEmpty
    let book =
      isAll
      ? nil
      : ReconBook(
        try Self.account(request.gateway, request.gatewayAccount),
        isLive: request.livemode
      )
    guard
      let after = request.pageToken.isEmpty
        ? ReconBreakID(bits: 0) : ReconBreakID(request.pageToken)
    else { throw PageToken.invalid }
    let size = Int(request.pageSize == 0 ? Self.pageSizeDefault : request.pageSize)
    let rows = try await environment.database.query(
      ReconBreakStore.list(book, all: request.all, after: after, limit: Int64(size + 1))
    )
    let breaks = try rows.prefix(size).map { try ReconBreakRecord($0) }
    let today = environment.clock.now.date
    return LedgerV1.ListBreaksResponse(
      breaks: breaks.map { LedgerV1.ReconBreak($0, today) },
      nextPageToken: rows.count > size ? breaks.last?.id.description ?? "" : ""
    )
  }

  package func explainBreak(
    request: LedgerV1.ExplainBreakRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ExplainBreakResponse {
    let database = environment.database
    let found = try await load(try Self.id(request.breakID))
    var response = LedgerV1.ExplainBreakResponse(
      reconBreak: LedgerV1.ReconBreak(found, environment.clock.now.date)
    )
    let items: Rows
    var line: ReconLineRecord?
    if let file = found.file, let number = found.line {
      let record = try ReconEvidence.decodeLine(
        try await database.query(ReconEvidence.line(file, number)).single()
      )
      response.line = LedgerV1.ReconLine(record, file, number)
      line = record
      items = try await database.query(
        ReconEvidence.items(found.book, record.match, limit: Self.itemsMax)
      )
    } else {
      items = try await database.query(
        ReconEvidence.items(
          found.book,
          found.sequence ?? UUIDBits(0),
          limit: Self.itemsMax
        )
      )
    }
    response.items = try items.map { row in
      LedgerV1.ReconItem(try ReconEvidence.decodeItem(row), comparedWith: line)
    }
    let changes = try await database.query(
      ReconBreakStore.changes(found.id, limit: Self.changesMax)
    )
    response.changes = try changes.map { try LedgerV1.BreakChange($0) }
    let settled = try await database.query(ReconSettlements.settled(found.id)).single()
    let way = BreakWay(found, line, settledMinor: try settled[0, as: Int64.self])
    response.templates = way.templates.map { .init($0) }
    response.difference = way.difference.map { CommonV1.Money($0) }
    response.writeOffs = try await database.query(
      ReconSettlements.list(of: found.id, limit: Self.writeOffsMax)
    ).map { LedgerV1.WriteOff(try WriteOffRecord($0)) }
    return response
  }

  package func changeBreak(
    request: LedgerV1.ChangeBreakRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ChangeBreakResponse {
    let id = try Self.id(request.breakID)
    let action = try Self.action(request)
    let until = try snooze(request, action)
    return try await environment.idempotency.perform(request) { [environment] transaction, _ in
      guard
        let book = try await transaction.query(ReconBreakStore.book(id)).first
          .map(ReconBreakStore.decodeBook)
      else { throw Self.breakNotFound }
      // Whoever looks into a break leaves it open: only the others may end the alert. A run has both
      // locks from its findings to its end.
      let turn = action == .acknowledge ? [] : [ReconAlerts.lock(book)]
      let locked: [Rows]
      do throws(PostgresError) {
        locked = try await transaction.batch(turn + [ReconBreakStore.lock(id)])
      } catch {
        throw ReconTurn.refusal(error)
      }
      guard let row = locked.last?.first else { throw Self.breakNotFound }
      let state = BreakState(rawValue: try row[0, as: String.self])
      guard let state, BreakMachine.allows(action, in: state) else {
        throw RPCFailure.failedPrecondition(
          "BREAK_STATE",
          "The break's state does not allow this; see `tender recon explain`.",
          metadata: ["state": state?.rawValue ?? "unknown", "action": action.rawValue]
        )
      }
      let rows = try await transaction.batch([
        ReconBreakStore.change(
          id,
          action,
          note: request.note,
          until: until,
          at: environment.clock.now,
          environment.stamp
        ),
        ReconBreakStore.load(id),
      ])
      if action != .acknowledge {
        _ = try await transaction.query(ReconAlerts.endIfNothingIsOpen(book))
      }
      return LedgerV1.ChangeBreakResponse(
        reconBreak: LedgerV1.ReconBreak(
          try ReconBreakRecord(try rows[1].single()),
          environment.clock.now.date
        )
      )
    }
  }

  package func listSchedules(
    request: LedgerV1.ListSchedulesRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListSchedulesResponse {
    let rows = try await environment.database.query(ReconScheduleStore.list())
    return LedgerV1.ListSchedulesResponse(
      schedules: try rows.map {
        LedgerV1.ReconSchedule(try ReconScheduleRecord($0), settings.timetable)
      }
    )
  }

  // MARK: Parts

  static let breakNotFound = RPCFailure.notFound(
    "BREAK_NOT_FOUND",
    "There is no break with this id; see `tender recon breaks`."
  )

  private func load(_ id: ReconBreakID) async throws -> ReconBreakRecord {
    guard let row = try await environment.database.query(ReconBreakStore.load(id)).first else {
      throw Self.breakNotFound
    }
    return try ReconBreakRecord(row)
  }

  static func id(_ text: String) throws(RPCFailure) -> ReconBreakID {
    guard let id = ReconBreakID(text) else {
      throw .invalid("break_id", "ID_INVALID", "The id is not an `rb_` id.")
    }
    return id
  }

  static func account(
    _ gateway: String,
    _ account: String
  ) throws(RPCFailure) -> GatewayAccount {
    let made = GatewayAccount(gateway: gateway, account: account)
    guard !gateway.isEmpty, !account.isEmpty, AccountCode(PostingTemplate.clearing(made)) != nil
    else {
      throw .invalid(
        "gateway_account",
        "GATEWAY_ACCOUNT_INVALID",
        "Name gateway and account as the ledger's clearing account has them."
      )
    }
    return made
  }

  static func failure(_ refusal: ReportRefusal) -> RPCFailure {
    .failedPrecondition(
      refusal.reason.rawValue,
      "The report was not imported: \(refusal.detail)."
    )
  }

  /// nil: the report is in this message.
  private static func seal(
    _ request: LedgerV1.ImportReportRequest
  ) throws(RPCFailure) -> ReportPartSeal? {
    if request.part == 0, request.partCount == 0 { return nil }
    guard (2...UInt32(ReportFile.partsMax)).contains(request.partCount),
      (1...request.partCount).contains(request.part),
      let seal = ReportPartSeal(
        part: Int32(request.part),
        of: Int32(request.partCount),
        key: request.partKey,
        sha256: request.sha256
      )
    else {
      throw .invalid(
        "part",
        "PART_INVALID",
        "A report comes in one message, or in 2 to \(ReportFile.partsMax) parts, counted from 1, with a "
          + "key of 32 bytes."
      )
    }
    return seal
  }

  private static func terms(
    _ request: LedgerV1.ImportReportRequest
  ) throws(RPCFailure) -> ReportTerms {
    guard ReconReportKind.gateways.contains(request.gateway) else {
      throw .invalid(
        "gateway",
        "GATEWAY_ACCOUNT_INVALID",
        "Reports are imported of stripe and adyen: name the gateway that wrote this one."
      )
    }
    var terms = ReportTerms(
      account: try account(request.gateway, request.gatewayAccount),
      isLive: request.livemode,
      kind: request.kind == .settlementDetail ? .settlementDetail : .payoutReconciliation,
      sha256: request.sha256
    )
    if !request.currency.isEmpty {
      guard let currency = Currency(request.currency) else { throw currencyUnknown("currency") }
      terms.currency = currency
    }
    for (index, payout) in request.payouts.enumerated() {
      guard !payout.batch.isEmpty, let net = payout.net else {
        throw .invalid(
          "payouts[\(index)]",
          "TOTAL_INVALID",
          "A control total names a batch and an amount."
        )
      }
      guard let currency = Currency(net.currency) else {
        throw currencyUnknown("payouts[\(index)].net.currency")
      }
      terms.payouts.append(
        .init(batch: payout.batch, net: Amount(currency, minor: net.amountMinor))
      )
    }
    return terms
  }

  private static func currencyUnknown(_ field: String) -> RPCFailure {
    .invalid(field, "CURRENCY_UNKNOWN", "The currency is not known.")
  }

  private static func action(
    _ request: LedgerV1.ChangeBreakRequest
  ) throws(RPCFailure) -> BreakAction {
    switch request.action {
    case .acknowledge: return .acknowledge
    case .accept:
      guard !request.note.isEmpty else {
        throw .invalid("note", "NOTE_REQUIRED", "Say why the break stays as it is.")
      }
      return .accept
    case .snooze: return .snooze
    case .unspecified, .unrecognized:
      throw .invalid("action", "ACTION_REQUIRED", "Name what is to be done.")
    }
  }

  private func snooze(
    _ request: LedgerV1.ChangeBreakRequest,
    _ action: BreakAction
  ) throws(RPCFailure) -> Timestamp? {
    guard action == .snooze else { return nil }
    let now = environment.clock.now
    guard let until = request.snoozedUntil.map({ Timestamp(wire: $0) }), until > now,
      until.seconds - now.seconds <= BreakMachine.snoozeDaysMax * 86_400
    else {
      throw .invalid(
        "snoozed_until",
        "SNOOZE_INVALID",
        "A break is snoozed until an instant after now, at most \(BreakMachine.snoozeDaysMax) days ahead."
      )
    }
    return until
  }
}
