internal import GRPCCore

/// Metadata between GRPCCore and header fields.
enum MetadataCoding {
  /// Why metadata cannot travel.
  enum Failure: Error, Hashable {
    /// A key outside `[0-9a-z_.-]` or one that the protocol reserves.
    case invalidKey
    /// A text value with bytes outside 0x20...0x7E.
    case invalidValue(key: String)
    /// A `-bin` value that is no base64.
    case invalidBase64(key: String)

    var error: RPCError {
      switch self {
      case .invalidKey:
        RPCError(code: .invalidArgument, message: "Metadata has an invalid or reserved key.")
      case .invalidValue(let key):
        RPCError(
          code: .invalidArgument, message: "Metadata '\(key)' has bytes outside 0x20...0x7E.")
      case .invalidBase64(let key):
        RPCError(code: .invalidArgument, message: "Metadata '\(key)' is no base64.")
      }
    }
  }

  /// Adds metadata to a header block. Keys are lowered; those in `skipping` are left out.
  /// - Throws: `invalidKey`, `invalidValue`.
  static func encode(
    _ metadata: Metadata, into block: inout HeaderBlock, skipping: StaticString? = nil
  ) throws(Failure) {
    for (key, value) in metadata {
      guard let name = validKey(key) else { throw .invalidKey }
      if let skipping, name.elementsEqual(skipping) { continue }
      let isSensitive = isUnique(name)
      switch value {
      case .string(let text):
        let isBinary = name.hasSuffix("-bin")
        // A text under a binary key is base64 that the caller has made.
        guard text.utf8.allSatisfy({ $0 >= 0x20 && $0 <= 0x7E }) else {
          throw .invalidValue(key: key)
        }
        if isBinary, BinaryHeader.decode(Array(text.utf8)) == nil {
          throw .invalidBase64(key: key)
        }
        block.add(name, text.utf8, isSensitive: isSensitive)
      case .binary(let bytes):
        guard name.hasSuffix("-bin") else { throw .invalidKey }
        block.add(name, BinaryHeader.encode(bytes), isSensitive: isSensitive)
      }
    }
  }

  /// Adds one received field to metadata. A `-bin` field may hold several values, by commas.
  /// - Throws: `invalidValue`, `invalidBase64`.
  static func decode(
    name: UnsafeBufferPointer<UInt8>, value: UnsafeBufferPointer<UInt8>,
    into metadata: inout Metadata
  ) throws(Failure) {
    let key = String(decoding: name, as: UTF8.self)
    if name.hasSuffix("-bin") {
      for part in value.split(separator: UInt8(ascii: ","), omittingEmptySubsequences: false) {
        guard let bytes = BinaryHeader.decode(part) else { throw .invalidBase64(key: key) }
        metadata.addBinary(bytes, forKey: key)
      }
      return
    }
    guard value.allSatisfy({ $0 >= 0x20 && $0 <= 0x7E }) else { throw .invalidValue(key: key) }
    metadata.addString(String(decoding: value, as: UTF8.self), forKey: key)
  }

  private static func validKey(_ key: String) -> [UInt8]? {
    guard !key.isEmpty else { return nil }
    var name = Array(key.utf8)
    for index in name.indices {
      switch name[index] {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
        UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"):
        break
      case UInt8(ascii: "A")...UInt8(ascii: "Z"):
        name[index] += 0x20
      default:
        return nil
      }
    }
    return reserved.contains(where: { name.elementsEqual($0) }) ? nil : name
  }

  /// Fields that the transport writes itself, or that HTTP/2 forbids.
  private static let reserved: [StaticString] = [
    "te", "content-type", "content-length", "connection", "transfer-encoding", "keep-alive",
    "upgrade", "host", "proxy-connection", "grpc-status", "grpc-message", "grpc-encoding",
    "grpc-accept-encoding",
  ]

  /// Values that differ in each call and would only push others out of the compression table.
  private static func isUnique(_ name: [UInt8]) -> Bool {
    name.elementsEqual("idempotency-key") || name.elementsEqual("traceparent")
  }
}

extension Collection<UInt8> {
  func elementsEqual(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { $0.count == count && elementsEqual($0) }
  }

  func hasSuffix(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { $0.count <= count && suffix($0.count).elementsEqual($0) }
  }

  func hasPrefix(_ text: StaticString) -> Bool {
    text.withUTF8Buffer { $0.count <= count && prefix($0.count).elementsEqual($0) }
  }
}
