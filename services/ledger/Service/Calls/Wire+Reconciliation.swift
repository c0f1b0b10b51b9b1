import LedgerCore
import Money
import Postgres
import ReportFormats
import ServiceKit
import Wire

extension LedgerV1.ReconClass {
  init(_ reconClass: ReconClass) {
    self =
      switch reconClass {
      case .matched: .matched
      case .timing: .timing
      case .missingInternal: .missingInternal
      case .missingExternal: .missingExternal
      case .amountMismatch: .amountMismatch
      case .feeMismatch: .feeMismatch
      case .currencyMismatch: .currencyMismatch
      case .statusMismatch: .statusMismatch
      case .duplicate: .duplicate
      case .orphanReversal: .orphanReversal
      case .batchTotalMismatch: .batchTotalMismatch
      case .unknownType: .unknownType
      }
  }
}

extension LedgerV1.BreakState {
  init(_ state: BreakState) {
    self =
      switch state {
      case .opened: .opened
      case .acknowledged: .acknowledged
      case .resolved: .resolved
      case .accepted: .accepted
      case .reopened: .reopened
      case .snoozed: .snoozed
      }
  }
}

extension LedgerV1.ReconFile {
  init(_ file: ReconFileRecord) {
    self.init(
      id: file.id.description,
      gateway: file.terms.account.gateway,
      gatewayAccount: file.terms.account.account,
      kind: file.terms.kind == .settlementDetail ? .settlementDetail : .payoutReconciliation,
      sha256: file.terms.sha256,
      bytes: UInt64(file.bytes),
      lineCount: UInt64(file.lineCount),
      firstDay: file.firstDay.description,
      lastDay: file.lastDay.description,
      importedAt: file.importedAt.wire,
      livemode: file.terms.isLive
    )
  }
}

extension LedgerV1.RunReconciliationResponse {
  init(_ run: ReconRunRecord) {
    self.init(
      runID: run.id.description,
      lineCount: UInt64(run.lineCount),
      itemCount: UInt64(run.itemCount),
      classes: run.classes.map {
        LedgerV1.ClassCount(reconClass: .init($0.reconClass), count: UInt64($0.count))
      },
      totals: run.totals.map {
        LedgerV1.ReconTotal(
          currency: $0.currency.code,
          clearingBalanceMinor: $0.clearingBalanceMinor,
          openItemsMinor: $0.openItemsMinor,
          pairedItemsMinor: $0.pairedItemsMinor,
          pairedLinesMinor: $0.pairedLinesMinor,
          unbookedLinesMinor: $0.unbookedLinesMinor,
          feesMinor: $0.feesMinor,
          deviationMinor: $0.deviationMinor,
          afterBookingMinor: $0.afterBookingMinor,
          unbookedFeesMinor: $0.unbookedFeesMinor
        )
      },
      breaksOpened: UInt32(clamping: run.opened),
      breaksResolved: UInt32(clamping: run.resolved),
      breaksOpen: UInt32(clamping: run.open),
      movementsBooked: UInt64(run.booked.movements),
      feesBooked: UInt64(run.booked.fees),
      withoutMerchant: UInt64(run.booked.withoutMerchant),
      contradicted: UInt64(run.booked.contradicted)
    )
  }
}

extension LedgerV1.ReconBreak {
  init(_ record: ReconBreakRecord, _ today: CivilDate) {
    self.init(
      id: record.id.description,
      gateway: record.book.account.gateway,
      gatewayAccount: record.book.account.account,
      reconClass: .init(record.reconClass),
      state: .init(record.state),
      reported: record.reported.map { CommonV1.Money($0) },
      booked: record.booked.map { CommonV1.Money($0) },
      occurredOn: record.occurredOn.description,
      ageDays: UInt32(record.ageDays(today)),
      severity: record.severity(today).rawValue,
      merchantID: record.merchant?.description ?? "",
      transactionID: record.transaction?.description ?? "",
      note: record.note,
      snoozedUntil: record.snoozedUntil?.wire,
      openedAt: record.openedAt.wire,
      updatedAt: record.updatedAt.wire,
      livemode: record.book.isLive
    )
  }
}

extension LedgerV1.ReconLine {
  init(_ line: ReconLineRecord, _ file: ReconFileID, _ number: Int32) {
    self.init(
      fileID: file.description,
      line: UInt32(clamping: number),
      type: line.match.type.word,
      typeText: line.typeText,
      movementReference: line.movementReference,
      paymentReference: line.match.paymentReference,
      batch: line.batch,
      bookedAt: line.bookedAt,
      gross: CommonV1.Money(line.match.amount),
      fee: line.fee.map { CommonV1.Money($0) },
      net: line.net.map { CommonV1.Money($0) }
    )
  }
}

extension LedgerV1.ReconItem {
  init(_ record: ReconItemRecord, comparedWith line: ReconLineRecord?) {
    var words = ""
    if let line {
      words =
        MatchLadder.step(line.match, record.item).map { step in
          "known by \(step.rung.words): \(step.fit.words)"
        } ?? "another kind of movement"
    }
    self.init(
      transactionID: record.item.id.description,
      merchantID: record.merchant.description,
      kind: record.item.kind,
      externalReference: record.item.externalReference,
      amount: CommonV1.Money(record.item.amount),
      effectiveOn: record.effectiveOn.description,
      comparison: words,
      isPaired: record.isPaired
    )
  }
}

extension LedgerV1.BreakChange {
  /// A row of `ReconBreakStore.changes`.
  init(_ row: Row) throws {
    let (version, state, word, note, time, actor) = try row.decode(
      (Int32, String, String, String, Timestamp, String).self
    )
    guard let state = BreakState(rawValue: state), let reconClass = ReconClass(rawValue: word)
    else { throw PostgresError(.decoding, "recon_break_change holds an unknown word") }
    self.init(
      version: UInt32(clamping: version),
      state: .init(state),
      reconClass: .init(reconClass),
      note: note,
      changedAt: time.wire,
      actor: actor
    )
  }
}

extension MatchFit {
  fileprivate var words: String {
    switch self {
    case .exact: "amount and currency agree"
    case .otherAmount: "the amount is another"
    case .otherCurrency: "the currency is another"
    case .otherStatus: "another thing became of it"
    }
  }
}

extension LedgerV1.BookingTemplate {
  init(_ template: LineTemplate) {
    self =
      switch template {
      case .fee: .fee
      case .payout: .payout
      case .payoutReversal: .payoutReversal
      case .reserve: .reserve
      case .adjustment: .adjustment
      case .disputeOpened: .disputeOpened
      case .directDebitReturn: .directDebitReturn
      case .disputeWon: .disputeWon
      case .orphanCapture: .orphanCapture
      case .orphanReversal: .orphanReversal
      }
  }
}

extension LedgerV1.WriteOff {
  init(_ record: WriteOffRecord) {
    self.init(
      id: record.id.description,
      breakID: record.reconBreak.description,
      gateway: record.book.account.gateway,
      gatewayAccount: record.book.account.account,
      livemode: record.book.isLive,
      merchantID: record.merchant.description,
      amount: CommonV1.Money(record.amount),
      words: record.words,
      proposedBy: record.proposedBy,
      proposedAt: record.proposedAt.wire,
      approvedBy: record.approvedBy ?? "",
      approvedAt: record.approvedAt?.wire,
      transactionID: record.transaction?.description ?? ""
    )
  }
}

extension LedgerV1.ReconSchedule {
  init(_ record: ReconScheduleRecord, _ timetable: ReconTimetable?) {
    let next = timetable.map { $0.dueAt(record.entry, now: record.readAt) }
    self.init(
      gateway: record.book.account.gateway,
      gatewayAccount: record.book.account.account,
      livemode: record.book.isLive,
      lastRunAt: record.startedAt?.wire,
      lastRunID: record.run?.description ?? "",
      nextRunAt: next?.wire,
      failures: UInt32(clamping: record.entry.failures),
      failure: record.failure
    )
  }
}
