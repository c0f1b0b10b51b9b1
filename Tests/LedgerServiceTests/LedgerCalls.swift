import GRPCCore
import LedgerCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit
import TestSupport
import Transport
import Wire

@testable import LedgerService

/// The service's handlers, called as the interceptor would call them.
struct LedgerCalls: Sendable {
  let environment: ServiceEnvironment
  let ledger: LedgerHandler
  let history: LedgerHistoryHandler
  let proof: LedgerProofHandler
  let seals: DaySealsHandler

  /// - Parameter sealFolder: where the files of seals go.
  init(_ books: Books, sealFolder: String? = nil) throws {
    let certificates = try TestCertificates()
    let files = try certificates.issue(["spiffe://tender/service/ledger"], name: "ledger")
    let settings = try SettingsSource.reader(
      fileText: """
        listen = 127.0.0.1:1
        endpoints.file = none
        tls.certificate = \(files.chain)
        tls.key = \(files.key)
        tls.authority = \(files.authority)
        """,
      environment: [:]
    )
    environment = ServiceEnvironment(
      name: .ledger,
      loop: books.loop,
      workers: books.workers,
      database: books.database,
      settings: try ServiceSettings(config: settings),
      logger: Logger(label: "test"),
      clock: TestClock(clock: books.clock),
      tls: try TLSIdentity(chain: files.chain, key: files.key, authority: files.authority),
      endpoints: Endpoints(addresses: [:])
    )
    ledger = LedgerHandler(
      environment: environment,
      writer: books.writer,
      alerts: PostingAlerts(database: books.database)
    )
    history = LedgerHistoryHandler(database: books.database)
    proof = LedgerProofHandler(environment)
    seals = DaySealsHandler(
      environment: environment,
      sealer: Self.sealer(environment, sealFolder)
    )
  }

  /// Whose merchants hear of days of long ago too.
  static func sealer(_ environment: ServiceEnvironment, _ folder: String?) -> DaySealer {
    DaySealer(environment, files: SealFiles(folder: folder), newsDays: 100_000)
  }

  /// A service tells how far it has told everything.
  func tell(_ service: String, through: Timestamp) async throws {
    _ = try await call(as: .service(service), merchant: nil) {
      try await seals.reportWatermark(
        request: LedgerV1.ReportWatermarkRequest(through: GoogleProtobuf.Timestamp(through)),
        context: $0
      )
    }
  }

  /// Everybody has told everything, as of now.
  func tellAll() async throws {
    // It counts as the ledger's own time.
    let later = Timestamp(seconds: 4_000_000_000)
    try await tell("gateway-router", through: later)
    try await tell("intents", through: later)
  }

  /// - Parameter day: nil for the next one.
  func seal(_ day: String? = nil, without: [String] = []) async throws -> LedgerV1.DaySeal? {
    let next = day == nil ? try await listSeals().nextDay : ""
    return try await call(as: .operator("ann"), merchant: nil) {
      try await seals.sealDay(
        request: LedgerV1.SealDayRequest(day: day ?? next, withoutProducers: without),
        context: $0
      )
    }.seal
  }

  func listSeals(_ token: String = "") async throws -> LedgerV1.ListSealsResponse {
    try await call(as: .auditor("ann"), merchant: nil) {
      try await seals.listSeals(
        request: LedgerV1.ListSealsRequest(pageToken: token),
        context: $0
      )
    }
  }

  private func call<R: Sendable>(
    as peer: PeerIdentity = .merchant(id: "m", client: "demo"),
    merchant: MerchantID? = Books.merchant,
    key: IdempotencyKey? = nil,
    _ body: @Sendable (ServerContext) async throws -> R
  ) async throws -> R {
    let context = CallContext(
      method: "tender.ledger.v1.Test/Test",
      peer: peer,
      merchant: merchant,
      trace: .random(),
      key: key
    )
    let server = ServerContext(
      descriptor: MethodDescriptor(fullyQualifiedService: "test", method: "test"),
      remotePeer: "in-process:test",
      localPeer: "in-process:test",
      cancellation: ServerContext.RPCCancellationHandle()
    )
    return try await CallContext.$current.withValue(context) { try await body(server) }
  }

  /// A keyed call as an operator.
  private func keyed<R: Sendable>(
    _ body: @Sendable (ServerContext) async throws -> R
  ) async throws -> R {
    let key = try IdempotencyKey("test-\(UInt64.random(in: 0...UInt64.max))")
    return try await call(as: .operator("ann"), key: key, body)
  }

  func setLimits(
    _ code: String,
    _ currency: String = "EUR",
    minimum: Int64? = nil,
    maximum: Int64? = nil
  ) async throws -> LedgerV1.Account {
    let request = LedgerV1.SetAccountLimitsRequest(
      accountCode: code,
      currency: currency,
      minimumBalanceMinor: minimum,
      maximumBalanceMinor: maximum
    )
    let answer = try await keyed {
      try await ledger.setAccountLimits(request: request, context: $0)
    }
    return answer.account ?? LedgerV1.Account()
  }

  @discardableResult
  func setClosed(
    _ isClosed: Bool,
    _ code: String,
    _ currency: String = "EUR"
  ) async throws -> LedgerV1.Account {
    let answer = try await keyed { context -> LedgerV1.Account? in
      guard isClosed else {
        let request = LedgerV1.ReopenAccountRequest(accountCode: code, currency: currency)
        return try await ledger.reopenAccount(request: request, context: context).account
      }
      let request = LedgerV1.CloseAccountRequest(accountCode: code, currency: currency)
      return try await ledger.closeAccount(request: request, context: context).account
    }
    return answer ?? LedgerV1.Account()
  }

  func accounts() async throws -> [LedgerV1.Account] {
    try await call {
      try await ledger.listAccounts(request: LedgerV1.ListAccountsRequest(), context: $0)
    }.accounts
  }

  func pending() async throws -> [LedgerV1.Transaction] {
    try await call {
      try await ledger.listPending(request: LedgerV1.ListPendingRequest(), context: $0)
    }.transactions
  }

  func transaction(_ id: UInt128) async throws -> LedgerV1.Transaction? {
    let request = LedgerV1.GetTransactionRequest(
      transactionID: LedgerTransactionID(bits: id).description
    )
    return try await call {
      try await ledger.getTransaction(request: request, context: $0)
    }.transaction
  }

  /// The refusal of a call; nil if it succeeds or fails otherwise.
  func reason<R>(_ body: () async throws -> R) async -> String? {
    do {
      _ = try await body()
      return nil
    } catch {
      return (error as? RPCFailure)?.reason
    }
  }

  func post(
    _ commands: [LedgerV1.PostingCommand],
    as peer: PeerIdentity = .service("intents")
  ) async throws -> [LedgerV1.PostingResult] {
    try await call(as: peer, merchant: nil) {
      try await ledger.post(request: LedgerV1.PostRequest(commands: commands), context: $0)
    }.results
  }

  func transactions(about subject: String) async throws -> [LedgerV1.Transaction] {
    try await call {
      try await ledger.listTransactions(
        request: LedgerV1.ListTransactionsRequest(subject: subject),
        context: $0
      )
    }.transactions
  }

  func verify(_ token: String = "") async throws -> LedgerV1.VerifyLedgerResponse {
    try await call(as: .auditor("ann"), merchant: nil) {
      try await proof.verifyLedger(
        request: LedgerV1.VerifyLedgerRequest(pageToken: token),
        context: $0
      )
    }
  }

  func drift(_ token: String = "") async throws -> LedgerV1.CheckDriftResponse {
    try await call(as: .auditor("ann"), merchant: nil) {
      try await proof.checkDrift(
        request: LedgerV1.CheckDriftRequest(pageToken: token),
        context: $0
      )
    }
  }

  /// On the account's normal side.
  func balance(
    _ code: String,
    recorded: Timestamp? = nil,
    effective: Timestamp? = nil
  ) async throws -> Int64? {
    try await account(code, recorded: recorded, effective: effective)?.balanceMinor
  }

  func account(
    _ code: String,
    recorded: Timestamp? = nil,
    effective: Timestamp? = nil
  ) async throws -> LedgerV1.Account? {
    let request = LedgerV1.GetBalanceRequest(
      accountCode: code,
      currency: "EUR",
      asOfRecorded: recorded.map { GoogleProtobuf.Timestamp($0) },
      asOfEffective: effective.map { GoogleProtobuf.Timestamp($0) }
    )
    return try await call { try await history.getBalance(request: request, context: $0) }.account
  }

  func entries(
    _ code: String,
    after: Timestamp? = nil,
    through: Timestamp? = nil,
    size: UInt32 = 0,
    token: String = ""
  ) async throws -> LedgerV1.ListEntriesResponse {
    let request = LedgerV1.ListEntriesRequest(
      accountCode: code,
      currency: "EUR",
      after: after.map { GoogleProtobuf.Timestamp($0) },
      through: through.map { GoogleProtobuf.Timestamp($0) },
      pageSize: size,
      pageToken: token
    )
    return try await call { try await history.listEntries(request: request, context: $0) }
  }

  /// Per currency, over all accounts.
  func totals() async throws -> [LedgerV1.TrialBalanceLine] {
    try await call {
      try await ledger.getTrialBalance(request: LedgerV1.GetTrialBalanceRequest(), context: $0)
    }.lines
  }

  func trialBalance(
    recorded: Timestamp? = nil,
    effective: Timestamp? = nil
  ) async throws -> [LedgerV1.Account] {
    try await trialBalancePage(recorded: recorded, effective: effective).accounts
  }

  func trialBalancePage(
    recorded: Timestamp? = nil,
    effective: Timestamp? = nil,
    size: UInt32 = 0,
    token: String = ""
  ) async throws -> LedgerV1.GetTrialBalanceAsOfResponse {
    let request = LedgerV1.GetTrialBalanceAsOfRequest(
      asOfRecorded: recorded.map { GoogleProtobuf.Timestamp($0) },
      asOfEffective: effective.map { GoogleProtobuf.Timestamp($0) },
      pageSize: size,
      pageToken: token
    )
    return try await call { try await history.getTrialBalanceAsOf(request: request, context: $0) }
  }
}
