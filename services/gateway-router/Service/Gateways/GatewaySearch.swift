import GatewayAdapters
import GatewayCore
import Money
import Outbound
import Reactor

extension GatewayPorts {
  /// Searches the gateway's list for an attempt whose id there was never learned: around the first
  /// send, then from there on. Newest first and bounded: what is not found may exist all the same.
  /// - Parameter now: by the record's clock, of which the send's time is too.
  func find(
    _ record: OperationRecord, _ attempt: Attempt, now: Timestamp, within limit: Duration
  ) async -> Heard {
    let sent = SentRequest(
      purpose: .look, send: .first, amount: record.operation.amount, account: attempt.account,
      ownReference: GatewayReference.authorize(attempt.id).text)
    let account = GatewayAccount(gateway: attempt.gateway, account: attempt.account)
    guard let adapter = adapters[attempt.gateway], let settings = accounts[account] else {
      return Self.silent("the settings no longer name \(account)")
    }
    let started = loop.now
    var order = FindOrder(
      reference: .authorize(attempt.id),
      createdSeconds: FindWindow.first(record.sentSeconds(attempt.id)))
    var pages = 0
    while pages < FindWindow.pagesMax {
      let left = limit - started.duration(to: loop.now)
      let built: GatewayRequest?
      do { built = try adapter.find(order) } catch { return Self.silent("\(error)") }
      guard let request = built, left > .zero else { break }
      pages += 1
      let report = await client.send(outbound(request, adapter, settings, within: left))
      let facts = TransferFacts(report)
      let spent = Int32(clamping: started.duration(to: loop.now).wholeMillisecondsRoundedUp)
      switch adapter.readPage(facts, for: order.reference) {
      case .found(let payment):
        let outcome = OutcomeRule.outcome(
          .payment(payment), to: sent, DeclineTable.current.classify)
        return Heard(
          outcome: outcome, detail: "found by our reference: \(Self.words(outcome, report))",
          milliseconds: spent)
      case .more(let last): order.after = last
      case .absent:
        guard
          let later = FindWindow.later(
            than: order.createdSeconds,
            until: min(now, max(record.sendBefore, record.sendsUntil)).seconds)
        else {
          return Heard(
            outcome: .unknown(.notFound), detail: "not found by our reference",
            milliseconds: spent, isAbsent: true)
        }
        order = FindOrder(reference: order.reference, createdSeconds: later)
      case .failed(let answer):
        let outcome = OutcomeRule.outcome(answer, to: sent, DeclineTable.current.classify)
        return Heard(
          outcome: outcome, detail: "searched: \(Self.words(outcome, report))",
          milliseconds: spent)
      case nil:
        return Heard(
          outcome: .unknown(.noAnswer(facts.stage)), detail: "searched: no answer",
          milliseconds: spent)
      }
    }
    return Self.silent("not found by our reference on \(pages) pages")
  }

  private static func silent(_ detail: String) -> Heard {
    Heard(outcome: .unknown(.notFound), detail: detail, milliseconds: 0)
  }
}

/// Where in the gateway's time a payment is searched for.
enum FindWindow {
  /// The clocks' difference that is allowed for, seconds.
  static let skewSeconds: Int64 = 10
  /// A first send and its replays within one call, seconds.
  static let sendSeconds: Int64 = 20
  static let pagesMax = 20

  static func first(_ sentSeconds: Int64) -> ClosedRange<Int64> {
    sentSeconds - skewSeconds...sentSeconds + sendSeconds
  }

  /// Later replays may have made it; nil when nothing could be sent so late.
  static func later(than window: ClosedRange<Int64>, until: Int64) -> ClosedRange<Int64>? {
    let end = until + skewSeconds
    return end > window.upperBound ? window.upperBound + 1...end : nil
  }
}

extension OperationRecord {
  func sentSeconds(_ id: AttemptID) -> Int64 { sentAt(id).seconds }

  func sentAt(_ id: AttemptID) -> Timestamp { attempts[id]?.createdAt ?? createdAt }
}
