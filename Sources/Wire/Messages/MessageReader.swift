internal import CWire
internal import Glibc
internal import Money

/// Longest string in bytes where the contract names no other.
package let stringBytesDefault = 255
/// Most elements of a list where the contract names no other.
package let elementsDefault = 100

/// Copies fields from protobuf-c's form and, when strict, checks the contract's rules.
package struct MessageReader: Sendable {
  let strict: Bool

  /// A choice or an optional field without a value.
  func missing(_ field: StaticString) throws(WireError) {
    if strict { throw WireError(.missing).inside(field) }
  }

  // MARK: Text and bytes

  func string(
    _ value: ProtobufCBinaryData, _ field: StaticString, required: Bool = false,
    lengthMax: Int = stringBytesDefault, idPrefix: StaticString? = nil
  ) throws(WireError) -> String {
    let text = UnsafeBufferPointer(start: value.data, count: value.len)
    guard strict else { return String(decoding: text, as: UTF8.self) }
    if text.isEmpty {
      if required { throw WireError(.missing).inside(field) }
      return ""
    }
    guard text.count <= lengthMax else { throw WireError(.tooLong).inside(field) }
    guard let string = String(validating: text, as: UTF8.self) else {
      throw WireError(.invalidUTF8).inside(field)
    }
    guard memchr(value.data, 0, value.len) == nil else {
      throw WireError(.containsNUL).inside(field)
    }
    if let idPrefix {
      guard isID(text, prefixes: idPrefix) else { throw WireError(.invalidID).inside(field) }
    } else if CardNumberDetector.contains(utf8: text.span) {
      throw WireError(.cardData).inside(field)
    }
    return string
  }

  func bytes(
    _ value: ProtobufCBinaryData, _ field: StaticString, required: Bool = false,
    lengthMax: Int = .max, cardDataExempt: Bool = false
  ) throws(WireError) -> [UInt8] {
    let bytes = UnsafeBufferPointer(start: value.data, count: value.len)
    guard strict else { return Array(bytes) }
    if bytes.isEmpty {
      if required { throw WireError(.missing).inside(field) }
      return []
    }
    guard bytes.count <= lengthMax else { throw WireError(.tooLong).inside(field) }
    if !cardDataExempt, CardNumberDetector.contains(utf8: bytes.span) {
      throw WireError(.cardData).inside(field)
    }
    return Array(bytes)
  }

  /// One of the prefixes (parted by bars), `_` and 28 letters of 128 bits; a merchant's lowest bit
  /// agrees with its prefix.
  private func isID(_ text: UnsafeBufferPointer<UInt8>, prefixes: StaticString) -> Bool {
    guard let start = text.baseAddress, let length = text.firstIndex(of: UInt8(ascii: "_")),
      text.count == length + 1 + EntityIDText.letterCount,
      let bits = EntityIDText.bits(
        ofLetters: UnsafeBufferPointer(rebasing: text[(length + 1)...]).span)
    else { return false }
    let known = UnsafeBufferPointer(
      start: prefixes.utf8Start, count: prefixes.utf8CodeUnitCount)
    var begin = 0
    while begin + length <= known.count {
      let end = known[begin...].firstIndex(of: UInt8(ascii: "|")) ?? known.count
      if end - begin == length, memcmp(start, prefixes.utf8Start + begin, length) == 0 {
        let isMerchant = length == 2 && text[0] == UInt8(ascii: "m")
        guard isMerchant, text[1] == UInt8(ascii: "t") || text[1] == UInt8(ascii: "l") else {
          return true
        }
        return (bits & 1 == 1) == (text[1] == UInt8(ascii: "l"))
      }
      begin = end + 1
    }
    return false
  }

  // MARK: Numbers and enums

  func number<N: Numeric & Comparable>(
    _ value: N, _ field: StaticString, required: Bool = false
  ) throws(WireError) -> N {
    if strict, required, value == .zero { throw WireError(.missing).inside(field) }
    return value
  }

  func number<N: FixedWidthInteger>(
    _ value: N, _ field: StaticString, required: Bool = false, range: ClosedRange<Int64>
  ) throws(WireError) -> N {
    guard strict else { return value }
    if required, value == 0 { throw WireError(.missing).inside(field) }
    guard let wide = Int64(exactly: value), range.contains(wide) else {
      throw WireError(.outOfRange).inside(field)
    }
    return value
  }

  func enumeration<E: WireEnum>(
    _ rawValue: UInt32, _ field: StaticString, required: Bool = false
  ) throws(WireError) -> E {
    let value = E(rawValue: Int32(bitPattern: rawValue))
    guard strict else { return value }
    if required, rawValue == 0 { throw WireError(.missing).inside(field) }
    guard value.protoName != nil else { throw WireError(.unknownEnum).inside(field) }
    return value
  }

  // MARK: Messages

  func message<M: WireMessage, C>(
    _ pointer: UnsafeMutablePointer<C>?, _ field: StaticString, required: Bool = false
  ) throws(WireError) -> M? {
    guard let pointer else {
      if required { try missing(field) }
      return nil
    }
    do {
      return try M(reading: UnsafeRawPointer(pointer), self)
    } catch {
      throw error.inside(field)
    }
  }
}
