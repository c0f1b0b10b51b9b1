import FoundationEssentials
import Wire

/// What everybody's books say about a run.
struct DemoBooks: Encodable, Sendable, Equatable {
  struct Column: Encodable, Sendable, Equatable {
    var count = 0
    var amountMinor: Int64 = 0

    mutating func add(_ amount: Int64) {
      count += 1
      amountMinor += amount
    }
  }

  var asked = Column()
  var calls = 0
  var kills = 0
  var charged = Column()
  var booked = Column()
  var announced = Column()

  /// The largest distance of a column's sum from what was asked.
  var differenceMinor: Int64 {
    [charged, booked, announced].map { abs($0.amountMinor - asked.amountMinor) }.max() ?? 0
  }

  var agrees: Bool {
    [charged, booked, announced].allSatisfy { $0 == asked }
  }

  var line: String {
    let difference = WireText.money(
      CommonV1.Money(currency: DemoPlan.currency, amountMinor: differenceMinor))
    return "\(asked.count) asked · \(calls) calls · \(kills) kills · \(charged.count) charged"
      + " · \(booked.count) booked · \(announced.count) announced · difference \(difference)"
  }

  var table: [String] {
    func row(_ name: String, _ column: Column) -> [String] {
      [
        name, String(column.count),
        WireText.money(
          CommonV1.Money(currency: DemoPlan.currency, amountMinor: column.amountMinor)),
      ]
    }
    return Table.lines(
      ["books", "payments", "sum"],
      [
        row("asked (callers' keys)", asked), row("charged (gateways)", charged),
        row("booked (ledger)", booked), row("announced (events)", announced),
      ])
  }
}

extension DemoBooks {
  private struct Body: Decodable {
    struct Content: Decodable {
      struct Object: Decodable {
        // As the event's public shape names it.
        let amount_captured_minor: Int64
      }
      let object: Object
    }
    let data: Content
  }

  static let captureKind = "capture"
  static let announcement = "payment_intent.succeeded"

  /// Adds what the gateways, the ledger and the events hold about one payment.
  mutating func add(
    _ intent: String, _ reads: Reads, _ simulator: SimulatorControl
  ) async throws {
    for payment in try simulator.payments(of: intent) where payment.captured > payment.refunded {
      charged.add(payment.captured - payment.refunded)
    }
    for transaction in try await reads.transactions(about: intent)
    where transaction.kind == Self.captureKind {
      let debits = transaction.entries.filter { $0.side == .debit }
      booked.add(debits.reduce(0) { $0 + ($1.amount?.amountMinor ?? 0) })
    }
    for event in try await reads.events(object: intent).events where event.type == Self.announcement
    {
      announced.add(try Self.amount(event))
    }
  }

  private static func amount(_ event: WebhooksV1.Event) throws -> Int64 {
    do {
      let body = try JSONText.decode(Body.self, from: String(decoding: event.body, as: UTF8.self))
      return body.data.object.amount_captured_minor
    } catch {
      throw Failure("the body of \(event.id) cannot be read", next: "see tender events --json")
    }
  }
}
