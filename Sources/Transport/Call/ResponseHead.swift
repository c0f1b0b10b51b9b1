internal import GRPCCore

/// Reads a response's header blocks (headers, trailers, or both in one). Pure.
struct ResponseHeadParser {
  /// What one block says.
  enum Block {
    /// 1xx: to be ignored.
    case informational
    case metadata(Metadata)
    case status(Status, Metadata)
  }

  private let limits: TransportLimits
  private var budget: HeaderBudget
  private var metadata = Metadata()
  private var httpStatus: Int?
  private var isGRPC = false
  private var code: Status.Code?
  private var message = ""
  private var failure: Status?
  private var hasHeaders = false

  init(limits: TransportLimits) {
    self.limits = limits
    budget = HeaderBudget(limits: limits)
  }

  mutating func begin() {
    budget = HeaderBudget(limits: limits)
    metadata = Metadata()
    httpStatus = nil
    isGRPC = false
    code = nil
    message = ""
  }

  mutating func add(_ name: UnsafeBufferPointer<UInt8>, _ value: UnsafeBufferPointer<UInt8>) {
    guard failure == nil else { return }
    guard budget.admit(nameLength: name.count, valueLength: value.count) else {
      failure = Status(
        code: .resourceExhausted, message: "The response's header list is larger than the limit.")
      return
    }
    switch name.count {
    case 7 where name.elementsEqual(":status"):
      httpStatus = StatusCoding.parseHTTPStatus(value)
    case 12 where name.elementsEqual("content-type"):
      isGRPC = RequestHeadParser.isGRPCContentType(value)
    case 11 where name.elementsEqual("grpc-status"):
      code = StatusCoding.parse(value)
    case 12 where name.elementsEqual("grpc-message"):
      message = PercentEncoding.decode(value)
    case 13 where name.elementsEqual("grpc-encoding"):
      if !value.elementsEqual("identity") {
        failure = Status(code: .internalError, message: "The response is compressed, unasked.")
      }
    case 20 where name.hasPrefix("grpc-accept-en"):
      break
    default:
      if name.first == UInt8(ascii: ":") { return }
      do {
        try MetadataCoding.decode(name: name, value: value, into: &metadata)
      } catch {
        failure = Status(code: .internalError, message: error.error.message)
      }
    }
  }

  /// The block's meaning, once all of its fields are in.
  mutating func finish(isEndOfStream: Bool) -> Block {
    if let failure { return .status(failure, [:]) }
    if !hasHeaders {
      if let httpStatus, httpStatus / 100 == 1 { return .informational }
      hasHeaders = true
      if httpStatus != 200 || !isGRPC { return .status(statusOfHTTP(), metadata) }
      if !isEndOfStream { return .metadata(metadata) }
    } else if !isEndOfStream {
      return .status(
        Status(code: .internalError, message: "A second set of headers came mid-stream."), [:])
    }
    guard let code else {
      return .status(Status(code: .unknown, message: "The response has no grpc-status."), metadata)
    }
    return .status(Status(code: code, message: message), metadata)
  }

  private func statusOfHTTP() -> Status {
    if let code { return Status(code: code, message: message) }
    guard let httpStatus, httpStatus != 200 else {
      return Status(code: .unknown, message: "The answer is not gRPC.")
    }
    let mapped = Status(httpStatusCode: httpStatus)
    return Status(code: mapped.code, message: "The answer is HTTP status \(httpStatus).")
  }
}
