import Foundation
import GRPCCore
import Reactor
import Testing

@testable import Transport

/// Calls whose connection goes away before anything of them was sent.
@Suite(.timeLimit(.minutes(1)))
struct DrainTests {
  /// Each of the first connections drains in the moment it is ready: nothing was sent on it, so the
  /// call goes on to the next, however often.
  @Test func aCallOutlivesConnectionsThatDrainAtOnce() async throws {
    let listener = try Socket.listen(at: .loopback(port: 0))
    defer { RawPeer.close(listener) }
    _ = fcntl(listener, F_SETFL, 0)
    let address = try #require(SocketAddress.local(of: listener))
    let identity = try TLSIdentity(SharedCertificates.server.get())
    async let served: Void = withCheckedThrowingContinuation { continuation in
      DispatchQueue.global().async {
        continuation.resume(
          with: Result {
            var peers: [RawPeer] = []
            for _ in 0..<4 {
              let peer = try RawPeer(acceptedFrom: listener, identity: identity)
              try peer.send(RawPeer.settings + RawPeer.goodbye)
              peers.append(peer)
            }
            let last = try RawPeer(acceptedFrom: listener, identity: identity)
            try last.send(RawPeer.settings)
            while try last.readFrame().type != 1 {}
            try last.send(RawPeer.answer(status: 5, stream: 1))
            while (try? last.readFrame()) != nil {}
          })
      }
    }
    try await Harness.withClient(of: [address]) { client in
      let error = await #expect(throws: RPCError.self) { _ = try await client.echo([]) }
      #expect(error?.code == .notFound, "\(String(describing: error))")
    }
    try await served
  }
}
