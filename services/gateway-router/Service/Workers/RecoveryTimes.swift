import Configuration
import GatewayCore
import Money
import ServiceKit

/// The waits of the service's jobs.
///
/// Settings:
/// - `recovery.timeScale` (number, above 0, at most 1, default 1): shortens every wait of this page
///   and of the reversals' schedule, so that test and proof runs see its end. Refused below 1 with a
///   live account: a list without a payment proves something only when all is surely over.
/// - `giveUp.payerPresentSeconds` (whole, 60 to 2592000, default 900), `giveUp.offSessionSeconds`
///   (whole, 21600 to 2592000, default 259200): after that an operation that is still open is looked
///   at once more, closed, and everything of it is given back. Not below the longest time in which
///   something of it may be sent.
/// - `giveUp.bankDays` (whole, 1 to 60, default 14): the same for a debit that the bank works on.
struct RecoveryTimes: Sendable, Hashable {
  var scale = 1.0
  var giveUp = GiveUpLimits()

  private static let secondsMax = 30 * 86_400

  static func read(_ config: ConfigReader) throws(SettingsError) -> RecoveryTimes {
    var times = RecoveryTimes()
    if let text = config.string(forKey: "recovery.timeScale") {
      guard let scale = Double(text), scale > 0, scale <= 1 else {
        throw SettingsError("`recovery.timeScale` must be a number above 0 and at most 1.")
      }
      times.scale = scale
    }
    times.giveUp.payerPresentSeconds = Int64(
      try ServiceSettings.integer(
        config, "giveUp.payerPresentSeconds", default: 900,
        in: Int(SendWindowLimits.payerPresentSeconds)...secondsMax))
    times.giveUp.offSessionSeconds = Int64(
      try ServiceSettings.integer(
        config, "giveUp.offSessionSeconds", default: 259_200,
        in: Int(SendWindowLimits.offSessionSeconds)...secondsMax))
    times.giveUp.bankDays = try ServiceSettings.integer(
      config, "giveUp.bankDays", default: 14, in: 1...60)
    return times
  }

  /// - Throws: when waits are shortened and money is real.
  func check(
    against accounts: some Sequence<GatewayAccountSettings>
  ) throws(SettingsError) {
    guard scale < 1, let live = accounts.first(where: { !$0.isTest }) else { return }
    throw SettingsError(
      "`recovery.timeScale` is below 1 and \(live.account) is no test account: take the setting out, "
        + "or use test keys and addresses.")
  }

  // MARK: Looks

  func look(after looks: Int) -> Double { Double(LookSchedule.unknown(after: looks)) * scale }

  /// When an attempt that waits for the bank or the payer is looked at next, at the latest when its
  /// operation is given up. In seconds since it was sent: only the database knows when that was.
  func waitingLookSeconds(
    at id: AttemptID, of record: OperationRecord, now: Timestamp
  ) -> Double {
    let age = scheduled(Self.seconds(from: Self.sent(id, record, now), to: now))
    return min(
      Double(LookSchedule.waitingOffset(after: age)) * scale,
      giveUpSeconds(since: id, of: record, now: now))
  }

  func lateness(
    of attempt: Attempt, in record: OperationRecord, now: Timestamp
  ) -> LookSchedule.Lateness? {
    let sent = record.sentAt(attempt.id)
    return LookSchedule.lateness(
      of: attempt.evidence, method: record.method, sentAt: sent,
      now: sent + (now - sent) * (1 / scale))
  }

  /// Old enough that its age may have raised an alert.
  func mayHaveAlerted(_ id: AttemptID, in record: OperationRecord, now: Timestamp) -> Bool {
    now >= record.sentAt(id) + .seconds(LookSchedule.unknownAlertSeconds) * scale
  }

  // MARK: Ends

  var firstReversal: Double { Double(ReversalSchedule.offsetsSeconds[0]) * scale }

  /// When the operation is given up if it is still open.
  func giveUpAt(_ record: OperationRecord) -> Timestamp {
    let deadline = giveUp.deadline(
      of: record.operation, createdAt: record.createdAt, method: record.method,
      offSession: record.offSession)
    return record.createdAt + (deadline - record.createdAt) * scale
  }

  /// The same in seconds since one of its attempts was sent.
  func giveUpSeconds(since id: AttemptID, of record: OperationRecord, now: Timestamp) -> Double {
    Self.seconds(from: Self.sent(id, record, now), to: giveUpAt(record))
  }

  /// One whose row was not read has just been written.
  private static func sent(
    _ id: AttemptID, _ record: OperationRecord, _ now: Timestamp
  ) -> Timestamp {
    record.attempts[id]?.createdAt ?? now
  }

  private static func seconds(from start: Timestamp, to end: Timestamp) -> Double {
    Double((end - start) / .milliseconds(1)) / 1_000
  }

  /// Time that has passed, as the schedule counts it.
  func scheduled(_ seconds: Double) -> Int64 { Int64(seconds / scale) }
}
