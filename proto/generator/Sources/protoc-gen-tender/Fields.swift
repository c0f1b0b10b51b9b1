import SwiftProtobufPluginLibrary

/// One field as the emitters see it.
struct Field {
  enum Kind {
    case bool
    /// An integer or floating point number with the same type in C and Swift.
    case number(swift: String)
    case string
    case bytes
    case enumeration(EnumDescriptor)
    case message(Descriptor)
  }

  let descriptor: FieldDescriptor
  let rules: FieldRules
  let kind: Kind

  init(_ descriptor: FieldDescriptor) {
    self.descriptor = descriptor
    rules = FieldRules(descriptor)
    kind =
      switch descriptor.type {
      case .double: .number(swift: "Double")
      case .float: .number(swift: "Float")
      case .int64, .sint64, .sfixed64: .number(swift: "Int64")
      case .uint64, .fixed64: .number(swift: "UInt64")
      case .int32, .sint32, .sfixed32: .number(swift: "Int32")
      case .uint32, .fixed32: .number(swift: "UInt32")
      case .bool: .bool
      case .string: .string
      case .bytes: .bytes
      case .enum: .enumeration(descriptor.enumType)
      case .message, .group: .message(descriptor.messageType)
      }
  }

  var number: Int { Int(descriptor.number) }
  var isRepeated: Bool { descriptor.isRepeated }
  /// `optional` in the contract; protobuf-c sees a choice of one.
  var isOptional: Bool {
    descriptor.containingOneof != nil && descriptor.realContainingOneof == nil
  }
  var choice: OneofDescriptor? { descriptor.realContainingOneof }

  // MARK: Names

  var property: String { Names.property(descriptor.name) }
  var cField: String { Names.cField(descriptor.name) }
  /// The C member that says whether the field is set.
  var cCase: String { "_\(descriptor.name.lowercased())_case" }
  var jsonName: String {
    descriptor.jsonName ?? Names.lowerCamel(descriptor.name)
  }

  // MARK: Swift types

  var elementType: String {
    switch kind {
    case .bool: "Bool"
    case .number(let swift): swift
    case .string: "String"
    case .bytes: "[UInt8]"
    case .enumeration(let enumeration): Names.type(enumeration)
    case .message(let message): Names.type(message)
    }
  }

  private var isMessage: Bool {
    if case .message = kind { true } else { false }
  }

  var swiftType: String {
    if isRepeated { return "[\(elementType)]" }
    return isOptional || isMessage ? elementType + "?" : elementType
  }

  var defaultValue: String {
    if isRepeated { return "[]" }
    if isOptional || isMessage { return "nil" }
    switch kind {
    case .bool: return "false"
    case .number: return "0"
    case .string: return "\"\""
    case .bytes: return "[]"
    case .enumeration: return ".init(rawValue: 0)"
    case .message: return "nil"
    }
  }

  // MARK: Reading from C

  private var quoted: String { "\"\(descriptor.name)\"" }

  /// The rules as arguments of the reader's functions.
  private var arguments: String {
    var text = ""
    if rules.required { text += ", required: true" }
    if isRepeated, rules.countMax != 0 { text += ", countMax: \(rules.countMax)" }
    if rules.lengthMax != 0 { text += ", lengthMax: \(rules.lengthMax)" }
    if !rules.idPrefix.isEmpty { text += ", idPrefix: \"\(rules.idPrefix)\"" }
    if rules.cardDataExempt { text += ", cardDataExempt: true" }
    if rules.hasRange { text += ", range: \(rules.minimum)...\(rules.maximum)" }
    return text
  }

  /// The value of a field that is there.
  func readOne() -> String {
    let c = "c.pointee.\(cField)"
    return switch kind {
    case .bool: "\(c) != 0"
    case .number:
      rules.hasRange || rules.required && choice == nil && !isOptional
        ? "try reader.number(\(c), \(quoted)\(choiceFreeArguments))" : c
    case .string: "try reader.string(\(c), \(quoted)\(choiceFreeArguments))"
    case .bytes: "try reader.bytes(\(c), \(quoted)\(choiceFreeArguments))"
    case .enumeration:
      "try reader.enumeration(\(c).rawValue, \(quoted)\(choiceFreeArguments))"
    case .message: "try reader.message(\(c), \(quoted)\(choiceFreeArguments))"
    }
  }

  /// In a choice `required` concerns the choice; a present optional number may be zero.
  private var choiceFreeArguments: String {
    let isScalar =
      switch kind {
      case .string, .bytes, .message: false
      default: true
      }
    return choice != nil || isOptional && isScalar
      ? arguments.replacing(", required: true", with: "") : arguments
  }

  func readAll() -> String {
    let c = "c.pointee.n_\(cField), c.pointee.\(cField), \(quoted)\(arguments)"
    return switch kind {
    case .bool: "try reader.bools(\(c))"
    case .number: "try reader.numbers(\(c))"
    case .string: "try reader.strings(\(c))"
    case .bytes: "try reader.blobs(\(c))"
    case .enumeration: "try reader.enumerations(\(c))"
    case .message: "try reader.messages(\(c))"
    }
  }

  // MARK: Writing to C

  func writeOne(_ value: String) -> String {
    let c = "c.pointee.\(cField)"
    return switch kind {
    case .bool: "\(c) = \(value) ? 1 : 0"
    case .number: "\(c) = \(value)"
    case .string: "\(c) = writer.string(\(value))"
    case .bytes: "\(c) = writer.bytes(\(value))"
    case .enumeration: "\(c) = .init(rawValue: UInt32(bitPattern: \(value).rawValue))"
    case .message: "\(c) = writer.message(\(value))"
    }
  }

  func writeAll() -> [String] {
    let function =
      switch kind {
      case .bool: "bools"
      case .number: "numbers"
      case .string: "strings"
      case .bytes: "blobs"
      case .enumeration: "enumerations"
      case .message: "messages"
      }
    return [
      "c.pointee.n_\(cField) = \(property).count",
      "c.pointee.\(cField) = writer.\(function)(\(property))",
    ]
  }
}
