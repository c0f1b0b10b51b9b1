import Transport

/// Who changes a row, and in which trace: what `actor` and `trace_id` columns hold.
package struct Stamp: Sendable, Hashable {
  package var actor: String
  package var traceID: [UInt8]

  package init(actor: String, traceID: [UInt8]) {
    self.actor = actor
    self.traceID = traceID
  }

  /// Of the running call; outside any call the service itself, in a new trace.
  package static func current(of service: ServiceName) -> Stamp {
    if let call = CallContext.current {
      return Stamp(actor: call.actor, traceID: call.trace.traceIDBytes)
    }
    return Stamp(
      actor: PeerIdentity.service(service.rawValue).actor,
      traceID: TraceContext.random().traceIDBytes)
  }
}

extension ServiceEnvironment {
  /// Of the running call; outside any call this service itself, in a new trace.
  package var stamp: Stamp { .current(of: name) }
}
