import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// What two people decide about what nothing else proves. Each step is one transaction with its claim.
extension GatewayFlow {
  /// - Throws: SUBJECT_NOT_FOUND, NOT_UNPROVEN, TOO_EARLY, EVIDENCE_CONTRADICTED.
  func propose(
    _ kind: Attestation.Kind, about subject: ResolutionSubject, of intent: PaymentIntentID,
    _ merchant: MerchantID, _ words: String, in transaction: borrowing Transaction
  ) async throws -> ResolutionRecord {
    let stamp = environment.stamp
    let found = try await look(for: subject, of: intent, merchant, in: transaction)
    try check(kind, about: subject, found)
    let id = environment.identifiers.make(ResolutionID.self)
    let rows = try await transaction.batch([
      ResolutionStatements.propose(id, subject, of: found.record, kind, words, stamp),
      ResolutionStatements.get(id, of: intent, merchant),
    ])
    return try ResolutionRecord(rows[1].single())
  }

  /// - Throws: RESOLUTION_NOT_FOUND, ALREADY_APPROVED, RESOLUTION_SUPERSEDED, SAME_PERSON, and those of
  ///   `propose`.
  func approve(
    _ id: ResolutionID, of intent: PaymentIntentID, _ merchant: MerchantID,
    in transaction: borrowing Transaction
  ) async throws -> ResolutionRecord {
    let stamp = environment.stamp
    guard
      let row = try await transaction.query(
        ResolutionStatements.get(id, of: intent, merchant)
      ).first
    else {
      throw RPCFailure.notFound("RESOLUTION_NOT_FOUND", "There is no resolution \(id).")
    }
    let subject = try ResolutionRecord(row).subject
    let found = try await look(for: subject, of: intent, merchant, in: transaction)
    // Read again under the operation's lock: somebody may have approved it meanwhile.
    let rows = try await transaction.batch([
      ResolutionStatements.get(id, of: intent, merchant),
      ResolutionStatements.newest(about: subject, of: intent),
    ])
    let proposal = try ResolutionRecord(rows[0].single())
    guard proposal.approvedBy == nil else {
      throw RPCFailure.failedPrecondition("ALREADY_APPROVED", "Somebody has approved it.")
    }
    guard try rows[1].single()[0, as: ResolutionID.self] == id else {
      throw RPCFailure.failedPrecondition(
        "RESOLUTION_SUPERSEDED", "A newer proposal is about the same: approve that one.")
    }
    guard
      let attestation = Attestation(
        proposal.kind, proposedBy: proposal.proposedBy, approvedBy: stamp.actor)
    else {
      throw RPCFailure.failedPrecondition(
        "SAME_PERSON", "Who proposed it cannot approve it: ask another operator.")
    }
    try check(proposal.kind, about: subject, found)
    let done = try await transaction.batch(
      try effect(attestation, of: proposal, found, stamp) + [
        ResolutionStatements.approve(id, of: found.record, stamp),
        ResolutionStatements.get(id, of: intent, merchant),
      ])
    guard let last = done.last else { throw RPCFailure.internalError }
    return try ResolutionRecord(last.single())
  }

  func unproven(after place: UnprovenPlace?, limit: Int64) async throws -> [UnprovenRecord] {
    let statement = ResolutionStatements.unproven(
      reversalSeconds: Double(ReversalSchedule.alertSeconds) * times.scale, after: place,
      limit: limit)
    return try await environment.database.query(statement).map { try UnprovenRecord($0) }
  }

  // MARK: Under the operation's lock

  private struct Found {
    var record: OperationRecord
    var refunds: [RefundRecord]
    /// Since the attempt was condemned, as the schedule counts.
    var condemnedSeconds: Int64
  }

  private func look(
    for subject: ResolutionSubject, of intent: PaymentIntentID, _ merchant: MerchantID,
    in transaction: borrowing Transaction
  ) async throws -> Found {
    guard
      let row = try await transaction.query(
        ResolutionStatements.place(of: subject, intent, merchant)
      ).first
    else {
      throw RPCFailure.notFound(
        "SUBJECT_NOT_FOUND", "There is no such attempt or refund of this payment intent.")
    }
    let (operation, age) = try row.decode((OperationID, Int64).self)
    let (record, refunds) = try await Self.locked(operation, of: intent, in: transaction)
    return Found(
      record: record, refunds: refunds,
      condemnedSeconds: times.scheduled(Double(age) / 1_000))
  }

  private func check(
    _ kind: Attestation.Kind, about subject: ResolutionSubject, _ found: Found
  ) throws {
    do throws(ResolutionRule.Refusal) {
      switch subject {
      case .attempt(let id):
        try ResolutionRule.check(
          kind, about: id, in: found.record.operation, ageSeconds: found.condemnedSeconds)
      case .refund(let id):
        guard let known = found.refunds.first(where: { $0.refund.id == id }),
          let winner = found.record.operation.winner
        else { throw .notUnproven }
        let age = found.record.now(environment.clock).seconds - known.sentAt.seconds
        try ResolutionRule.check(
          kind, about: known.refund, at: winner.attempt.gateway, ageSeconds: age)
      }
    } catch { throw Self.failure(error) }
  }

  /// What becomes known, as if the gateway had told it.
  private func effect(
    _ attestation: Attestation, of proposal: ResolutionRecord, _ found: Found, _ stamp: Stamp
  ) throws -> [Statement] {
    let detail =
      "seen by \(attestation.proposedBy) and \(attestation.approvedBy): \(proposal.words)"
    switch proposal.subject {
    case .attempt(let id):
      var record = found.record
      guard
        case .moved(let operation, let actions) = OperationMachine.next(
          record.operation, .attested(id, attestation))
      else { throw Self.failure(.notUnproven) }
      record.operation = operation
      let facts = writer.facts(actions, record)
      return [OperationStatements.update(record)]
        + writer.statements(actions, record, .init(detail: detail), facts, stamp)
    case .refund(let id):
      guard let known = found.refunds.first(where: { $0.refund.id == id }),
        let winner = found.record.operation.winner,
        let step = RefundMachine.next(known.refund, .attested(attestation))
      else { throw Self.failure(.notUnproven) }
      return writing(step, of: known, at: winner.attempt, found.record, detail, stamp).statements
    }
  }

  private static func failure(_ refusal: ResolutionRule.Refusal) -> RPCFailure {
    switch refusal {
    case .notUnproven:
      .failedPrecondition(
        "NOT_UNPROVEN", "It may still win, or its outcome is known: see tender show.")
    case .tooEarly:
      .failedPrecondition(
        "TOO_EARLY", "The gateway may still tell: wait until tender recovery list names it.")
    case .contradictsEvidence:
      .failedPrecondition(
        "EVIDENCE_CONTRADICTED", "The gateway has shown something else: see tender show.")
    }
  }
}

/// Something that nothing has proven, for people.
struct UnprovenRecord: Sendable {
  var subject: ResolutionSubject
  var merchant: MerchantID
  var intent: PaymentIntentID
  var operation: OperationID
  var gateway: String
  var account: String
  var reference: String?
  var amount: Amount
  var known: String
  var since: Timestamp
  var proposal: ResolutionRecord?

  /// A row of `ResolutionStatements.unproven`.
  init(_ row: Row) throws {
    guard
      let subject = ResolutionSubject(
        kind: try row[0, as: Int16.self], bits: try row[1, as: UUIDBits.self]),
      let currency = Currency(try row[8, as: String.self])
    else { throw PostgresError(.decoding, "an unproven row holds an unknown value") }
    self.subject = subject
    (merchant, intent) = (
      try row[2, as: MerchantID.self], try row[3, as: PaymentIntentID.self]
    )
    operation = try row[4, as: OperationID.self]
    (gateway, account) = (try row[5, as: String.self], try row[6, as: String.self])
    reference = try row[7, as: String?.self]
    amount = Amount(currency, minor: try row[9, as: Int64.self])
    known = try row[10, as: String.self]
    since = try row[11, as: Timestamp.self]
    let isOpen = try row[12, as: ResolutionID?.self] != nil && row[20, as: String?.self] == nil
    proposal = isOpen ? try ResolutionRecord(row, from: 12) : nil
  }
}

/// A place in the list of what is unproven: behind this item.
struct UnprovenPlace: Sendable {
  var since: Timestamp
  var subject: ResolutionSubject

  init(_ record: UnprovenRecord) {
    since = record.since
    subject = record.subject
  }

  /// Nil for an empty token. - Throws: PAGE_TOKEN_INVALID.
  init?(token: String) throws(RPCFailure) {
    if token.isEmpty { return nil }
    let parts = token.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let microseconds = Int64(parts[0]),
      let subject = ResolutionSubject(String(parts[1]))
    else {
      throw .invalid(
        "page_token", "PAGE_TOKEN_INVALID", "The token is not one of this method's answers.")
    }
    since = Timestamp(microseconds: microseconds)
    self.subject = subject
  }

  var token: String { "\(since.microseconds)/\(subject.description)" }
}
