import ArgumentParser
import Wire

/// Events as webhooks announces them.
struct Events: Command {
  static let configuration = CommandConfiguration(abstract: "List the newest events.")

  @OptionGroup var common: CommonOptions
  @Option(help: "Only events of this object, such as pi_….") var object = ""
  @Option(help: "Only events after this sequence number.") var after: UInt64 = 0
  @Option(help: "How many, counted from the newest.") var limit = 30
  @Option(help: "The merchant; the demo merchant without it.") var merchant: String?

  struct Row: Encodable {
    let sequence: UInt64
    let id: String
    let type: String
    let object: String
    let version: UInt64
    let createdAt: Int64?
    let body: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let events = try await ServiceSession.with(try Checkout.find()) { session in
      let reads = Reads(session: session, merchant: try MerchantOption.resolve(merchant, session))
      return try await Self.newest(limit, reads, after: after, object: object)
    }
    let rows = events.map {
      Row(
        sequence: $0.sequence, id: $0.id, type: $0.type, object: $0.objectID,
        version: $0.objectVersion, createdAt: WireText.milliseconds($0.createdAt),
        body: String(decoding: $0.body, as: UTF8.self))
    }
    try output.result(rows) {
      Table.lines(
        ["sequence", "type", "object", "version", "event"],
        rows.map { [String($0.sequence), $0.type, $0.object, String($0.version), $0.id] })
    }
    return .succeeded
  }

  private static func newest(
    _ limit: Int, _ reads: Reads, after: UInt64, object: String
  ) async throws -> [WebhooksV1.Event] {
    var events: [WebhooksV1.Event] = []
    var cursor = after
    while true {
      let page = try await reads.events(after: cursor, object: object)
      guard !page.events.isEmpty else { return events }
      events = (events + page.events).suffix(max(1, limit))
      cursor = page.lastSequence
    }
  }
}
