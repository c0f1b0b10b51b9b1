internal import GRPCCore
package import Reactor

/// The connection that a call came on: in `ServerContext.transportSpecific`, and in `current` for
/// everything that the handler runs.
package struct ConnectionContext: ServerContext.TransportSpecific, Hashable {
  /// From the peer's certificate, read once for the connection.
  package let peer: PeerIdentity
  /// Nil when the peer's address is of no kind known here.
  package let remoteAddress: SocketAddress?

  /// For tests and in-process calls; the transport makes its own.
  package init(peer: PeerIdentity, remoteAddress: SocketAddress? = nil) {
    self.peer = peer
    self.remoteAddress = remoteAddress
  }

  /// The connection of the call that the running task serves; nil outside of calls.
  @TaskLocal package static var current: ConnectionContext?
}
