internal import CNghttp2

/// Header fields to send: one buffer of bytes and where each name and value lies in it.
/// Reused from call to call, so that a call without metadata allocates nothing here.
struct HeaderBlock {
  private struct Field {
    var nameStart: Int
    var nameLength: Int
    var valueLength: Int
    var isSensitive: Bool
  }

  private var bytes: [UInt8] = []
  private var fields: [Field] = []

  var isEmpty: Bool { fields.isEmpty }

  /// The size as HTTP/2 counts it: names, values and 32 for each field.
  var listSize: Int { bytes.count + fields.count * HeaderBlock.fieldOverhead }

  /// What a field adds to the list's size beside its bytes.
  static let fieldOverhead = 32

  mutating func removeAll() {
    bytes.removeAll(keepingCapacity: true)
    fields.removeAll(keepingCapacity: true)
  }

  /// Adds a field. The name must be in lower case. A sensitive field never enters a
  /// compression table, neither here nor at a proxy.
  mutating func add(
    _ name: some Collection<UInt8>, _ value: some Collection<UInt8>, isSensitive: Bool = false
  ) {
    fields.append(
      Field(
        nameStart: bytes.count, nameLength: name.count, valueLength: value.count,
        isSensitive: isSensitive))
    bytes.append(contentsOf: name)
    bytes.append(contentsOf: value)
  }

  mutating func add(_ name: StaticString, _ value: some Collection<UInt8>) {
    name.withUTF8Buffer { add($0, value) }
  }

  mutating func add(_ name: StaticString, _ value: StaticString) {
    name.withUTF8Buffer { name in value.withUTF8Buffer { add(name, $0) } }
  }

  /// Adds `:path` as `/service/method`.
  mutating func addPath(service: String, method: String) {
    let name: StaticString = ":path"
    let start = bytes.count
    name.withUTF8Buffer { bytes.append(contentsOf: $0) }
    bytes.append(UInt8(ascii: "/"))
    bytes.append(contentsOf: service.utf8)
    bytes.append(UInt8(ascii: "/"))
    bytes.append(contentsOf: method.utf8)
    fields.append(
      Field(
        nameStart: start, nameLength: name.utf8CodeUnitCount,
        valueLength: bytes.count - start - name.utf8CodeUnitCount, isSensitive: false))
  }

  /// Calls `body` with the fields as nghttp2 takes them; it copies what it keeps.
  func withFields<Result>(
    _ body: (_ fields: UnsafePointer<nghttp2_nv>?, _ count: Int) -> Result
  ) -> Result {
    bytes.withUnsafeBufferPointer { buffer in
      withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: fields.count) { target in
        guard let base = buffer.baseAddress else { return body(nil, 0) }
        let start = UnsafeMutablePointer(mutating: base)
        for (index, field) in fields.enumerated() {
          let name = start + field.nameStart
          let flags = field.isSensitive ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
          target.initializeElement(
            at: index,
            to: nghttp2_nv(
              name: name, value: name + field.nameLength, namelen: field.nameLength,
              valuelen: field.valueLength, flags: UInt8(flags.rawValue)))
        }
        return body(UnsafePointer(target.baseAddress), fields.count)
      }
    }
  }
}
