internal import GRPCCore

/// What a call receives, on either side: metadata, messages, and on a client a status.
enum InboundPart: Sendable {
  case metadata(Metadata)
  case message([UInt8])
  case status(Status, Metadata)
}

/// What a call sends, on either side.
enum OutboundPart: Sendable {
  case metadata(Metadata)
  case message([UInt8])
  case status(Status, Metadata)
}

/// GRPCCore's parts as the call's own.
protocol InboundConvertible: Sendable {
  init?(_ part: InboundPart)
}

protocol OutboundConvertible: Sendable {
  var outbound: OutboundPart { get }
}

extension RPCRequestPart: InboundConvertible where Bytes == [UInt8] {
  init?(_ part: InboundPart) {
    switch part {
    case .metadata(let metadata): self = .metadata(metadata)
    case .message(let bytes): self = .message(bytes)
    case .status: return nil
    }
  }
}

extension RPCResponsePart: InboundConvertible where Bytes == [UInt8] {
  init?(_ part: InboundPart) {
    switch part {
    case .metadata(let metadata): self = .metadata(metadata)
    case .message(let bytes): self = .message(bytes)
    case .status(let status, let metadata): self = .status(status, metadata)
    }
  }
}

extension RPCRequestPart: OutboundConvertible where Bytes == [UInt8] {
  var outbound: OutboundPart {
    switch self {
    case .metadata(let metadata): .metadata(metadata)
    case .message(let bytes): .message(bytes)
    }
  }
}

extension RPCResponsePart: OutboundConvertible where Bytes == [UInt8] {
  var outbound: OutboundPart {
    switch self {
    case .metadata(let metadata): .metadata(metadata)
    case .message(let bytes): .message(bytes)
    case .status(let status, let metadata): .status(status, metadata)
    }
  }
}
