import SwiftProtobufPluginLibrary

/// What the contracts may not contain, because protobuf-c or the platform cannot bear it.
enum Lint {
  static func check(_ file: FileDescriptor) throws {
    guard file.edition == .proto3 else { throw GeneratorError(file.name, "only proto3 is allowed") }
    for message in file.messages { try check(message) }
    for enumeration in file.enums { try check(enumeration) }
    for service in file.services {
      for method in service.methods { try check(method) }
    }
  }

  private static func check(_ message: Descriptor) throws {
    try refuseRecursion(message, path: [])
    let isForeign = message.file.package.hasPrefix("google.")
    for field in message.fields {
      let place = field.fullName
      if field.type == .group { throw GeneratorError(place, "groups are refused") }
      if field.isMap, !isForeign { throw GeneratorError(place, "maps have no order: use a list") }
      if field.name == "base" || field.name == "self" {
        throw GeneratorError(place, "the name is taken in the generated code")
      }
      try checkRules(field)
    }
    var names: Set<String> = []
    for name in message.messages.map(\.name) + message.enums.map(\.name)
      + message.realOneofs.map({ Names.upperCamel($0.name) })
    where !names.insert(name).inserted {
      throw GeneratorError(message.fullName, "two types are named \(name)")
    }
    for nested in message.messages { try check(nested) }
    for nested in message.enums { try check(nested) }
  }

  private static func refuseRecursion(_ message: Descriptor, path: [String]) throws {
    guard !path.contains(message.fullName) else {
      throw GeneratorError(
        message.fullName,
        "recursive messages are refused (protobuf-c has no depth limit): "
          + (path + [message.fullName]).joined(separator: " > "))
    }
    for field in message.fields where field.messageType != nil {
      try refuseRecursion(field.messageType, path: path + [message.fullName])
    }
  }

  private static func check(_ enumeration: EnumDescriptor) throws {
    if enumeration.options.allowAlias {
      throw GeneratorError(enumeration.fullName, "aliases are refused")
    }
    var cases: Set<String> = []
    for value in enumeration.values {
      if value.number < 0 { throw GeneratorError(value.fullName, "negative values are refused") }
      if !cases.insert(Names.enumCase(value)).inserted {
        throw GeneratorError(value.fullName, "two cases have this name")
      }
    }
  }

  private static func checkRules(_ field: FieldDescriptor) throws {
    let rules = FieldRules(field)
    let isText = field.type == .string || field.type == .bytes
    let isInteger: Bool
    switch field.type {
    case .double, .float, .bool, .string, .bytes, .enum, .message, .group: isInteger = false
    default: isInteger = true
    }
    func refuse(_ condition: Bool, _ problem: String) throws {
      if condition { throw GeneratorError(field.fullName, problem) }
    }
    try refuse(rules.lengthMax != 0 && !isText, "length_max is for strings and bytes")
    try refuse(rules.countMax != 0 && !field.isRepeated, "count_max is for repeated fields")
    try refuse(!rules.idPrefix.isEmpty && field.type != .string, "id_prefix is for strings")
    try refuse(rules.cardDataExempt && field.type != .bytes, "card_data_exempt is for bytes")
    try refuse(rules.hasRange && !isInteger, "a range is for integers")
    try refuse(rules.hasRange && rules.minimum > rules.maximum, "the range is empty")
    try refuse(
      rules.required && field.type == .bool && !field.hasPresence && !field.isRepeated,
      "a required bool would have to be true: make it optional")
  }

  private static func check(_ method: MethodDescriptor) throws {
    guard let rules = MethodOptions(method) else {
      throw GeneratorError(method.fullName, "no (tender.options.v1.rules): nobody could call it")
    }
    func refuse(_ condition: Bool, _ problem: String) throws {
      if condition { throw GeneratorError(method.fullName, problem) }
    }
    try refuse(rules.access.isEmpty, "access is empty")
    try refuse(rules.access.contains { MethodOptions.callers[$0] == nil }, "unknown caller")
    try refuse(MethodOptions.mutations[rules.mutation] == nil, "mutation is missing")
    try refuse(MethodOptions.scopes[rules.merchant] == nil, "merchant is missing")
    try refuse(!rules.fingerprint.isEmpty && !rules.isKeyed, "only keyed calls are fingerprinted")
    try refuse(
      rules.isKeyed && (method.clientStreaming || method.serverStreaming),
      "a keyed call has one request and one answer")
    for name in rules.fingerprint where !method.inputType.fields.contains(where: { $0.name == name }) {
      throw GeneratorError(method.fullName, "fingerprint names no field: \(name)")
    }
  }
}
