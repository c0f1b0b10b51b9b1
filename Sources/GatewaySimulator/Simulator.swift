import Glibc
import InboundHTTP
package import Seal

/// How the test gateways are set up. Port 0 takes a free port.
package struct SimulatorSettings: Sendable {
  package var stripePort: UInt16 = 0
  package var adyenPort: UInt16 = 0
  package var controlPort: UInt16 = 0
  package var booksPath: String
  /// False: effects survive kill -9 but not a power cut, and cost less.
  package var syncsBooks = true
  package var stripeKey: SecretBytes
  package var adyenKey: SecretBytes
  package var adyenMerchantAccount: String
  /// `http://127.0.0.1:port/path`, or nil: no webhooks.
  package var stripeWebhookURL: String?
  package var adyenWebhookURL: String?
  /// Types of events that the endpoint is set up for; nil: all.
  package var stripeWebhookEvents: Set<String>?
  /// `whsec_…`, used whole.
  package var stripeWebhookSecret: SecretBytes?
  /// The decoded bytes of Adyen's hex key.
  package var adyenSigningKey: SecretBytes?

  package init(
    booksPath: String,
    stripeKey: SecretBytes,
    adyenKey: SecretBytes,
    adyenMerchantAccount: String
  ) {
    self.booksPath = booksPath
    self.stripeKey = stripeKey
    self.adyenKey = adyenKey
    self.adyenMerchantAccount = adyenMerchantAccount
  }
}

/// A setting that cannot be used, for the one line an operator reads.
package struct SettingsError: Error, CustomStringConvertible {
  package let description: String
}

/// Both test gateways, their books and their control port, running.
package final class Simulator: Sendable {
  package let stripePort: UInt16
  package let adyenPort: UInt16
  package let controlPort: UInt16

  private let core: Core
  private let announcer: Announcer
  private let listeners: [Gateway: Listener]
  private let control: Listener
  private let isStopped = Monitor(false)

  /// Replays the books and listens.
  /// - Throws: `SettingsError`, `SystemError`, `BooksDamaged`.
  package init(_ settings: SimulatorSettings) throws {
    signal(SIGPIPE, SIG_IGN)
    let tuning = Monitor(Tuning())
    let announcer = Announcer(targets: try Simulator.targets(settings), tuning: tuning)
    let core = try Core(
      booksPath: settings.booksPath,
      syncs: settings.syncsBooks,
      tuning: tuning,
      announcer: announcer
    )
    announcer.onDone = { core.note(.delivered(eventID: $0)) }
    let apis: [Gateway: any GatewayAPI] = [
      .stripe: StripeAPI(
        key: settings.stripeKey,
        announces: announcer.announces(.stripe),
        announcedTypes: settings.stripeWebhookEvents,
        tuning: tuning
      ),
      .adyen: AdyenAPI(
        key: settings.adyenKey,
        merchantAccount: settings.adyenMerchantAccount,
        signingKey: settings.adyenSigningKey,
        announces: announcer.announces(.adyen),
        tuning: tuning
      ),
    ]
    let listeners = apis.mapValues { api in
      let front = Front(api: api, core: core)
      return Listener(name: api.gateway.rawValue, connectionsMax: 4096) { front.handle($0, $1) }
    }
    let control = ControlAPI(core: core, apis: apis) {
      for (gateway, listener) in listeners {
        switch core.faults.withLock({ $0.connectionFault(gateway) }) {
        case .refuse: listener.refuse()
        case .tlsFailure: listener.answerWithAlert()
        default: listener.admit()
        }
      }
    }
    self.core = core
    self.announcer = announcer
    self.listeners = listeners
    self.control = Listener(name: "control") { control.handle($0, $1) }
    stripePort = try listeners[.stripe]?.start(port: settings.stripePort) ?? 0
    adyenPort = try listeners[.adyen]?.start(port: settings.adyenPort) ?? 0
    controlPort = try self.control.start(port: settings.controlPort)
    announcer.start()
    guard startThread({ [isStopped] in Simulator.runDuties(core, apis, isStopped) })
    else { throw SystemError("start a thread", code: EAGAIN) }
  }

  /// Stops listening, writes what is pending, closes the books.
  package func stop() {
    isStopped.change { $0 = true }
    core.books.wakeAll()
    for listener in listeners.values { listener.stop() }
    control.stop()
    announcer.stop()
    core.journal.stop()
  }

  private static func targets(
    _ settings: SimulatorSettings
  ) throws(SettingsError) -> [Gateway: Announcer.Target] {
    var targets: [Gateway: Announcer.Target] = [:]
    let wanted: [(Gateway, String?, SecretBytes?, Set<String>?)] = [
      (
        .stripe, settings.stripeWebhookURL, settings.stripeWebhookSecret,
        settings.stripeWebhookEvents
      ),
      (.adyen, settings.adyenWebhookURL, nil, nil),
    ]
    for (gateway, url, secret, types) in wanted {
      guard let url else { continue }
      guard let target = Announcer.Target(url: url, secret: secret, types: types) else {
        throw SettingsError(
          description: "webhook URL of \(gateway): \(url) is not http://127.0.0.1:PORT/PATH"
        )
      }
      targets[gateway] = target
    }
    return targets
  }

  /// Does what is due, one group of changes each.
  private static func runDuties(
    _ core: Core,
    _ apis: [Gateway: any GatewayAPI],
    _ isStopped: Monitor<Bool>
  ) {
    while !isStopped.withLock({ $0 }) {
      // Woken when something is due earlier than before; else looks at the clock now and then.
      let due = core.books.wait(limitMilliseconds: 50) { books -> Bool? in
        guard let next = books.duties.nextDue else { return nil }
        return next <= core.now(books) ? true : nil
      }
      guard due == true else { continue }
      _ = core.commit { books, now in
        while let duty = books.nextDuty(now: now) {
          for api in apis.values where Simulator.gateway(duty, books) == api.gateway {
            api.perform(duty, &books, now: now)
          }
        }
      }
    }
  }

  private static func gateway(_ duty: Duty, _ books: Books) -> Gateway? {
    switch duty {
    case .payment(let id): books.payments[id]?.gateway
    case .refund(let id): books.refunds[id]?.gateway
    case .modification: .adyen
    case .dispute(let id): books.disputes[id]?.gateway
    }
  }
}
