import Foundation
import GRPCCore
import GatewayCore
import Money
import Postgres
import ReportFormats
import ServiceKit
import TestSupport
import Testing

@testable import GatewayService

/// Reports from the test gateways' own books, fetched over the real HTTP client.
@Suite(.timeLimit(.minutes(2)), .freshDatabase(service: "gateway"))
struct ReportFetchTests {
  @Test func stripesReportIsMadeReadAndKept() async throws {
    try await GatewayHarness.with { harness in
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let identity = try harness.stripeReport()
      let fetched = try await harness.fetch(identity)
      #expect(fetched.report.state == .fetched && fetched.report.rowCount == 1)
      #expect(fetched.summary?.countByType == [.captured: 1])
      // 49.99 less 0.25 and 1 %.
      #expect(fetched.summary?.net == [.eur: 4_999 - 25 - 49])
      let sha256 = try #require(fetched.report.sha256)
      #expect(sha256.count == 32 && fetched.report.bytes ?? 0 > 100)
      // The same again is the same, and one run.
      let again = try await harness.fetch(identity)
      #expect(again.report.sha256 == sha256 && again.report.runReference == fetched.report.runReference)
      let listed = try await onLoop(harness.first.loop) {
        try await harness.first.reports.list(limit: 10)
      }
      #expect(listed.map(\.identity) == [identity] && listed.first?.sha256 == sha256)
    }
  }

  /// What was read first counts; the schema itself refuses another truth.
  @Test func aFileThatChangesIsAnAlert() async throws {
    try await GatewayHarness.with { harness in
      _ = try await harness.first.execute(harness.order())
      let identity = try harness.stripeReport()
      let first = try await harness.fetch(identity).report.sha256
      _ = try await harness.first.execute(harness.order())
      await #expect(throws: (any Error).self) { try await harness.fetch(identity) }
      #expect(try await harness.alerts() == ["report_changed"])
      let kept: [UInt8] = try await harness.value("select sha256 from report")
      #expect(kept == first)
      await #expect(throws: (any Error).self) {
        try await harness.first.database.query(
          Statement(sql: "update report set row_count = row_count + 1"))
      }
    }
  }

  @Test func adyensReportIsAnnouncedAndProvesWhatBecameOfAnAttempt() async throws {
    try await GatewayHarness.with(priority: "adyen,stripe") { harness in
      let order = harness.order()
      _ = try await harness.first.execute(order)
      let record = try await harness.first.load(order)
      let attempt = try #require(record.operation.attempts.first?.attempt)
      try await harness.settleAdyen()
      let day = harness.today()
      for name in [
        "payments_accounting_report_\(day.description.replacing("-", with: "_")).csv",
        "settlement_detail_report_batch_\(day.daysSince1970).csv",
      ] {
        let file = try #require(ReportFileName(name))
        try await harness.announce(name)
        let identity = ReportIdentity(
          account: GatewayAccount(gateway: .adyen, account: TestGateways.adyenAccount),
          kind: file.kind, name: name)
        let stored = try await onLoop(harness.first.loop) {
          try await harness.first.reports.list(limit: 10)
        }
        #expect(stored.first { $0.identity == identity }?.state == .available)
        let fetched = try await harness.fetch(identity, evidenceOf: attempt.id)
        #expect(fetched.report.state == .fetched, "\(fetched.report.detail)")
        if file.kind == .paymentAccounting {
          #expect(
            fetched.evidence
              == .captured(
                paymentReference: attempt.reference ?? "", Amount(.eur, minor: 4_999), refunded: 0))
          let other = try await harness.fetch(identity, evidenceOf: AttemptID(bits: 1))
          #expect(other.evidence == .absent)
        }
        if file.kind == .settlementDetail {
          #expect(fetched.summary?.net == [.eur: 0])
          #expect(fetched.summary?.countByType == [.captured: 1, .payout: 1])
        }
      }
    }
  }

  /// Announced from elsewhere, for another account, or of another kind: nothing is noted.
  @Test func foreignAnnouncementsAreIgnored() async throws {
    try await GatewayHarness.with { harness in
      for (name, account) in [
        ("payments_accounting_report_2026_11_01.csv", "Other"),
        ("received_payments_report_2026_11_01.csv", TestGateways.adyenAccount),
      ] {
        try await harness.announce(name, account: account)
      }
      let count: Int64 = try await harness.value("select count(*) from report")
      let open: Int64 = try await harness.value(
        "select count(*) from notification where processed_at is null")
      #expect(count == 0 && open == 0)
    }
  }

  @Test func aGatewayThatFailsLeavesNothingBehindButTheRequest() async throws {
    try await GatewayHarness.with { harness in
      let identity = try harness.stripeReport()
      try await harness.gateways.inject("stripe", "error_500", on: ["report"])
      await #expect(throws: (any Error).self) { try await harness.fetch(identity) }
      let state: Int16 = try await harness.value("select state from report")
      #expect(state == 1)
      // Stripe keeps a 500 under the key of the run for a day.
      try await harness.gateways.advance(hours: 25)
      #expect(try await harness.fetch(identity).report.state == .fetched)
    }
  }
}

extension GatewayHarness {
  /// Everything of the last day, until now.
  fileprivate func stripeReport() throws -> ReportIdentity {
    let now = first.flow.environment.clock.now
    let start = Timestamp(seconds: now.seconds - 86_400)
    let end = Timestamp(seconds: now.seconds + 60)
    return ReportIdentity(
      account: GatewayAccount(gateway: .stripe, account: "main"), kind: .payoutReconciliation,
      name: "\(start.seconds)_\(end.seconds)", period: start..<end)
  }

  fileprivate func today() -> CivilDate { first.flow.environment.clock.now.date }

  fileprivate func fetch(
    _ identity: ReportIdentity, evidenceOf attempt: AttemptID? = nil
  ) async throws -> ReportFlow.Fetched {
    try await onLoop(first.loop) { try await first.reports.fetch(identity, evidenceOf: attempt) }
  }

  /// Until Adyen has done the capture that it accepted.
  fileprivate func settleAdyen() async throws {
    try await work { try await gateways.payments().allSatisfy { $0.captured > 0 } }
  }

  /// As the inbound endpoint stores it, then processed.
  fileprivate func announce(
    _ name: String, account: String = TestGateways.adyenAccount
  ) async throws {
    let address = "https://ca-test.adyen.com/reports/download/MerchantAccount/\(account)/\(name)"
    let body =
      #"{"live":"false","notificationItems":[{"NotificationRequestItem":{"eventCode":"REPORT_AVAILABLE","success":"true","merchantAccountCode":"\#(account)","pspReference":"\#(name)","reason":"\#(address)"}}]}"#
    _ = try await first.database.query(
      """
      insert into notification (gateway, id, body)
      values ('adyen', \("\(name):REPORT_AVAILABLE:true"), \(Array(body.utf8)))
      """)
    try await first.notice()
  }
}
