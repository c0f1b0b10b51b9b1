package import Money

/// What moved on a clearing account on one day, in one currency. All amounts are zero or more.
package struct ClearingFlow: Sendable, Hashable {
  package var day: CivilDate
  /// Towards us: captures, disputes won, and the like.
  package var inMinor: Int64
  /// Away from us, neither fees nor payouts: refunds, disputes, and the like.
  package var outMinor: Int64
  package var feeMinor: Int64
  package var paidMinor: Int64

  package init(
    _ day: CivilDate,
    in inMinor: Int64 = 0,
    out outMinor: Int64 = 0,
    fee feeMinor: Int64 = 0,
    paid paidMinor: Int64 = 0
  ) {
    self.day = day
    self.inMinor = inMinor
    self.outMinor = outMinor
    self.feeMinor = feeMinor
    self.paidMinor = paidMinor
  }
}

/// What a clearing account holds, by the day on which it came, and what was paid of which day.
///
/// A gateway pays what it has held longest. A day's fees are of that day's money, what else goes
/// away is of the oldest; where more has gone than came, what comes next makes up for it first.
package struct ClearingHistory: Sendable, Hashable {
  package struct Day: Sendable, Hashable {
    package let day: CivilDate
    package let inMinor: Int64
    package let feeMinor: Int64
    /// Not paid out yet.
    package internal(set) var openMinor: Int64
  }

  /// A part of a payout: money of one day, paid on another.
  package struct Paid: Sendable, Hashable {
    package let from: CivilDate
    package let on: CivilDate
    package let amountMinor: Int64
  }

  /// In the order of days; those of which nothing is open too.
  package private(set) var days: [Day] = []
  package private(set) var paid: [Paid] = []
  /// What went away and never came: the account's balance is below zero by so much.
  package private(set) var deficitMinor: Int64 = 0

  private var oldest = 0

  /// - Parameter flows: one for each day, in any order.
  package init(_ flows: [ClearingFlow]) {
    for flow in flows.sorted(by: { $0.day < $1.day }) { add(flow) }
  }

  package var openMinor: Int64 { days.reduce(0) { $0 &+ $1.openMinor } }

  private mutating func add(_ flow: ClearingFlow) {
    let made = min(deficitMinor, flow.inMinor)
    deficitMinor -= made
    let ownFee = min(flow.feeMinor, flow.inMinor - made)
    days.append(
      Day(
        day: flow.day,
        inMinor: flow.inMinor,
        feeMinor: flow.feeMinor,
        openMinor: flow.inMinor - made - ownFee
      )
    )
    take(flow.feeMinor - ownFee) { _, _ in }
    take(flow.outMinor) { _, _ in }
    var parts: [Paid] = []
    take(flow.paidMinor) { day, amount in
      parts.append(Paid(from: day, on: flow.day, amountMinor: amount))
    }
    paid += parts
  }

  private mutating func take(_ amount: Int64, _ part: (CivilDate, Int64) -> Void) {
    var left = amount
    while left > 0, oldest < days.count {
      let taken = min(left, days[oldest].openMinor)
      if taken > 0 { part(days[oldest].day, taken) }
      days[oldest].openMinor -= taken
      left -= taken
      if days[oldest].openMinor == 0 {
        // The last day may still be filled.
        guard oldest < days.count - 1 else { break }
        oldest += 1
      }
    }
    deficitMinor = deficitMinor.addingReportingOverflow(left).partialValue
  }
}
