package import Money

/// What moved on a clearing account on one day, in one currency, by one method. All amounts are zero or
/// more.
package struct ClearingFlow: Sendable, Hashable {
  package var day: CivilDate
  package var method: PaidMethod
  /// Towards us: captures, disputes won, and the like.
  package var inMinor: Int64
  /// Away from us, neither fees nor payouts: refunds, disputes, and the like.
  package var outMinor: Int64
  package var feeMinor: Int64
  package var paidMinor: Int64

  package init(
    _ day: CivilDate,
    _ method: PaidMethod = .unknown,
    in inMinor: Int64 = 0,
    out outMinor: Int64 = 0,
    fee feeMinor: Int64 = 0,
    paid paidMinor: Int64 = 0
  ) {
    self.day = day
    self.method = method
    self.inMinor = inMinor
    self.outMinor = outMinor
    self.feeMinor = feeMinor
    self.paidMinor = paidMinor
  }
}

/// What a clearing account holds, by the day on which it came and how it was paid, and what was paid
/// out of which.
///
/// A gateway pays what it has held longest. A day's fees are of that day's money, what else goes
/// away is of the oldest; where more has gone than came, what comes next makes up for it first. What
/// names a method is of that method's money as far as there is any; what names none, as most payouts,
/// is of all methods, within a day by what is open of each.
package struct ClearingHistory: Sendable, Hashable {
  /// The money of one day and method.
  package struct Day: Sendable, Hashable {
    package let day: CivilDate
    package let method: PaidMethod
    package let inMinor: Int64
    package internal(set) var feeMinor: Int64
    /// Not paid out yet.
    package internal(set) var openMinor: Int64
  }

  /// A part of a payout: money of one day and method, paid on another day.
  package struct Paid: Sendable, Hashable {
    package let from: CivilDate
    package let method: PaidMethod
    package let on: CivilDate
    package let amountMinor: Int64
  }

  /// In the order of days and methods; those of which nothing is open too.
  package private(set) var days: [Day] = []
  package private(set) var paid: [Paid] = []
  /// What went away and never came: the account's balance is below zero by so much.
  package private(set) var deficitMinor: Int64 = 0

  /// Before this place nothing is open.
  private var oldest = 0

  /// - Parameter flows: one for each day and method, in any order.
  package init(_ flows: [ClearingFlow]) {
    let sorted = flows.sorted { ($0.day, $0.method) < ($1.day, $1.method) }
    var rest = sorted[...]
    while let first = rest.first {
      let day = rest.prefix { $0.day == first.day }
      add(Array(day))
      rest = rest.dropFirst(day.count)
    }
  }

  package var openMinor: Int64 { days.reduce(0) { $0 &+ $1.openMinor } }

  /// The methods whose money it has or had, in their order.
  package var methods: [PaidMethod] { Set(days.map(\.method)).sorted() }

  private mutating func add(_ flows: [ClearingFlow]) {
    let first = days.count
    for flow in flows {
      let made = min(deficitMinor, flow.inMinor)
      deficitMinor -= made
      days.append(
        Day(
          day: flow.day,
          method: flow.method,
          inMinor: flow.inMinor,
          feeMinor: 0,
          openMinor: flow.inMinor - made
        )
      )
    }
    for flow in flows { takeFee(flow, ofDayFrom: first) }
    for flow in flows { _ = take(flow.outMinor, flow.method) }
    for flow in flows {
      for part in take(flow.paidMinor, flow.method) {
        let from = days[part.place]
        paid.append(
          Paid(from: from.day, method: from.method, on: flow.day, amountMinor: part.amount)
        )
      }
    }
  }

  private mutating func takeFee(_ flow: ClearingFlow, ofDayFrom first: Int) {
    let today = Array(days.indices[first...])
    let own = today.filter { days[$0].method == flow.method }
    var left = flow.feeMinor
    for places in flow.method == .unknown ? [today] : [own, today] {
      for part in share(left, over: places) {
        days[part.place].feeMinor &+= part.amount
        left &-= part.amount
      }
    }
    for place in own { days[place].feeMinor &+= left }
    _ = take(left, flow.method)
  }

  /// The oldest first: of the method's money if it is known, then of all. Answers the places.
  private mutating func take(_ amount: Int64, _ method: PaidMethod) -> [(place: Int, amount: Int64)] {
    var parts: [(place: Int, amount: Int64)] = []
    var left = amount
    for isOfAll in method == .unknown ? [true] : [false, true] {
      var place = oldest
      while left > 0, place < days.count {
        let end = days[place...].firstIndex { $0.day != days[place].day } ?? days.count
        let places = (place..<end).filter { isOfAll || days[$0].method == method }
        for part in share(left, over: places) {
          parts.append(part)
          left &-= part.amount
        }
        place = end
      }
    }
    deficitMinor = deficitMinor.addingReportingOverflow(left).partialValue
    while oldest < days.count, days[oldest].openMinor == 0 { oldest += 1 }
    return parts
  }

  /// Takes an amount of some places by what is open of each, as far as there is any.
  private mutating func share(
    _ amount: Int64,
    over places: [Int]
  ) -> [(place: Int, amount: Int64)] {
    let open = places.reduce(Int64(0)) { $0 &+ days[$1].openMinor }
    let whole = min(amount, open)
    guard whole > 0 else { return [] }
    // The shares of the first places together are rounded, so that all come to the whole.
    var (seen, taken) = (Int64(0), Int64(0))
    return places.compactMap { place in
      seen &+= days[place].openMinor
      let upTo = Int64(Int128(whole) * Int128(seen) / Int128(open))
      let own = upTo &- taken
      taken = upTo
      days[place].openMinor &-= own
      return own > 0 ? (place: place, amount: own) : nil
    }
  }
}
