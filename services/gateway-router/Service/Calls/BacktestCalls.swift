import GRPCCore
import GatewayCore
import Money
import Postgres
import Reactor
import Seal
import ServiceKit
import Wire

/// Running a version over stored payments, in pages, off the loop.
extension RoutingCalls {
  /// Payments of one back-test.
  static let paymentsMax = 200_000
  static let pageSize: Int64 = 500

  func backtestRouting(
    request: GatewayV1.BacktestRoutingRequest, context: ServerContext
  ) async throws -> GatewayV1.BacktestRoutingResponse {
    let number = Int32(clamping: request.number)
    let rows = try await environment.database.query(RoutingStatements.version(number))
    guard let row = rows.first else { throw Self.notFound(number) }
    let version = try RoutingVersion(row)
    let document: RoutingDocument
    switch try await ports.routing.check(version.document) {
    case .success(let found): document = found
    case .failure(let findings): throw Self.unusable(number, findings)
    }
    let against = try await activeTable()
    var run = BacktestRun(
      Backtest(RoutingTable(version: Int(number), document), against: against.table))
    var place = (
      intent: PaymentIntentID.first(
        at: environment.clock.now.milliseconds - Int64(request.days) * 86_400_000),
      operation: OperationID(bits: 0)
    )
    while run.read < Self.paymentsMax {
      let page = try await environment.database.query(
        RoutingStatements.payments(after: place.intent, place.operation, limit: Self.pageSize))
      let before = run
      run = try await environment.workers.run { try before.adding(page) }
      guard page.count == Int(Self.pageSize) else { break }
      let last = page[page.count - 1]
      place = (try last[0, as: PaymentIntentID.self], try last[1, as: OperationID.self])
    }
    let id = environment.identifiers.make(RoutingBacktestID.self)
    let result = run.message(
      id: id, version, against: against.number, days: request.days, at: environment.clock.now)
    let stamp = environment.stamp
    try await environment.database.transaction(batch: [
      RoutingStatements.insert(result, id: id, digest: version.digest, stamp),
      RoutingStatements.note(
        "backtested", "\(number)",
        reason: "\(result.payments) payments of \(request.days) days against version "
          + "\(against.number)", stamp),
    ])
    return GatewayV1.BacktestRoutingResponse(backtest: result)
  }

  /// The version that is active in the database, which this process may not have read yet; where it
  /// cannot use it, with what it routes by instead.
  private func activeTable() async throws -> (number: Int, table: RoutingTable) {
    let rows = try await environment.database.query(RoutingStatements.version(0))
    guard let row = rows.first else { return (0, ports.routing.settingsOrder) }
    let version = try RoutingVersion(row)
    let number = Int(version.number)
    switch try await ports.routing.check(version.document) {
    case .success(let document): return (number, RoutingTable(version: number, document))
    case .failure: return (number, ports.routing.table)
    }
  }
}

/// What pages of payments add up to.
private struct BacktestRun: Sendable {
  var backtest: Backtest
  /// Rows, with those left out.
  var read = 0
  var withoutInputs = 0

  init(_ backtest: Backtest) { self.backtest = backtest }

  func adding(_ page: Rows) throws -> BacktestRun {
    var run = self
    for row in page {
      run.read += 1
      guard let method = try row[5, as: String?.self].flatMap(MethodType.init(rawValue:)),
        let currency = Currency(try row[3, as: String.self]),
        let gateways = try row[8, as: [String]?.self]
      else {
        run.withoutInputs += 1
        continue
      }
      let request = RouteRequest(
        intentID: try row[0, as: PaymentIntentID.self],
        amount: Amount(currency, minor: try row[4, as: Int64.self]),
        country: try row[7, as: String?.self], method: method,
        brand: try row[6, as: String?.self], merchantID: try row[2, as: MerchantID.self])
      run.backtest.add(request, gateways: Set(gateways.compactMap(GatewayName.init(rawValue:))))
    }
    return run
  }

  func message(
    id: RoutingBacktestID, _ version: RoutingVersion, against: Int, days: UInt32,
    at now: Timestamp
  ) -> GatewayV1.Backtest {
    GatewayV1.Backtest(
      id: id.description, number: UInt32(max(0, version.number)),
      digest: Hex.encode(version.digest), against: UInt32(max(0, against)), days: days,
      payments: UInt64(backtest.payments), withoutInputs: UInt64(withoutInputs),
      moved: UInt64(backtest.moved),
      rules: backtest.rules.map { rule in
        GatewayV1.BacktestRule(
          rule: rule.name, payments: UInt64(rule.payments),
          shares: rule.shares.map { account, count in
            GatewayV1.BacktestShare(
              gatewayAccount: account?.description ?? "", payments: UInt64(count))
          }.sorted { ($1.payments, $0.gatewayAccount) < ($0.payments, $1.gatewayAccount) },
          moved: UInt64(rule.moved))
      },
      fees: backtest.fees.sorted { $0.key.code < $1.key.code }.map { currency, fees in
        GatewayV1.BacktestFees(
          currency: currency.code, payments: UInt64(fees.payments),
          draft: CommonV1.Money(Amount(currency, minor: fees.draft)),
          against: CommonV1.Money(Amount(currency, minor: fees.against)))
      },
      withoutFees: UInt64(backtest.withoutFees),
      isTruncated: read >= RoutingCalls.paymentsMax,
      orderedBySuccess: UInt64(backtest.orderedBySuccess), createdAt: now.wire)
  }
}
