internal import GRPCCore

/// Finds methods by the bytes of their path, without making a string of what a peer sent.
/// Holds registered methods only: a peer cannot fill it.
struct MethodTable: Sendable {
  enum Lookup {
    case known(MethodDescriptor)
    case unknown
    case malformed
  }

  private struct Entry {
    let path: [UInt8]
    let method: MethodDescriptor
  }

  private var buckets: [[Entry]]
  /// Whether methods outside the table go to the handler anyway (a server without registrations).
  private let admitsUnregistered: Bool

  init(methods: [MethodDescriptor], admitsUnregistered: Bool = false) {
    self.admitsUnregistered = admitsUnregistered
    buckets = Array(repeating: [], count: max(16, methods.count * 2))
    for method in methods {
      let path = Array("/\(method.fullyQualifiedMethod)".utf8)
      let index = path.withUnsafeBufferPointer(bucket)
      buckets[index].append(Entry(path: path, method: method))
    }
  }

  func find(path: UnsafeBufferPointer<UInt8>) -> Lookup {
    for entry in buckets[bucket(of: path)] where path.elementsEqual(entry.path) {
      return .known(entry.method)
    }
    guard path.first == UInt8(ascii: "/"),
      let slash = path.lastIndex(of: UInt8(ascii: "/")), slash > 1, slash + 1 < path.count
    else { return .malformed }
    guard admitsUnregistered else { return .unknown }
    return .known(
      MethodDescriptor(
        fullyQualifiedService: String(decoding: path[1..<slash], as: UTF8.self),
        method: String(decoding: path[(slash + 1)...], as: UTF8.self)))
  }

  /// FNV-1a: short keys that only the operator chooses, so no seed is needed.
  private func bucket(of path: UnsafeBufferPointer<UInt8>) -> Int {
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for byte in path { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
    return Int(hash % UInt64(buckets.count))
  }
}
