import ArgumentParser
import Glibc
import Synchronization
import Wire

/// Set by Ctrl-C.
private let isInterrupted = Atomic(false)

/// What has arrived.
private final class ListenTally: Sendable {
  let events = Atomic(0)
  let refused = Atomic(0)
}

/// Receives webhooks on this machine, checks each signature, prints each event.
struct Listen: Command {
  static let configuration = CommandConfiguration(
    abstract: "Receive webhooks: register an endpoint here, verify and print each event.")

  @OptionGroup var common: CommonOptions
  @Option(help: "The port on 127.0.0.1; a free one without it.") var port: UInt16 = 0
  @Option(help: "End after so many events; 0 means Ctrl-C.") var count = 0

  struct Line: Encodable {
    let type: String
    let id: String
    let signature: String
    let body: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let tally = ListenTally()
    let count = count
    signal(SIGINT) { _ in isInterrupted.store(true, ordering: .relaxed) }
    signal(SIGTERM) { _ in isInterrupted.store(true, ordering: .relaxed) }
    return try await ServiceSession.with(try Checkout.find()) { session in
      let receiver = WebhookReceiver(session) { arrival in
        switch arrival {
        case .refused(let why):
          output.line("REFUSED \(why)")
          tally.refused.add(1, ordering: .relaxed)
        case .event(let type, let id, let body):
          Self.show(type, id, body, output)
          tally.events.add(1, ordering: .relaxed)
        }
        if count > 0 && tally.events.load(ordering: .relaxed) >= count {
          isInterrupted.store(true, ordering: .relaxed)
        }
      }
      defer { receiver.close() }
      let endpoint = try await receiver.open(port: port)
      output.line("endpoint \(endpoint.id) at \(endpoint.url)")
      try await receiver.waitEnabled(endpoint.id) { isInterrupted.load(ordering: .relaxed) }
      output.line("enabled: the challenge was answered; waiting for events, Ctrl-C ends")
      while !isInterrupted.load(ordering: .relaxed) {
        try await Task.sleep(for: .milliseconds(100))
      }
      try await receiver.disable(endpoint.id)
      output.line("endpoint \(endpoint.id) disabled")
      return tally.refused.load(ordering: .relaxed) == 0 ? .succeeded : .differs
    }
  }

  private static func show(_ type: String, _ id: String, _ body: String, _ output: Output) {
    output.line("\(type)  \(id)  signature valid  \(body)")
    let line = Line(type: type, id: id, signature: "valid", body: body)
    if output.json, let json = try? JSONText.encode(line) {
      Stream.standardOutput.write(json + "\n")
    }
  }
}
