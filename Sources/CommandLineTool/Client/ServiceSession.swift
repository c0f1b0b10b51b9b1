import GRPCCore
import Logging
import Money
import Reactor
import Synchronization
import Transport

/// The connections of one command: an event loop, one client for each service and caller that is
/// asked for, each insisting on the identity it means to call.
final class ServiceSession: Sendable {
  typealias Transport = HTTP2ClientTransport
  typealias Client = GRPCClient<Transport>

  /// Services restart within seconds; longer pauses would only keep people waiting.
  static let backoffMaxMilliseconds = 1_000
  static let callLimit: Duration = .seconds(15)
  static let closeLimit: Duration = .seconds(2)

  private struct Key: Hashable {
    let service: PlatformService
    let replica: UInt16?
    let caller: Caller
  }

  let checkout: Checkout
  /// The demo merchant.
  let merchant: MerchantID
  let loop: EventLoop
  private let clients = Mutex<[Key: Client]>([:])

  private init(_ checkout: Checkout) throws {
    try checkout.requireDeployed()
    self.checkout = checkout
    merchant = try DemoMerchant.id(checkout)
    loop = EventLoop(name: "tender")
    do {
      try loop.start()
    } catch {
      throw Failure("the event loop does not start (\(error))", next: "see tender doctor")
    }
  }

  /// Opens a session for `body` and closes it after.
  static func with<Result>(
    _ checkout: Checkout, _ body: (ServiceSession) async throws -> Result
  ) async throws -> Result {
    let session = try ServiceSession(checkout)
    do {
      let result = try await body(session)
      await session.close()
      return result
    } catch {
      await session.close()
      throw error
    }
  }

  /// Runs calls to one service, bounded in time.
  /// - Parameter replica: the port of the process that is meant; nil: in turn.
  /// - Throws: `CallFailure`, `Failure`, what `body` throws.
  func call<Result: Sendable>(
    _ service: PlatformService, at replica: UInt16? = nil, as caller: Caller = .demoMerchant,
    within limit: Duration = ServiceSession.callLimit,
    _ body: @Sendable (Client) async throws -> Result
  ) async throws -> Result {
    let client = try client(service, replica, caller)
    do {
      return try await Deadline.$current.withValue(.after(limit)) { try await body(client) }
    } catch let error as RPCError {
      throw CallFailure(service, error)
    }
  }

  private func client(
    _ service: PlatformService, _ replica: UInt16?, _ caller: Caller
  ) throws -> Client {
    let key = Key(service: service, replica: replica, caller: caller)
    if let client = clients.withLock({ $0[key] }) { return client }
    let connection = try ServiceConnection(service, at: replica, as: caller, in: checkout)
    let made = Client(transport: try connection.transport(on: loop))
    let (client, isNew) = clients.withLock { clients in
      if let other = clients[key] { return (other, false) }
      clients[key] = made
      return (made, true)
    }
    if isNew {
      _ = loop.spawn(name: "connections") {
        // A failure here fails every call of this client, which says why.
        do { try await made.runConnections() } catch { made.beginGracefulShutdown() }
      }
    }
    return client
  }

  private func close() async {
    for client in clients.withLock({ Array($0.values) }) { client.beginGracefulShutdown() }
    _ = await loop.shutdown(within: Self.closeLimit)
  }
}
