package import Money

/// What is rebuilt of a payment that a gateway has and a restored database does not. Pure.
///
/// Only what the books prove: a capture is sent for winners alone, so that money which was taken
/// names the winner. What another gateway could contradict, whose books are not read here, is for
/// people.
package enum RestoreRule {
  /// How far before the point the books are read: longer than anything may be under way.
  package static let overlapSeconds: Int64 = 24 * 3_600
  /// The oldest point that can be begun with.
  package static let pointAgeMaxSeconds: Int64 = 30 * 86_400

  package enum Verdict: Sendable, Hashable {
    /// The operation as it becomes, and what the shell is to do. New if there was none.
    case rebuild(Operation, [OperationAction])
    /// The attempt is there.
    case known
    /// The gateway did not say what became of it: ask again.
    case later
    case people(Doubt)
  }

  /// Why a payment is for people.
  package enum Doubt: String, Sendable, Hashable, CaseIterable {
    /// It differs in amount, reference or account from what its metadata and the rows say.
    case contradicts
    /// The gateway itself has not decided what became of it.
    case undecided
    /// Authorised, and another gateway may have been the winner.
    case winnerUnproven = "winner_unproven"
    /// Negative, and another gateway may have taken the money afterwards.
    case endUnproven = "end_unproven"
    /// Its operation was over before the point: nothing may begin in it.
    case operationOver = "operation_over"
  }

  /// - Parameters:
  ///   - outcome: what a look by the gateway's id has shown just now.
  ///   - known: the operation as its rows are; nil when there are none.
  ///   - hasOtherGateways: more than one account could have been asked.
  package static func verdict(
    _ identity: PaymentIdentity, at gateway: GatewayName, account: String, _ outcome: Outcome,
    known: Operation?, hasOtherGateways: Bool
  ) -> Verdict {
    if let known, known.attempts.contains(where: { $0.attempt.id == identity.attempt }) {
      return .known
    }
    if let known {
      guard known.amount == identity.amount, known.captureMethod == identity.captureMethod else {
        return .people(.contradicts)
      }
      guard known.state == .open else { return .people(.operationOver) }
    }
    // One call that authorises and captures is only made where no other gateway is possible.
    let mayHaveOthers =
      hasOtherGateways && identity.mode == .authorizeOnly || known?.attempts.isEmpty == false
    let events: [OperationEvent]
    switch outcome {
    case .unknown(.conflicted): return .people(.contradicts)
    case .unknown(.undecided): return .people(.undecided)
    case .unknown: return .later
    case .succeeded(let settled):
      switch settled.kind {
      case .captured:
        guard let found = captured(identity, settled, outcome) else {
          return .people(.contradicts)
        }
        events = found
      case .authorized:
        guard !mayHaveOthers else { return .people(.winnerUnproven) }
        events = [.outcome(identity.attempt, outcome)]
      case .canceled, .refunded:
        guard !mayHaveOthers else { return .people(.endUnproven) }
        events = [.outcome(identity.attempt, outcome), .routesExhausted]
      case .received: return .later
      }
    case .pending:
      guard !mayHaveOthers else { return .people(.winnerUnproven) }
      events = [.outcome(identity.attempt, outcome)]
    case .declined:
      // Even one that allows no other gateway: another may have been asked before it came.
      guard !mayHaveOthers else { return .people(.endUnproven) }
      events = [.outcome(identity.attempt, outcome), .routesExhausted]
    case .notExecuted: return .later
    }
    return rebuilt(identity, at: gateway, account: account, known, events)
  }

  /// Where capture is a step of its own, it followed the authorisation.
  private static func captured(
    _ identity: PaymentIdentity, _ settled: Settled, _ outcome: Outcome
  ) -> [OperationEvent]? {
    let isWhole = settled.amount == identity.amount
    guard identity.mode == .authorizeOnly else {
      return isWhole ? [.outcome(identity.attempt, outcome)] : nil
    }
    let authorized = Outcome.succeeded(
      Settled(kind: .authorized, reference: settled.reference, amount: identity.amount))
    var events: [OperationEvent] = [.outcome(identity.attempt, authorized)]
    if identity.captureMethod == .manual {
      guard settled.amount.currency == identity.amount.currency, settled.amount.minor > 0,
        settled.amount.minor <= identity.amount.minor
      else { return nil }
      let capture = CaptureID(bits: identity.operation.bits)
      events.append(.requestCapture(capture, settled.amount))
    } else if !isWhole {
      return nil
    }
    return events + [.outcome(identity.attempt, outcome)]
  }

  private static func rebuilt(
    _ identity: PaymentIdentity, at gateway: GatewayName, account: String, _ known: Operation?,
    _ events: [OperationEvent]
  ) -> Verdict {
    var operation =
      known
      ?? Operation(
        id: identity.operation, amount: identity.amount, captureMethod: identity.captureMethod)
    var actions: [OperationAction] = []
    let found = OperationEvent.recovered(
      NewAttempt(id: identity.attempt, gateway: gateway, account: account, mode: identity.mode))
    for event in [found] + events {
      switch OperationMachine.next(operation, event) {
      case .moved(let next, let more):
        operation = next
        actions += more
      case .unchanged: break
      case .refused: return .people(.contradicts)
      }
    }
    return .rebuild(operation, actions)
  }
}

/// What stands between a restore and opening it, in words that two readers can compare.
package struct RestoreStanding: Sendable, Hashable {
  /// Lists that were not read to their end: "payments of stripe:main".
  package var unread: [String]
  package var pending: Int64
  package var forPeople: Int64
  /// Accounts without a list, and the days of which no report was read.
  package var missingDays: [(account: String, days: [CivilDate])]

  package init(
    unread: [String], pending: Int64, forPeople: Int64,
    missingDays: [(account: String, days: [CivilDate])]
  ) {
    self.unread = unread
    self.pending = pending
    self.forPeople = forPeople
    self.missingDays = missingDays
  }

  package static func == (left: RestoreStanding, right: RestoreStanding) -> Bool {
    left.unproven == right.unproven
  }

  package func hash(into hasher: inout Hasher) { hasher.combine(unproven) }

  /// Empty: one person may open.
  package var unproven: [String] {
    var words = unread.sorted().map { "the list of \($0) was not read to its end" }
    if pending > 0 { words.append("\(pending) payments were found and not yet rebuilt") }
    if forPeople > 0 { words.append("\(forPeople) payments or refunds are for people") }
    for (account, days) in missingDays.sorted(by: { $0.account < $1.account }) where !days.isEmpty {
      let listed = days.sorted().prefix(10).map(\.description).joined(separator: ", ")
      words.append(
        "\(account) has no list, and no payment accounting report was read of \(listed)"
          + (days.count > 10 ? " and \(days.count - 10) more days" : ""))
    }
    return words
  }

  /// Every day from the restored point to the closing, of which no report was read.
  package static func missingDays(
    from point: Timestamp, to closing: Timestamp, read: Set<CivilDate>
  ) -> [CivilDate] {
    let first = Int(point.seconds / 86_400)
    let last = Int(closing.seconds / 86_400)
    guard first <= last else { return [] }
    return (first...last).map { CivilDate(daysSince1970: $0) }.filter { !read.contains($0) }
  }
}

extension ReportFileName {
  /// The day that a payment accounting report is about; nil for other names.
  package var day: CivilDate? {
    let prefix = "payments_accounting_report_"
    guard text.hasPrefix(prefix) else { return nil }
    let parts = text.dropFirst(prefix.count).split(whereSeparator: { $0 == "_" || $0 == "." })
    guard parts.count >= 4, let year = Int(parts[0]), let month = Int(parts[1]),
      let day = Int(parts[2])
    else { return nil }
    return CivilDate(year: year, month: month, day: day)
  }
}
