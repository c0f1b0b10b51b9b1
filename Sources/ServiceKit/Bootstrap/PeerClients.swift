package import GRPCCore
package import Logging
package import Money
package import Reactor
import Synchronization
package import Transport

/// Clients of the other services: one connection pool each, made on first use, every one of them
/// insisting on the identity of the service it means to call.
package final class PeerClients: Sendable {
  package typealias Client = GRPCClient<HTTP2ClientTransport>

  private let loop: EventLoop
  private let tls: TLSIdentity
  private let endpoints: Endpoints
  private let logger: Logger
  private let clients = Mutex<[ServiceName: Client]>([:])

  package init(loop: EventLoop, tls: TLSIdentity, endpoints: Endpoints, logger: Logger) {
    self.loop = loop
    self.tls = tls
    self.endpoints = endpoints
    self.logger = logger
  }

  /// - Throws: UNAVAILABLE when endpoints.json does not name the service.
  package func client(_ name: ServiceName) throws(RPCFailure) -> Client {
    if let client = clients.withLock({ $0[name] }) { return client }
    let addresses = endpoints.addresses(of: name)
    guard !addresses.isEmpty else {
      throw RPCFailure.unavailable("endpoints.json does not say where \(name.rawValue) listens.")
    }
    let made = GRPCClient(
      transport: HTTP2ClientTransport(
        loop: loop, addresses: addresses, tls: tls, expecting: .service(name.rawValue)))
    let (client, isNew) = clients.withLock { clients in
      if let other = clients[name] { return (other, false) }
      clients[name] = made
      return (made, true)
    }
    if isNew { run(client, name) }
    return client
  }

  private func run(_ client: Client, _ name: ServiceName) {
    _ = loop.spawn(name: "peer client") { [logger] in
      do {
        try await client.runConnections()
      } catch {
        logger.error("the client of a service ended", metadata: ["peer": "\(name.rawValue)"])
      }
    }
  }

  package func shutdown() {
    for client in clients.withLock({ Array($0.values) }) { client.beginGracefulShutdown() }
  }
}

/// The metadata of calls between services.
package enum OutgoingCall {
  /// `key` must be derived from what the call is about, never random, so that a repeated hop is
  /// recognised.
  package static func metadata(merchant: MerchantID? = nil, key: String? = nil) -> Metadata {
    var metadata: Metadata = [:]
    if let merchant { metadata.addString(merchant.description, forKey: CallMetadata.merchant) }
    if let key { metadata.addString(key, forKey: CallMetadata.idempotencyKey) }
    if let trace = CallContext.current?.trace {
      metadata.addString(trace.traceparent, forKey: CallMetadata.traceparent)
    }
    return metadata
  }
}
