import GatewayCore
import Money
import Postgres
import ServiceKit
import Wire

/// A restore with how far it has got.
struct RestoreView: Sendable {
  var record: RestoreRecord
  var readings: [RestoreReadingRecord]
  var pending: Int64
  var rebuilt: Int64
  var forPeople: Int64
  var standing: RestoreStanding

  static func statements(_ id: RestoreID) -> [Statement] {
    [
      RestoreStatements.readings(id), RestoreStatements.counts(id),
      RestoreStatements.reportDays(id),
    ]
  }

  /// - Parameters:
  ///   - rows: of `statements`, in their order.
  ///   - unlisted: the accounts whose gateway has no list.
  init(
    _ record: RestoreRecord, _ rows: some RandomAccessCollection<Rows>, unlisted: [GatewayAccount]
  ) throws {
    let rows = Array(rows)
    self.record = record
    readings = try rows[0].map { try RestoreReadingRecord($0) }
    (pending, rebuilt, forPeople) = try rows[1].single().decode((Int64, Int64, Int64).self)
    let days = try rows[2].decode((String, String, Int32).self)
    standing = RestoreStanding(
      unread: readings.filter { $0.finishedAt == nil }
        .map { "\($0.subject.rawValue) of \($0.account)" },
      pending: pending, forPeople: forPeople,
      missingDays: unlisted.map { account in
        let read = days.filter { $0.0 == account.gateway.rawValue && $0.1 == account.account }
        return (
          account.description,
          RestoreStanding.missingDays(
            from: record.pointAt, to: record.begunAt,
            read: Set(read.map { CivilDate(daysSince1970: Int($0.2)) }))
        )
      })
  }

  /// While it is closed what stands in its way, afterwards what stood.
  var unproven: [String] { record.unproven ?? standing.unproven }

  var wire: GatewayV1.Restore {
    GatewayV1.Restore(
      id: record.id.description, pointAt: record.pointAt.wire,
      state: .init(rawValue: Int32(record.state.rawValue)), reason: record.reason,
      begunBy: record.begunBy, begunAt: record.begunAt.wire,
      readings: readings.map {
        GatewayV1.RestoreReading(
          account: $0.account.description, listedFrom: $0.listedFrom.wire,
          finishedAt: $0.finishedAt?.wire, itemsRead: UInt64(clamping: $0.itemsRead),
          itemsForeign: UInt64(clamping: $0.itemsForeign), error: $0.error,
          subject: $0.subject.rawValue)
      },
      paymentsPending: UInt64(clamping: pending), paymentsRebuilt: UInt64(clamping: rebuilt),
      paymentsForPeople: UInt64(clamping: forPeople), unproven: unproven,
      openAskedBy: record.openAskedUnproven == unproven ? record.openAskedBy ?? "" : "",
      openedBy: record.openedBy ?? "", openedAt: record.openedAt?.wire)
  }
}

extension GatewayV1.RestoredPayment {
  init(_ view: RestoredPaymentView) {
    let payment = view.payment
    self.init(
      gateway: payment.gateway, gatewayAccount: payment.account,
      gatewayReference: payment.reference, ownReference: payment.ownReference,
      state: .init(rawValue: Int32(payment.state.rawValue)),
      amount: payment.amount.map(CommonV1.Money.init), createdAt: payment.madeAt.wire,
      detail: String(payment.detail.prefix(RestoreFlow.detailMax)))
    merchantID = payment.merchant?.description ?? ""
    intentID = payment.intent?.description ?? ""
    operationID = payment.operation?.description ?? ""
    paymentReference = payment.paymentReference ?? ""
    restoreID = payment.restore.description
    guard let word = view.word else { return }
    verdict = .init(rawValue: Int32(word.verdict.rawValue))
    verdictBy = word.actor
  }
}
