internal import GRPCCore

/// What a request's headers say.
struct RequestHead {
  var method: MethodDescriptor
  var metadata: Metadata
  /// From `grpc-timeout`; nil when none was sent.
  var timeoutNanoseconds: Int64?
}

/// Reads a request's headers field by field. Pure; refuses loudly.
struct RequestHeadParser {
  private var budget: HeaderBudget
  private let methods: MethodTable
  private var path: MethodTable.Lookup?
  private var metadata = Metadata()
  private var timeoutNanoseconds: Int64?
  private var isPost = false
  private var isGRPC = false
  private var refusal: Refusal?

  /// Why a call does not reach its handler.
  enum Refusal: Error {
    /// Answered as a gRPC status.
    case status(CallRefusal)
    /// Not gRPC at all: answered as plain HTTP.
    case http(StaticString)
  }

  init(limits: TransportLimits, methods: MethodTable) {
    budget = HeaderBudget(limits: limits)
    self.methods = methods
    metadata.reserveCapacity(8)
  }

  mutating func add(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
    guard refusal == nil else { return }
    guard budget.admit(nameLength: name.count, valueLength: value.count) else {
      refuse(
        .resourceExhausted, .metadataTooLarge, "The metadata is larger than the limit: send less.")
      return
    }
    if name.first == UInt8(ascii: ":") {
      addPseudo(name, value)
    } else if !addKnown(name, value) {
      do {
        try MetadataCoding.decode(name: name, value: value, into: &metadata)
      } catch {
        refuse(.invalidArgument, .metadataInvalid, error.error.message)
      }
    }
  }

  private mutating func addPseudo(
    _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
  ) {
    if name.elementsEqual(":path") {
      path = methods.find(path: value)
    } else if name.elementsEqual(":method") {
      isPost = value.elementsEqual("POST")
    }
  }

  /// Fields that the transport itself understands; they do not become metadata.
  private mutating func addKnown(
    _ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>
  ) -> Bool {
    switch name.count {
    case 2 where name.elementsEqual("te"):
      return true
    case 12 where name.elementsEqual("content-type"):
      isGRPC = RequestHeadParser.isGRPCContentType(value)
      return true
    case 12 where name.elementsEqual("grpc-timeout"):
      timeoutNanoseconds = GRPCTimeout.parse(value)
      if timeoutNanoseconds == nil {
        refuse(.invalidArgument, .metadataInvalid, "grpc-timeout is malformed.")
      }
      return true
    case 13 where name.elementsEqual("grpc-encoding"):
      if !value.elementsEqual("identity") { refusal = .status(.compressed) }
      return true
    case 15 where name.elementsEqual("accept-encoding"), 20 where name.hasPrefix("grpc-accept-en"):
      return true
    default:
      return false
    }
  }

  private mutating func refuse(
    _ code: RPCError.Code, _ reason: CallRefusal.Reason, _ message: String
  ) {
    refusal = .status(CallRefusal(code, reason, message))
  }

  /// The request, once all fields are in.
  func finish() throws(Refusal) -> RequestHead {
    if !isPost { throw .http("405") }
    if !isGRPC { throw .http("415") }
    if let refusal { throw refusal }
    switch path {
    case .known(let method):
      return RequestHead(
        method: method, metadata: metadata, timeoutNanoseconds: timeoutNanoseconds)
    case .unknown:
      throw .status(
        CallRefusal(.unimplemented, .methodUnknown, "The method does not exist."))
    case .malformed, nil:
      throw .status(
        CallRefusal(.unimplemented, .methodUnknown, "The path names no method."))
    }
  }

  /// `application/grpc`, alone or followed by `+proto` and the like, or by parameters.
  static func isGRPCContentType(_ value: some Collection<UInt8>) -> Bool {
    guard value.hasPrefix("application/grpc") else { return false }
    guard let next = value.dropFirst(16).first else { return true }
    return next == UInt8(ascii: "+") || next == UInt8(ascii: ";")
  }
}
