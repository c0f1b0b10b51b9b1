import ArgumentParser
import Wire

struct SetupResolve: Command {
  static let configuration = CommandConfiguration(
    commandName: "resolve",
    abstract: "Say that a gateway's contradictory answers about a set-up were looked at.",
    discussion: """
      Ends its alerts, which tender doctor shows. Where money may be held at the gateway another \
      operator (--as approver) looks there too and says so as well. The set-up stays what it is.
      """)

  @OptionGroup var common: CommonOptions
  @Option(name: .customLong("as"), help: OperatorIdentity.help)
  var person = OperatorIdentity.operator
  @Argument(help: "The set-up: seti_…") var id: String
  @Option(help: "Where it was seen, and what was released there: report, page, ticket.")
  var words: String
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    guard id.hasPrefix("seti_") else { throw SetupShow.noSetUp(id) }
    let (key, caller) = (try CallKeys.choose(key, prefix: "resolve"), person.caller)
    let request = GatewayV1.ResolveSetupConflictRequest(setupIntentID: id, words: words)
    let response = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.gateway, as: caller) { client in
        try await GatewayV1.SetupIntents.Client(wrapping: client)
          .resolveSetupConflict(request, metadata: CallKeys.metadata(key: key))
      }
    }
    let answer = SetupReviewAnswer(id, response)
    try output.result(answer) { answer.lines }
    return answer.resolved ? .succeeded : .processing
  }
}

/// What became of a word about a contradicted set-up, as people see it.
struct SetupReviewAnswer: Encodable {
  let id: String
  let resolved: Bool
  let people: [String]

  init(_ id: String, _ response: GatewayV1.ResolveSetupConflictResponse) {
    self.id = id
    resolved = response.resolved
    people = response.people
  }

  var lines: [String] {
    [
      "\(id)  looked at by \(people.joined(separator: " and "))",
      resolved ? "no alert is open" : "another operator says so too: --as approver",
    ]
  }
}
