package import GRPCCore
import LedgerCore
import Money
import Postgres
import ReportFormats
package import ServiceKit
package import Wire

/// tender.ledger.v1.BreakSettlements: breaks resolved by a booking, and differences that two people
/// give up.
package struct SettlementHandler: LedgerV1.BreakSettlements.SimpleServiceProtocol {
  private let environment: ServiceEnvironment
  private let settings: ReconSettings

  package init(_ environment: ServiceEnvironment, _ settings: ReconSettings) {
    self.environment = environment
    self.settings = settings
  }

  package func resolveBreak(
    request: LedgerV1.ResolveBreakRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ResolveBreakResponse {
    let id = try ReconciliationHandler.id(request.breakID)
    let template = try Self.template(request.template)
    let named = try Self.merchant(request.merchantID)
    return try await environment.idempotency.perform(request) { [environment] transaction, _ in
      let (now, stamp) = (environment.clock.now, environment.stamp)
      let found = try await open(id, in: transaction)
      guard found.way.templates.contains(template) else {
        throw RPCFailure.failedPrecondition(
          "TEMPLATE_NOT_FOR_BREAK",
          "The break cannot be booked as this; see `tender recon explain`.",
          metadata: [
            "templates": found.way.templates.map(\.rawValue).joined(separator: " ")
          ]
        )
      }
      let merchant = try await owner(of: found.record, named, in: transaction)
      let ofLine = found.line.flatMap {
        BreakSettlement.booksTheLine(template, found.record.reconClass, type: $0.match.type)
          ? $0 : nil
      }
      let command =
        if let ofLine {
          ReconCommands.line(
            template,
            ofLine.match.amount,
            name: MovementName.of(
              ofLine.match.sourceReferences.first ?? "",
              payment: ofLine.match.paymentReference,
              batch: ofLine.batch,
              in: found.record.book,
              ofLine.kind
            ),
            reference: ofLine.match.sourceReferences.first ?? "",
            on: found.record.occurredOn,
            of: merchant,
            at: found.record.book.account
          )
        } else {
          found.way.difference.flatMap {
            ReconCommands.settlement(
              .adjustment,
              $0,
              // Each change of the break is another decision.
              decision: "\(id):\(found.record.version)",
              at: now,
              of: merchant,
              reference: id.description,
              at: found.record.book.account
            )
          }
        }
      guard let command else { throw Self.cannotBeBooked }
      try await Self.post(command, stamp, in: transaction)
      let fact =
        if let ofLine, let file = found.record.file {
          ReconBookings.insert(
            [
              ReconCandidate(
                part: .line,
                file: file,
                line: found.record.line,
                amount: ofLine.match.amount,
                command: command
              )
            ],
            of: found.record.book,
            at: now,
            stamp
          )
        } else {
          ReconSettlements.insert(
            command.id,
            .adjustment,
            found.way.difference ?? .zero(.eur),
            of: found.record,
            at: now,
            stamp
          )
        }
      let note = request.note.isEmpty ? "booked as \(template.rawValue)" : request.note
      let done = try await transaction.batch([
        fact, ReconBreakStore.resolve(id, note: note, at: now, stamp),
        ReconAlerts.endIfNothingIsOpen(found.record.book), ReconBreakStore.load(id),
      ])
      return LedgerV1.ResolveBreakResponse(
        reconBreak: LedgerV1.ReconBreak(try ReconBreakRecord(try done[3].single()), now.date),
        transactionID: command.id.description
      )
    }
  }

  package func proposeWriteOff(
    request: LedgerV1.ProposeWriteOffRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ProposeWriteOffResponse {
    let id = try ReconciliationHandler.id(request.breakID)
    let named = try Self.merchant(request.merchantID)
    return try await environment.idempotency.perform(request) { [environment] transaction, _ in
      let found = try await open(id, in: transaction)
      let amount = try writable(found)
      let merchant = try await owner(of: found.record, named, in: transaction)
      let proposal = environment.identifiers.make(WriteOffID.self)
      let rows = try await transaction.batch([
        ReconSettlements.propose(
          proposal,
          amount,
          of: found.record,
          merchant,
          request.words,
          at: environment.clock.now,
          environment.stamp
        ),
        ReconSettlements.load(proposal),
      ])
      return LedgerV1.ProposeWriteOffResponse(
        writeOff: LedgerV1.WriteOff(try WriteOffRecord(try rows[1].single()))
      )
    }
  }

  package func approveWriteOff(
    request: LedgerV1.ApproveWriteOffRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ApproveWriteOffResponse {
    guard let id = WriteOffID(request.writeOffID) else {
      throw RPCFailure.invalid("write_off_id", "ID_INVALID", "The id is not an `rw_` id.")
    }
    return try await environment.idempotency.perform(request) { [environment] transaction, _ in
      let (now, stamp) = (environment.clock.now, environment.stamp)
      guard let row = try await transaction.query(ReconSettlements.load(id)).first else {
        throw RPCFailure.notFound(
          "WRITE_OFF_NOT_FOUND",
          "There is no write-off with this id; see `tender recon write-off list`."
        )
      }
      let subject = try WriteOffRecord(row).reconBreak
      try await lock(subject, in: transaction)
      // Read again under the break's lock: somebody may have approved it meanwhile.
      let rows = try await transaction.batch([
        ReconSettlements.load(id), ReconSettlements.list(of: subject, limit: 1),
      ])
      let proposal = try WriteOffRecord(try rows[0].single())
      guard proposal.approvedBy == nil else {
        throw RPCFailure.failedPrecondition("ALREADY_APPROVED", "Somebody has approved it.")
      }
      guard try rows[1].single()[0, as: WriteOffID.self] == id else {
        throw Self.superseded
      }
      guard
        WriteOffAgreement(proposedBy: proposal.proposedBy, approvedBy: stamp.actor) != nil
      else {
        throw RPCFailure.failedPrecondition(
          "SAME_PERSON",
          "Who proposed it cannot approve it: ask another operator."
        )
      }
      let found = try await open(subject, in: transaction)
      guard try writable(found) == proposal.amount else { throw Self.superseded }
      guard
        let command = ReconCommands.settlement(
          .writeOff,
          proposal.amount,
          decision: id.description,
          at: now,
          of: proposal.merchant,
          reference: subject.description,
          at: found.record.book.account
        )
      else { throw Self.cannotBeBooked }
      try await Self.post(command, stamp, in: transaction)
      let done = try await transaction.batch([
        ReconSettlements.approve(id, command.id, at: now, stamp),
        ReconSettlements.insert(
          command.id,
          .writeOff,
          proposal.amount,
          of: found.record,
          at: now,
          stamp
        ),
        ReconBreakStore.resolve(
          subject,
          note: "written off: \(proposal.words)".cut(toBytes: 500),
          at: now,
          stamp
        ),
        ReconAlerts.endIfNothingIsOpen(found.record.book), ReconSettlements.load(id),
      ])
      return LedgerV1.ApproveWriteOffResponse(
        writeOff: LedgerV1.WriteOff(try WriteOffRecord(try done[4].single()))
      )
    }
  }

  package func listWriteOffs(
    request: LedgerV1.ListWriteOffsRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListWriteOffsResponse {
    guard
      let after = request.pageToken.isEmpty ? WriteOffID(bits: 0) : WriteOffID(request.pageToken)
    else { throw PageToken.invalid }
    let size = Int(request.pageSize == 0 ? ReconciliationHandler.pageSizeDefault : request.pageSize)
    let rows = try await environment.database.query(
      ReconSettlements.list(all: request.all, after: after, limit: Int64(size + 1))
    )
    let page = try rows.prefix(size).map { try WriteOffRecord($0) }
    return LedgerV1.ListWriteOffsResponse(
      writeOffs: page.map { LedgerV1.WriteOff($0) },
      nextPageToken: rows.count > size ? page.last?.id.description ?? "" : ""
    )
  }

  // MARK: Under the locks of the account and its breaks

  private struct OpenBreak {
    var record: ReconBreakRecord
    var line: ReconLineRecord?
    var way: BreakWay
  }

  private func lock(_ id: ReconBreakID, in transaction: borrowing Transaction) async throws {
    guard
      let book = try await transaction.query(ReconBreakStore.book(id)).first
        .map(ReconBreakStore.decodeBook)
    else { throw ReconciliationHandler.breakNotFound }
    // A run under way does not see what is booked meanwhile, and would open the break again.
    try await ReconTurn.take(book.account, in: transaction)
    do throws(PostgresError) {
      _ = try await transaction.batch([ReconAlerts.lock(book), ReconBreakStore.lock(id)])
    } catch {
      throw ReconTurn.refusal(error)
    }
  }

  /// - Throws: BREAK_NOT_FOUND, RECONCILIATION_RUNNING, BREAK_STATE.
  private func open(
    _ id: ReconBreakID,
    in transaction: borrowing Transaction
  ) async throws -> OpenBreak {
    try await lock(id, in: transaction)
    let rows = try await transaction.batch([
      ReconBreakStore.load(id), ReconSettlements.settled(id),
    ])
    let record = try ReconBreakRecord(try rows[0].single())
    guard BreakMachine.steps[record.state]?.contains(.resolved) == true else {
      throw RPCFailure.failedPrecondition(
        "BREAK_STATE",
        "The break's state does not allow this; see `tender recon explain`.",
        metadata: ["state": record.state.rawValue, "action": "resolve"]
      )
    }
    var line: ReconLineRecord?
    if let file = record.file, let number = record.line {
      line = try ReconEvidence.decodeLine(
        try await transaction.query(ReconEvidence.line(file, number)).single()
      )
    }
    let settled = try rows[1].single()[0, as: Int64.self]
    return OpenBreak(
      record: record,
      line: line,
      way: BreakWay(record, line, settledMinor: settled)
    )
  }

  /// - Throws: NOTHING_TO_WRITE_OFF, WRITE_OFF_ABOVE_LIMIT.
  private func writable(_ found: OpenBreak) throws(RPCFailure) -> Amount {
    guard let amount = found.way.difference else {
      throw .failedPrecondition(
        "NOTHING_TO_WRITE_OFF",
        "The break is no difference of an amount; see `tender recon explain`."
      )
    }
    guard settings.writeOffLimits.allows(amount) else {
      let limit = settings.writeOffLimits.limitMinor(of: amount.currency)
      throw .failedPrecondition(
        "WRITE_OFF_ABOVE_LIMIT",
        "At most \(Amount(amount.currency, minor: limit)) may be written off at once (setting "
          + "`recon.writeOffLimits`).",
        metadata: ["limit_minor": "\(limit)", "currency": amount.currency.code]
      )
    }
    return amount
  }

  /// Whose books it is booked in: the item's, or the account's own.
  ///
  /// - Throws: MERCHANT_DIFFERS, MERCHANT_REQUIRED.
  private func owner(
    of record: ReconBreakRecord,
    _ named: MerchantID?,
    in transaction: borrowing Transaction
  ) async throws -> MerchantID {
    if let known = record.merchant {
      guard named == nil || named == known else { throw Self.merchantDiffers }
      return known
    }
    if let named {
      guard named.isLive == record.book.isLive else { throw Self.merchantDiffers }
      return named
    }
    let known = try await transaction.query(ReconBookings(record.book).merchants())
      .column(as: MerchantID.self)
    guard let owner = settings.merchants.owner(of: record.book, known: known) else {
      throw RPCFailure.invalid(
        "merchant_id",
        "MERCHANT_REQUIRED",
        "Nobody knows whose it is: name the merchant, or set `recon.merchants`."
      )
    }
    return owner
  }

  private static func post(
    _ command: PostingCommand,
    _ stamp: Stamp,
    in transaction: borrowing Transaction
  ) async throws {
    switch try await ReconPosting([command], stamp).decide(in: transaction).first {
    case .created, .exists: return
    case .differs(let field):
      throw RPCFailure.failedPrecondition(
        "BOOKED_DIFFERENTLY",
        "The books have this movement in other words; see `tender ledger`.",
        metadata: ["transaction_id": command.id.description, "difference": field]
      )
    case .rejected(let reason):
      throw RPCFailure.failedPrecondition(
        "BOOKING_REFUSED",
        "The books refuse this (\(reason)).",
        metadata: ["reason": reason]
      )
    case nil: throw RPCFailure.internalError
    }
  }

  private static let cannotBeBooked = RPCFailure.failedPrecondition(
    "REFERENCE_MISSING",
    "The line names no movement, so that it could be booked twice: write it off, or accept it."
  )
  private static let superseded = RPCFailure.failedPrecondition(
    "WRITE_OFF_SUPERSEDED",
    "A newer proposal or another difference stands: propose again."
  )
  private static let merchantDiffers = RPCFailure.invalid(
    "merchant_id",
    "MERCHANT_DIFFERS",
    "The break is another merchant's, or this one is of the other books."
  )

  private static func merchant(_ text: String) throws(RPCFailure) -> MerchantID? {
    guard !text.isEmpty else { return nil }
    guard let merchant = MerchantID(text) else {
      throw .invalid("merchant_id", "ID_INVALID", "The id is not an `mt_` or `ml_` id.")
    }
    return merchant
  }

  private static func template(
    _ wire: LedgerV1.BookingTemplate
  ) throws(RPCFailure) -> LineTemplate {
    guard let template = LineTemplate.allCases.first(where: { .init($0) == wire }) else {
      throw .invalid("template", "TEMPLATE_REQUIRED", "Name what it is to be booked as.")
    }
    return template
  }
}

extension String {
  /// The longest beginning that has at most so many bytes.
  fileprivate func cut(toBytes max: Int) -> String {
    var result = self
    while result.utf8.count > max { result.removeLast() }
    return result
  }
}
