package import GRPCCore
import LedgerCore
import Money
import Postgres
import Seal
package import ServiceKit
package import Wire

/// tender.ledger.v1.ReconSeals: days that books and reports agree on.
package struct ReconSealsHandler: LedgerV1.ReconSeals.SimpleServiceProtocol {
  private let environment: ServiceEnvironment
  private let settings: ReconSettings

  package init(_ environment: ServiceEnvironment, _ settings: ReconSettings) {
    self.environment = environment
    self.settings = settings
  }

  package func sealReconciliation(
    request: LedgerV1.SealReconciliationRequest,
    context: ServerContext
  ) async throws -> LedgerV1.SealReconciliationResponse {
    let book = ReconBook(
      try ReconciliationHandler.account(request.gateway, request.gatewayAccount),
      isLive: request.livemode
    )
    guard let day = CivilDate(isoText: request.day) else {
      throw RPCFailure.invalid("day", "DAY_INVALID", "A day is written as 2026-11-28.")
    }
    // Before the comparison, which then has all that was ever recorded in it.
    let books = try await environment.database.query(ReconSealStore.isBooksDaySealed(day))
    guard try books.single()[0, as: Bool.self] else {
      throw RPCFailure.failedPrecondition(
        "BOOKS_DAY_OPEN",
        "The books of \(day) are not sealed; see `tender ledger seals`."
      )
    }
    let outcome = try await environment.shielded(
      "reconciliation seal",
      limit: .seconds(ReconciliationHandler.runLimitSeconds)
    ) { try await seal(book, through: day) }
    switch outcome {
    case .sealed(let seal): return LedgerV1.SealReconciliationResponse(seal: LedgerV1.ReconSeal(seal))
    // After the end of the transaction: what was found stays, for people to look into.
    case .refused(let refusal): throw Self.failure(refusal, day)
    }
  }

  private enum Outcome: Sendable {
    case sealed(ReconSealRecord)
    case refused(ReconSealRule.Refusal)
  }

  /// Compares, and seals by what it has found: nothing comes in between, as a run holds the account's turn
  /// and that of whoever changes breaks.
  private func seal(_ book: ReconBook, through day: CivilDate) async throws -> Outcome {
    let stamp = environment.stamp
    let run = ReconRun(
      id: environment.identifiers.make(ReconRunID.self),
      book: book,
      settings: settings,
      now: environment.clock.now,
      stamp: stamp
    )
    let booked = try await ReconBooker(environment: environment, settings: settings, run: run)
      .perform()
    return try await environment.database.transaction { transaction in
      let found = try await run.perform(in: transaction, after: booked)
      let rows = try await transaction.batch([
        ReconSealStore.newest(book), ReconSealStore.look(book, through: day),
      ])
      if let row = rows[0].first {
        let standing = try ReconSealRecord(row)
        if standing.holds(day) { return .sealed(standing) }
      }
      let state = try ReconSealStore.state(try rows[1].single(), after: found)
      if let refusal = ReconSealRule.refusal(of: day, state) { return .refused(refusal) }
      let made = try await transaction.batch([
        ReconSealStore.insert(book, through: day, after: run.id, stamp),
        ReconSealStore.newest(book),
      ])
      return .sealed(try ReconSealRecord(try made[1].single()))
    }
  }

  package func listReconSeals(
    request: LedgerV1.ListReconSealsRequest,
    context: ServerContext
  ) async throws -> LedgerV1.ListReconSealsResponse {
    guard !request.gateway.isEmpty || !request.gatewayAccount.isEmpty else {
      guard request.pageToken.isEmpty else { throw PageToken.invalid }
      let rows = try await environment.database.query(ReconSealStore.newest())
      return LedgerV1.ListReconSealsResponse(
        seals: try rows.map { LedgerV1.ReconSeal(try ReconSealRecord($0)) }
      )
    }
    let book = ReconBook(
      try ReconciliationHandler.account(request.gateway, request.gatewayAccount),
      isLive: request.livemode
    )
    let rows = try await environment.database.query(
      ReconSealStore.seals(book, before: try Self.place(request.pageToken))
    )
    let seals = try rows.map { try ReconSealRecord($0) }
    let isLast = seals.count < Int(ReconSealStore.pageMax) || seals.last?.number == 1
    return LedgerV1.ListReconSealsResponse(
      seals: seals.map { LedgerV1.ReconSeal($0) },
      nextPageToken: isLast ? "" : seals.last.map { "recon/\($0.number)" } ?? ""
    )
  }

  private static func place(_ token: String) throws(RPCFailure) -> Int64 {
    guard !token.isEmpty else { return .max }
    let parts = PageToken.parts(token)
    guard parts.count == 2, parts[0] == "recon", let number = Int64(parts[1]), number > 0 else {
      throw PageToken.invalid
    }
    return number
  }

  private static func failure(_ refusal: ReconSealRule.Refusal, _ day: CivilDate) -> RPCFailure {
    switch refusal {
    case .reportsMissing(let through):
      .failedPrecondition(
        "REPORTS_MISSING",
        through.map { "The reports end with \($0)." } ?? "No report of these books was imported.",
        metadata: ["reported_through": through?.description ?? ""]
      )
    case .totalsDeviate:
      .failedPrecondition(
        "TOTALS_DEVIATE",
        "A clearing account is not the sum of its items, so that no figure can be trusted: see `tender "
          + "ledger verify` and `tender ledger drift`."
      )
    case .itemsAwaited(let count):
      .failedPrecondition(
        "ITEMS_AWAITED",
        "Of these days wait for their report, and are not overdue: \(count) bookings.",
        metadata: ["count": "\(count)"]
      )
    case .breaksOpen(let count):
      .failedPrecondition(
        "BREAKS_OPEN",
        "Of these days are open: \(count) breaks. Resolve or accept them; see `tender recon breaks "
          + "--all`, which has those that are snoozed.",
        metadata: ["count": "\(count)"]
      )
    }
  }
}

extension ReconSealRecord {
  /// Whether a day needs no other seal.
  func holds(_ day: CivilDate) -> Bool {
    day <= self.day && (reopenedFrom.map { day < $0 } ?? true)
  }
}

extension LedgerV1.ReconSeal {
  init(_ seal: ReconSealRecord) {
    self.init(
      gateway: seal.book.account.gateway,
      gatewayAccount: seal.book.account.account,
      livemode: seal.book.isLive,
      number: UInt64(max(0, seal.number)),
      day: seal.day.description,
      booksRoot: Hex.encode(seal.booksRoot),
      runID: seal.run.description,
      lineCount: UInt64(max(0, seal.lineCount)),
      itemCount: UInt64(max(0, seal.itemCount)),
      acceptedBreakCount: UInt64(max(0, seal.acceptedBreaks)),
      sealedAt: seal.sealedAt.wire,
      actor: seal.actor,
      reopenedFrom: seal.reopenedFrom?.description ?? ""
    )
  }
}
