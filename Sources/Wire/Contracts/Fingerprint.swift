/// A request whose answer is stored: its fingerprint tells a repetition from another payload.
package protocol KeyedMessage: FingerprintedMessage {
  /// Raised whenever the meaning of the fingerprint changes.
  static var fingerprintVersion: UInt32 { get }
  /// Numbers of the top-level fields that count; nil means all.
  static var fingerprintFields: Set<UInt32>? { get }
}

/// A message inside a keyed request.
package protocol FingerprintedMessage: WireMessage {
  func writeFields(to fingerprint: inout FingerprintWriter)
}

extension KeyedMessage {
  /// Feeds the canonical form of the declared fields to `update`, for hashing.
  ///
  /// The form does not depend on the encoding of the request: version, then per present field in
  /// the order of the numbers: number, type, length, value. Numbers are big-endian. Fields with
  /// their default value are absent, so that a client that does not know a new field agrees.
  package func fingerprint(_ update: (UnsafeRawBufferPointer) -> Void) {
    var writer = FingerprintWriter()
    writer.fields = Self.fingerprintFields
    writer.append(Self.fingerprintVersion)
    writeFields(to: &writer)
    writer.bytes.withUnsafeBytes(update)
  }

  /// The canonical form itself.
  package var fingerprintBytes: [UInt8] {
    var bytes: [UInt8] = []
    fingerprint { bytes.append(contentsOf: $0) }
    return bytes
  }
}

/// Collects the canonical form.
package struct FingerprintWriter {
  private enum Kind: UInt8 {
    case bool = 1, integer, unsigned, floating, text, blob, enumeration, message, list
  }

  fileprivate(set) var bytes: [UInt8] = []
  fileprivate var fields: Set<UInt32>?

  fileprivate mutating func append<N: FixedWidthInteger>(_ number: N) {
    withUnsafeBytes(of: number.bigEndian) { bytes.append(contentsOf: $0) }
  }

  /// Number, kind, length and value of one field.
  private mutating func write(
    _ number: UInt32, _ kind: Kind, _ value: (inout FingerprintWriter) -> Void
  ) {
    if let fields, !fields.contains(number) { return }
    append(number)
    element(kind, value)
  }

  private mutating func element(_ kind: Kind, _ value: (inout FingerprintWriter) -> Void) {
    // Only the outermost message is reduced to its declared fields.
    var inner = FingerprintWriter()
    value(&inner)
    bytes.append(kind.rawValue)
    append(UInt32(inner.bytes.count))
    bytes.append(contentsOf: inner.bytes)
  }
}

/// A value that a field of the contracts can hold.
package protocol FingerprintValue {
  /// Absent in a field without presence.
  var isDefault: Bool { get }
  func write(to fingerprint: inout FingerprintWriter)
}

extension FingerprintWriter {
  // MARK: Called by the generated code

  /// A field without presence.
  mutating func field<Value: FingerprintValue>(_ number: UInt32, _ value: Value) {
    if !value.isDefault { field(number, present: value) }
  }

  mutating func field<Value: FingerprintValue>(_ number: UInt32, _ value: Value?) {
    if let value { field(number, present: value) }
  }

  mutating func field<Value: FingerprintValue>(_ number: UInt32, _ values: [Value]) {
    guard !values.isEmpty else { return }
    write(number, .list) { writer in
      for value in values { value.write(to: &writer) }
    }
  }

  mutating func field(_ number: UInt32, _ value: [UInt8]) {
    if !value.isEmpty { field(number, present: value) }
  }

  mutating func field(_ number: UInt32, _ value: [UInt8]?) {
    if let value { field(number, present: value) }
  }

  mutating func field(_ number: UInt32, _ values: [[UInt8]]) {
    guard !values.isEmpty else { return }
    write(number, .list) { writer in
      for value in values { writer.blob(value) }
    }
  }

  mutating func field(_ number: UInt32, _ value: some FingerprintedMessage) {
    field(number, present: value)
  }

  mutating func field<M: FingerprintedMessage>(_ number: UInt32, _ value: M?) {
    if let value { field(number, present: value) }
  }

  mutating func field<M: FingerprintedMessage>(_ number: UInt32, _ values: [M]) {
    guard !values.isEmpty else { return }
    write(number, .list) { writer in
      for value in values { writer.element(.message) { value.writeFields(to: &$0) } }
    }
  }

  mutating func field<E: WireEnum>(_ number: UInt32, _ value: E) {
    if value.rawValue != 0 { field(number, present: value) }
  }

  mutating func field<E: WireEnum>(_ number: UInt32, _ value: E?) {
    if let value { field(number, present: value) }
  }

  mutating func field<E: WireEnum>(_ number: UInt32, _ values: [E]) {
    guard !values.isEmpty else { return }
    write(number, .list) { writer in
      for value in values { writer.element(.enumeration) { $0.append(value.rawValue) } }
    }
  }

  // MARK: Present values

  mutating func field<Value: FingerprintValue>(_ number: UInt32, present value: Value) {
    guard fields?.contains(number) ?? true else { return }
    append(number)
    value.write(to: &self)
  }

  mutating func field(_ number: UInt32, present value: [UInt8]) {
    guard fields?.contains(number) ?? true else { return }
    append(number)
    blob(value)
  }

  mutating func field(_ number: UInt32, present value: some FingerprintedMessage) {
    write(number, .message) { value.writeFields(to: &$0) }
  }

  mutating func field<E: WireEnum>(_ number: UInt32, present value: E) {
    write(number, .enumeration) { $0.append(value.rawValue) }
  }

  private mutating func blob(_ value: [UInt8]) {
    element(.blob) { $0.bytes.append(contentsOf: value) }
  }

  fileprivate mutating func bool(_ value: Bool) {
    element(.bool) { $0.bytes.append(value ? 1 : 0) }
  }

  fileprivate mutating func integer(_ value: Int64) { element(.integer) { $0.append(value) } }
  fileprivate mutating func unsigned(_ value: UInt64) { element(.unsigned) { $0.append(value) } }

  fileprivate mutating func floating(_ value: Double) {
    element(.floating) { $0.append(value.bitPattern) }
  }

  fileprivate mutating func text(_ value: String) {
    element(.text) { $0.bytes.append(contentsOf: value.utf8) }
  }
}

extension Bool: FingerprintValue {
  package var isDefault: Bool { !self }
  package func write(to fingerprint: inout FingerprintWriter) { fingerprint.bool(self) }
}

extension Int32: FingerprintValue {
  package var isDefault: Bool { self == 0 }
  package func write(to fingerprint: inout FingerprintWriter) { fingerprint.integer(Int64(self)) }
}

extension Int64: FingerprintValue {
  package var isDefault: Bool { self == 0 }
  package func write(to fingerprint: inout FingerprintWriter) { fingerprint.integer(self) }
}

extension UInt32: FingerprintValue {
  package var isDefault: Bool { self == 0 }
  package func write(to fingerprint: inout FingerprintWriter) { fingerprint.unsigned(UInt64(self)) }
}

extension UInt64: FingerprintValue {
  package var isDefault: Bool { self == 0 }
  package func write(to fingerprint: inout FingerprintWriter) { fingerprint.unsigned(self) }
}

extension Float: FingerprintValue {
  package var isDefault: Bool { bitPattern == 0 }
  package func write(to fingerprint: inout FingerprintWriter) { fingerprint.floating(Double(self)) }
}

extension Double: FingerprintValue {
  package var isDefault: Bool { bitPattern == 0 }
  package func write(to fingerprint: inout FingerprintWriter) { fingerprint.floating(self) }
}

extension String: FingerprintValue {
  package var isDefault: Bool { isEmpty }
  package func write(to fingerprint: inout FingerprintWriter) { fingerprint.text(self) }
}
