import Foundation
import SwiftProtobuf
import SwiftProtobufPluginLibrary

// The options of tender/options/v1/options.proto, read from the descriptors' unknown fields.

/// One field on the wire.
enum WireValue {
  case number(UInt64)
  case bytes(ArraySlice<UInt8>)
}

/// Fields of an encoded message, in order. Enough for options: no groups, no fixed widths.
func wireFields(_ bytes: ArraySlice<UInt8>) -> [(number: Int, value: WireValue)] {
  var rest = bytes
  func varint() -> UInt64 {
    var value: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = rest.popFirst() {
      value |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { break }
      shift += 7
    }
    return value
  }
  var fields: [(Int, WireValue)] = []
  while !rest.isEmpty {
    let key = varint()
    switch key & 7 {
    case 0: fields.append((Int(key >> 3), .number(varint())))
    case 1: rest = rest.dropFirst(8)
    case 5: rest = rest.dropFirst(4)
    case 2:
      let length = Int(varint())
      fields.append((Int(key >> 3), .bytes(rest.prefix(length))))
      rest = rest.dropFirst(length)
    default: return fields
    }
  }
  return fields
}

/// The content of one extension, its occurrences joined (which merges them).
private func extensionBytes(_ options: Data, number: Int) -> ArraySlice<UInt8>? {
  var found: [UInt8]?
  for case (number, .bytes(let bytes)) in wireFields(ArraySlice(options)) {
    found = (found ?? []) + bytes
  }
  return found.map { ArraySlice($0) }
}

private func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

/// `tender.options.v1.FieldRules`
struct FieldRules {
  var required = false
  var lengthMax = 0
  var countMax = 0
  var idPrefix = ""
  var cardDataExempt = false
  var minimum: Int64 = 0
  var maximum: Int64 = 0
  var hasRange = false

  init(_ field: FieldDescriptor) {
    switch (field.containingType.fullName, field.name) {
    case ("google.protobuf.Timestamp", "seconds"):
      (hasRange, minimum, maximum) = (true, -62_135_596_800, 253_402_300_799)
    case ("google.protobuf.Timestamp", "nanos"):
      (hasRange, minimum, maximum) = (true, 0, 999_999_999)
    case ("google.protobuf.Duration", "seconds"):
      (hasRange, minimum, maximum) = (true, -315_576_000_000, 315_576_000_000)
    case ("google.protobuf.Duration", "nanos"):
      (hasRange, minimum, maximum) = (true, -999_999_999, 999_999_999)
    default: break
    }
    guard let bytes = extensionBytes(field.options.unknownFields.data, number: 50502) else { return }
    for field in wireFields(bytes) {
      switch field {
      case (1, .number(let value)): required = value != 0
      case (2, .number(let value)): lengthMax = Int(value)
      case (3, .number(let value)): countMax = Int(value)
      case (4, .bytes(let value)): idPrefix = text(value)
      case (5, .number(let value)): cardDataExempt = value != 0
      case (6, .number(let value)): minimum = Int64(bitPattern: value)
      case (7, .number(let value)): maximum = Int64(bitPattern: value)
      case (8, .number(let value)): hasRange = value != 0
      default: break
      }
    }
  }
}

/// `tender.options.v1.MethodRules`
struct MethodOptions {
  var access: [Int] = []
  var mutation = 0
  var merchant = 0
  var fingerprint: [String] = []
  var fingerprintVersion = 1
  var requestBytesMax = 65_536
  var responseBytesMax = 65_536
  var timeoutMillisecondsMax = 0

  static let callers = [
    1: "merchant", 2: "operator", 3: "auditor", 4: "intents", 5: "gatewayRouter", 6: "ledger",
    7: "vaultToken", 8: "webhooks", 9: "billing", 10: "anyone",
  ]
  static let mutations = [1: "reads", 2: "keyed", 3: "natural"]
  static let scopes = [1: "required", 2: "none"]

  /// Nil for a method without rules, which nobody may call.
  init?(_ method: MethodDescriptor) {
    if method.file.package.hasPrefix("grpc.") {
      (access, mutation, merchant) = ([10], 1, 2)
      return
    }
    guard let bytes = extensionBytes(method.options.unknownFields.data, number: 50501) else {
      return nil
    }
    for field in wireFields(bytes) {
      switch field {
      case (1, .number(let value)): access.append(Int(value))
      case (1, .bytes(var packed)):
        while let caller = packed.popFirst() { access.append(Int(caller)) }
      case (2, .number(let value)): mutation = Int(value)
      case (3, .number(let value)): merchant = Int(value)
      case (4, .bytes(let value)): fingerprint.append(text(value))
      case (5, .number(let value)) where value != 0: fingerprintVersion = Int(value)
      case (6, .number(let value)) where value != 0: requestBytesMax = Int(value)
      case (7, .number(let value)) where value != 0: responseBytesMax = Int(value)
      case (8, .number(let value)): timeoutMillisecondsMax = Int(value)
      default: break
      }
    }
  }

  var isKeyed: Bool { mutation == 2 }
}
