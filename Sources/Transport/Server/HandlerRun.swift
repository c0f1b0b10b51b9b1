internal import GRPCCore
internal import Reactor

/// One call's handler at work. Its fields are touched on the loop only.
final class HandlerRun: @unchecked Sendable {
  private let call: Call
  private let connection: Connection
  private let stream: RPCStream<HTTP2ServerTransport.Inbound, HTTP2ServerTransport.Outbound>
  private let context: ConnectionContext
  private let deadline: Deadline?
  private let handler: ServerCore.Handler
  /// GRPCCore's handle, while the handler runs.
  private(set) var cancellation: ServerContext.RPCCancellationHandle?

  init(
    call: Call, connection: Connection,
    stream: RPCStream<HTTP2ServerTransport.Inbound, HTTP2ServerTransport.Outbound>,
    context: ConnectionContext, deadline: Deadline?, handler: @escaping ServerCore.Handler
  ) {
    self.call = call
    self.connection = connection
    self.stream = stream
    self.context = context
    self.deadline = deadline
    self.handler = handler
  }

  func run() async {
    await withServerContextRPCCancellationHandle { handle in
      cancellation = handle
      if call.isClosed { handle.cancel() }
      var context = ServerContext(
        descriptor: stream.descriptor, remotePeer: connection.remotePeer,
        localPeer: connection.localPeer, cancellation: handle)
      context.transportSpecific = self.context
      let serverContext = context
      await ConnectionContext.$current.withValue(self.context) {
        guard let deadline else { return await handler(stream, serverContext) }
        await Deadline.$current.withValue(deadline) { await handler(stream, serverContext) }
      }
    }
    connection.loop.perform { self.ended() }
  }

  private func ended() {
    connection.handlerCount -= 1
    cancellation = nil
    call.stopHandler = nil
    call.finishWriting(nil)
  }
}
