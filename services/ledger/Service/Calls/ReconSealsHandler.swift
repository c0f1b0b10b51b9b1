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

  package init(_ environment: ServiceEnvironment) { self.environment = environment }

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
    let stamp = environment.stamp
    let seal = try await environment.database.transaction { transaction in
      // No import, run or booking of the account until the seal says what it has seen, and nobody who
      // changes a break: in the order of a run.
      try await ReconTurn.take(book.account, in: transaction)
      do throws(PostgresError) {
        _ = try await transaction.query(ReconAlerts.lock(book))
      } catch {
        throw ReconTurn.refusal(error)
      }
      let rows = try await transaction.batch([
        ReconSealStore.newest(book), ReconSealStore.look(book, through: day),
      ])
      if let row = rows[0].first {
        let standing = try ReconSealRecord(row)
        if standing.holds(day) { return standing }
      }
      let state = try ReconSealStore.state(try rows[1].single())
      if let refusal = ReconSealRule.refusal(of: day, state) {
        throw Self.failure(refusal, day)
      }
      let made = try await transaction.batch([
        ReconSealStore.insert(book, through: day, stamp), ReconSealStore.newest(book),
      ])
      return try ReconSealRecord(try made[1].single())
    }
    return LedgerV1.SealReconciliationResponse(seal: LedgerV1.ReconSeal(seal))
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
    case .booksDayOpen:
      .failedPrecondition(
        "BOOKS_DAY_OPEN",
        "The books of \(day) are not sealed; see `tender ledger seals`."
      )
    case .reportsMissing(let through):
      .failedPrecondition(
        "REPORTS_MISSING",
        through.map { "The reports end with \($0)." } ?? "No report of these books was imported.",
        metadata: ["reported_through": through?.description ?? ""]
      )
    case .comparisonOutdated:
      .failedPrecondition(
        "COMPARISON_OUTDATED",
        "Reports or the seal of the books are newer than the last comparison: `tender recon run`."
      )
    case .totalsDeviate:
      .failedPrecondition(
        "TOTALS_DEVIATE",
        "A clearing account is not the sum of its items: no figure can be trusted. See `tender doctor`."
      )
    case .itemsAwaited(let count):
      .failedPrecondition(
        "ITEMS_AWAITED",
        "\(count) bookings of these days wait for their report, which is not overdue.",
        metadata: ["count": "\(count)"]
      )
    case .breaksOpen(let count):
      .failedPrecondition(
        "BREAKS_OPEN",
        "\(count) breaks of these days are open: resolve or accept them, see `tender recon breaks --all`.",
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
