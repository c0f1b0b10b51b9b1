package import Money
package import Transport

/// W3C Trace Context (https://www.w3.org/TR/trace-context/): 16 bytes that name a request across
/// services, and 8 that name this hop.
package struct TraceContext: Sendable, Hashable {
  // Halves, not one UInt128: see `EntityID`.
  private var high: UInt64
  private var low: UInt64
  package var spanID: UInt64

  package var traceID: UInt128 { UInt128(high) << 64 | UInt128(low) }

  package init(traceID: UInt128, spanID: UInt64) {
    high = UInt64(truncatingIfNeeded: traceID >> 64)
    low = UInt64(truncatingIfNeeded: traceID)
    self.spanID = spanID
  }

  /// A new trace.
  package static func random() -> TraceContext {
    TraceContext(
      traceID: UInt128.random(in: 1...UInt128.max), spanID: UInt64.random(in: 1...UInt64.max))
  }

  /// The trace of an incoming `traceparent`, with a span of our own; nil when it is malformed.
  package init?(traceparent: String) {
    let parts = traceparent.split(separator: "-", omittingEmptySubsequences: false)
    guard parts.count >= 4, parts[0].utf8.count == 2, parts[0] != "ff", parts[1].utf8.count == 32,
      parts[2].utf8.count == 16, let traceID = UInt128(parts[1], radix: 16), traceID != 0,
      let parent = UInt64(parts[2], radix: 16), parent != 0
    else { return nil }
    self.init(traceID: traceID, spanID: UInt64.random(in: 1...UInt64.max))
  }

  package var traceparent: String {
    "00-\(Self.hex(traceID, digits: 32))-\(Self.hex(UInt128(spanID), digits: 16))-01"
  }

  package var traceIDText: String { Self.hex(traceID, digits: 32) }

  /// The 16 bytes of the trace id, as kept in `trace_id` columns.
  package var traceIDBytes: [UInt8] {
    (0..<16).map { UInt8(truncatingIfNeeded: traceID >> UInt128((15 - $0) * 8)) }
  }

  private static func hex(_ value: UInt128, digits: Int) -> String {
    let text = String(value, radix: 16)
    return String(repeating: "0", count: digits - text.utf8.count) + text
  }
}

/// Who calls what, for whom: known before any handler runs, from the connection's certificate.
package struct CallContext: Sendable {
  /// The full method, `tender.intents.v1.PaymentIntents/CreatePaymentIntent`.
  package var method: String
  package var peer: PeerIdentity
  /// The merchant the call acts for: from the certificate, or from `tender-merchant` of a service
  /// or operator. Nil only where the method's rules say so.
  package var merchant: MerchantID?
  package var trace: TraceContext
  package var key: IdempotencyKey?
  /// Marks the answer as a replay; read by the interceptor when it writes the response's metadata.
  package let replay: ReplayMark

  @TaskLocal package static var current: CallContext?

  package init(
    method: String, peer: PeerIdentity, merchant: MerchantID?, trace: TraceContext,
    key: IdempotencyKey?, replay: ReplayMark = ReplayMark()
  ) {
    self.method = method
    self.peer = peer
    self.merchant = merchant
    self.trace = trace
    self.key = key
    self.replay = replay
  }

  /// What `actor` columns hold, for example `service:billing` or `merchant:mt_…/demo`.
  package var actor: String { peer.actor }

  /// The call's context; a handler that runs outside a call is a fault of ours.
  package static func require() throws(RPCFailure) -> CallContext {
    guard let current else { throw RPCFailure.internalError }
    return current
  }

  /// The merchant; the access rules guarantee it where the method requires one.
  package func requireMerchant() throws(RPCFailure) -> MerchantID {
    guard let merchant else { throw RPCFailure.internalError }
    return merchant
  }

  package func requireKey() throws(RPCFailure) -> IdempotencyKey {
    guard let key else { throw RPCFailure.internalError }
    return key
  }
}

extension PeerIdentity {
  package var actor: String {
    switch self {
    case .service(let name): "service:\(name)"
    case .merchant(let id, let client): "merchant:\(id)/\(client)"
    case .operator(let name): "operator:\(name)"
    case .auditor(let name): "auditor:\(name)"
    }
  }
}
