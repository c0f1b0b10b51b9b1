package import ArgumentParser
import Glibc
import InboundHTTP
import Seal

/// `gateway-sim`
package struct SimulatorCommand: ParsableCommand {
  package static let configuration = CommandConfiguration(
    commandName: "gateway-sim",
    abstract: "Test gateways with Stripe's and Adyen's HTTP APIs, on loopback.",
    discussion: "Port 0 takes a free port; --ready-file tells which. See the README beside it."
  )

  @Option(help: "Port of Stripe's API.") package var stripePort: UInt16 = 0
  @Option(help: "Port of Adyen's API.") package var adyenPort: UInt16 = 0
  @Option(help: "Port of books, faults and clock.") package var controlPort: UInt16 = 0
  @Option(help: "The journal; created if missing, replayed if not.") package var books: String
  @Flag(
    inversion: .prefixedNo,
    help: "fdatasync each group of changes. Without, effects survive kill -9, not a power cut."
  )
  package var sync = true
  @Option(help: "Secret key that Stripe's clients send.") package var stripeKey: String
  @Option(help: "API key that Adyen's clients send.") package var adyenKey: String
  @Option(help: "Adyen's merchant account.") package var adyenMerchantAccount: String
  @Option(help: "Where Stripe's events go: http://127.0.0.1:PORT/PATH.")
  package var webhookUrlStripe: String?
  @Option(help: "Where Adyen's notifications go.") package var webhookUrlAdyen: String?
  @Option(help: "Signing secret of Stripe's events (whsec_…).")
  package var webhookSecretStripe: String?
  @Option(help: "Types of Stripe's events that are sent, separated by commas; all without it.")
  package var webhookEventsStripe: String?
  @Option(help: "HMAC key of Adyen's notifications, hex.") package var webhookKeyAdyen: String?
  @Option(
    help: "Written when everything listens: {\"stripe\":1,\"adyen\":2,\"control\":3,\"pid\":4}."
  )
  package var readyFile: String?

  package init() {}

  package func validate() throws {
    if webhookUrlStripe != nil, webhookSecretStripe == nil {
      throw ValidationError("--webhook-url-stripe needs --webhook-secret-stripe.")
    }
    if let webhookKeyAdyen, Hex.decode(webhookKeyAdyen) == nil {
      throw ValidationError("--webhook-key-adyen is not hex.")
    }
  }

  package func run() throws {
    var settings = SimulatorSettings(
      booksPath: books,
      stripeKey: SecretBytes(text: stripeKey),
      adyenKey: SecretBytes(text: adyenKey),
      adyenMerchantAccount: adyenMerchantAccount
    )
    settings.syncsBooks = sync
    settings.stripePort = stripePort
    settings.adyenPort = adyenPort
    settings.controlPort = controlPort
    settings.stripeWebhookURL = webhookUrlStripe
    settings.adyenWebhookURL = webhookUrlAdyen
    settings.stripeWebhookSecret = webhookSecretStripe.map { SecretBytes(text: $0) }
    settings.stripeWebhookEvents = webhookEventsStripe.map {
      Set($0.split(separator: ",").map(String.init))
    }
    settings.adyenSigningKey = webhookKeyAdyen.flatMap(Hex.decode).map { SecretBytes($0) }
    // Before any thread starts, so that all inherit the mask and `sigwait` gets the signals.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    let simulator = try Simulator(settings)
    if let readyFile { try write(simulator, to: readyFile) }
    var received: Int32 = 0
    sigwait(&signals, &received)
    simulator.stop()
  }

  /// Whole or not at all: a reader never sees half a file.
  private func write(_ simulator: Simulator, to path: String) throws {
    let bytes = JSONWriter.document { out in
      out.number("stripe", Int64(simulator.stripePort))
      out.number("adyen", Int64(simulator.adyenPort))
      out.number("control", Int64(simulator.controlPort))
      out.number("pid", Int64(getpid()))
    }
    let temporary = path + ".new"
    let descriptor = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError("open \(temporary)") }
    defer { close(descriptor) }
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count,
      rename(temporary, path) == 0
    else { throw SystemError("write \(path)") }
  }
}
