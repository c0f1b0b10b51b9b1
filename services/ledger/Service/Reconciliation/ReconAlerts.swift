import LedgerCore
import Money
import Outbox
import Postgres

/// What people must know of a book: one alert while breaks ask for somebody, one while the clearing
/// account is not the sum of its items.
enum ReconAlerts {
  static let breaksKind = "reconciliation_breaks"
  static let deviationKind = "reconciliation_out_of_balance"
  static let failedKind = "reconciliation_failed"
  static let payoutsKind = "reconciliation_payouts_unbooked"

  /// Whoever changes which breaks are open holds this to the transaction's end, so that the last one
  /// to count counts all. "RECB"; taken behind the lock of runs, before any break's row.
  static func lock(_ book: ReconBook) -> Statement {
    "select pg_advisory_xact_lock(1380270914, hashtext(\(book.text)))"
  }

  /// After a person's change: ends the alert if nothing is open any more. The next run says how many
  /// are left.
  static func endIfNothingIsOpen(_ book: ReconBook) -> Statement {
    """
    update alert set state = 'resolved', resolved_at = now(), actor = \(PostingAlerts.actor)
    where dedup_key = \("\(breaksKind):\(book.text)") and state = 'open' and not exists (
      select from recon_break
      where gateway = \(book.account.gateway) and account = \(book.account.account)
        and livemode = \(book.isLive) and state in ('opened', 'reopened', 'acknowledged'))
    """
  }

  /// What a replica of the release before has raised of the account, when it did not tell live books
  /// from test ones: nobody else ends it.
  static func endOfBothBooks(_ book: ReconBook) -> Statement {
    let subject = "\(book.account.gateway):\(book.account.account)"
    return Alerts.resolve(
      dedupKeys: [breaksKind, deviationKind].map { "\($0):\(subject)" },
      actor: PostingAlerts.actor
    )
  }

  static func breaks(_ book: ReconBook, _ open: ReconOpenBreaks) -> Statement {
    guard open.count > 0 else {
      return Alerts.resolve(
        dedupKeys: ["\(breaksKind):\(book.text)"],
        actor: PostingAlerts.actor
      )
    }
    let since = open.earliest.map { " since \($0)" } ?? ""
    return Alerts.raise(
      Alert(
        open.critical > 0 ? .critical : .warning,
        kind: breaksKind,
        subject: book.text,
        message: "Books and reports of \(book.text) differ: \(open.count) breaks\(since), "
          + "\(open.critical) of them critical. See `tender recon breaks`.",
        actor: PostingAlerts.actor
      )
    )
  }

  /// Payouts that were named and that no run can book: whose they are nobody knows, or their lines do not
  /// come to them any more. Without a line and an item there is no break that could say so.
  static func payouts(_ book: ReconBook, unbooked count: Int64, such payout: String) -> Statement {
    guard count > 0 else {
      return Alerts.resolve(dedupKeys: ["\(payoutsKind):\(book.text)"], actor: PostingAlerts.actor)
    }
    return Alerts.raise(
      Alert(
        .critical,
        kind: payoutsKind,
        subject: book.text,
        message: "Payouts of \(book.text) were named with their reports and are not booked: \(count), "
          + "such as \(payout.prefix(60)). Say in ledger's setting `recon.merchants` whose the account "
          + "is; where one is the account's already, compare the payout with its lines (`tender recon "
          + "breaks`), and book it by hand under its id.",
        actor: PostingAlerts.actor
      )
    )
  }

  static func deviation(_ book: ReconBook, _ totals: [ControlTotal]) -> Statement {
    let wrong = totals.filter { $0.deviationMinor != 0 }
    guard !wrong.isEmpty else {
      return Alerts.resolve(
        dedupKeys: ["\(deviationKind):\(book.text)"],
        actor: PostingAlerts.actor
      )
    }
    let amounts = wrong.map { "\(Amount($0.currency, minor: $0.deviationMinor))" }
    return Alerts.raise(
      Alert(
        .critical,
        kind: deviationKind,
        subject: book.text,
        message: "The clearing account of \(book.text) is not the sum of its items: "
          + "\(amounts.joined(separator: ", ")). Trust no figure of reconciliation; run `tender "
          + "ledger verify` and `tender ledger drift`.",
        actor: PostingAlerts.actor
      )
    )
  }
}

extension ReconAlerts {
  /// The schedule has tried so often in vain.
  static func failed(_ book: ReconBook, _ failures: Int32, _ why: String) -> Statement {
    Alerts.raise(
      Alert(
        .critical,
        kind: failedKind,
        subject: book.text,
        message: "Books and reports of \(book.text) were not compared, \(failures) times in a row: "
          + "\(why) See `tender recon schedule`.",
        actor: PostingAlerts.actor
      )
    )
  }

  static func compared(_ book: ReconBook) -> Statement {
    Alerts.resolve(dedupKeys: ["\(failedKind):\(book.text)"], actor: PostingAlerts.actor)
  }
}

/// Breaks of a book that ask for somebody.
struct ReconOpenBreaks: Sendable {
  var count: Int64
  var critical: Int64
  /// When the first of them happened.
  var earliest: CivilDate?

  /// A row of `ReconBreakStore.open`.
  init(_ row: Row) throws {
    (count, critical, earliest) = try row.decode((Int64, Int64, CivilDate?).self)
  }
}
