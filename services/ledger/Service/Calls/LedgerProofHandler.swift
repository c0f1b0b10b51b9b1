package import GRPCCore
import LedgerCore
import Money
import Seal
package import ServiceKit
package import Wire

/// tender.ledger.v1.LedgerProof.
package struct LedgerProofHandler: LedgerV1.LedgerProof.SimpleServiceProtocol {
  private let verifier: BooksVerifier
  private let checker: DriftChecker
  private let alerts: ProofAlerts

  package init(_ environment: ServiceEnvironment) {
    verifier = BooksVerifier(database: environment.database, workers: environment.workers)
    checker = DriftChecker(database: environment.database)
    alerts = ProofAlerts(database: environment.database)
  }

  package func verifyLedger(
    request: LedgerV1.VerifyLedgerRequest,
    context: ServerContext
  ) async throws -> LedgerV1.VerifyLedgerResponse {
    let place = try BooksVerifier.Place(token: request.pageToken)
    let page = try await verifier.page(place)
    try await alerts.raise(page.findings)
    return LedgerV1.VerifyLedgerResponse(
      findings: page.findings.map { LedgerV1.BooksFinding($0) },
      batches: UInt32(page.batches),
      transactions: UInt32(page.transactions),
      movements: UInt32(page.movements),
      headBatch: UInt64(page.head?.number ?? 0),
      headHash: page.head.map { Hex.encode($0.hash) } ?? "",
      nextPageToken: page.next?.token ?? "",
      seals: UInt32(page.seals)
    )
  }

  package func checkDrift(
    request: LedgerV1.CheckDriftRequest,
    context: ServerContext
  ) async throws -> LedgerV1.CheckDriftResponse {
    let place = try DriftChecker.Place(token: request.pageToken)
    let page = try await checker.page(place)
    try await alerts.raise(page.findings)
    return LedgerV1.CheckDriftResponse(
      findings: page.findings.map { LedgerV1.DriftFinding($0) },
      accounts: UInt32(page.accounts),
      snapshots: UInt32(page.snapshots),
      nextPageToken: page.next?.token ?? ""
    )
  }
}

/// Page tokens: what the place is, and where.
enum PageToken {
  static let invalid = RPCFailure.invalid(
    "page_token",
    "PAGE_TOKEN_INVALID",
    "The token is not one of this method's answers."
  )

  static func parts(_ token: String) -> [Substring] {
    token.split(separator: "/", omittingEmptySubsequences: false)
  }
}

extension BooksVerifier.Place {
  init(token: String) throws(RPCFailure) {
    if token.isEmpty {
      self = .batch(0)
      return
    }
    let parts = PageToken.parts(token)
    if parts.count == 2, parts[0] == "batch", let number = Int64(parts[1]), number > 0 {
      self = .batch(number)
    } else if parts.count == 2, parts[0] == "movement", let bits = BookSequence(parts[1]) {
      self = .movement(LedgerTransactionID(bits: bits.bits))
    } else if parts.count == 2, parts[0] == "seal", let number = Int64(parts[1]), number >= 0 {
      self = .seal(number)
    } else {
      throw PageToken.invalid
    }
  }

  var token: String {
    switch self {
    case .batch(let number): "batch/\(number)"
    case .movement(let id): "movement/\(BookSequence(id.bits))"
    case .seal(let number): "seal/\(number)"
    }
  }
}

extension DriftChecker.Place {
  init(token: String) throws(RPCFailure) {
    if token.isEmpty {
      self = DriftChecker.start
      return
    }
    let parts = PageToken.parts(token)
    guard parts.count >= 2, let account = BookSequence(parts[1]) else { throw PageToken.invalid }
    let id = AccountID(bits: account.bits)
    if parts.count == 2, parts[0] == "account" {
      self = .account(id)
    } else if parts.count == 3, parts[0] == "snapshot", let sequence = BookSequence(parts[2]) {
      self = .snapshot(id, sequence)
    } else {
      throw PageToken.invalid
    }
  }

  var token: String {
    switch self {
    case .account(let id): "account/\(BookSequence(id.bits))"
    case .snapshot(let id, let sequence): "snapshot/\(BookSequence(id.bits))/\(sequence)"
    }
  }
}

extension LedgerV1.BooksFinding {
  init(_ finding: BooksFinding) {
    self.init(
      kind: finding.kind.rawValue,
      batch: UInt64(max(0, finding.batch)),
      sequence: finding.sequence?.description ?? "",
      transactionID: finding.transaction?.description ?? "",
      what: finding.what,
      day: finding.day?.description ?? ""
    )
  }
}

extension LedgerV1.DriftFinding {
  init(_ finding: DriftFinding) {
    self.init(
      kind: finding.kind.rawValue,
      merchantID: finding.merchant.description,
      accountID: finding.account.description,
      accountCode: finding.code,
      currency: finding.currency,
      keptDebitsMinor: finding.kept.debitsMinor,
      keptCreditsMinor: finding.kept.creditsMinor,
      entriesDebitsMinor: finding.entries.debitsMinor,
      entriesCreditsMinor: finding.entries.creditsMinor,
      sequence: finding.sequence?.description ?? ""
    )
  }
}
