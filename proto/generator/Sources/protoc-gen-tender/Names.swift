import SwiftProtobufPluginLibrary

/// How the names of a contract are written in Swift and in protobuf-c's output.
enum Names {
  // MARK: Swift

  /// `tender.intents.v1` is `IntentsV1`, `google.rpc` is `GoogleRPC`.
  static func namespace(_ package: String) -> String {
    var parts = package.split(separator: ".").map(String.init)
    if parts.first == "tender" { parts.removeFirst() }
    return parts.map { acronyms[$0] ?? upperCamel($0) }.joined()
  }

  /// The whole name of a message: `IntentsV1.PaymentIntent`.
  static func type(_ message: Descriptor) -> String {
    let own = typeName(message.name)
    guard let parent = message.containingType else {
      return "\(namespace(message.file.package)).\(own)"
    }
    return "\(type(parent)).\(own)"
  }

  static func type(_ enumeration: EnumDescriptor) -> String {
    let own = typeName(enumeration.name)
    guard let parent = enumeration.containingType else {
      return "\(namespace(enumeration.file.package)).\(own)"
    }
    return "\(type(parent)).\(own)"
  }

  static func typeName(_ name: String) -> String {
    ["Any", "Protocol", "Self", "Type"].contains(name) ? name + "Value" : name
  }

  /// `amount_minor` is `amountMinor`.
  static func property(_ name: String) -> String {
    let camel = lowerCamel(name)
    return swiftKeywords.contains(camel) ? "`\(camel)`" : camel
  }

  /// The case of an enum value, without the enum's own name before it.
  static func enumCase(_ value: EnumValueDescriptor) -> String {
    let prefix = upperSnake(value.enumType.name) + "_"
    let short =
      value.name.hasPrefix(prefix) ? String(value.name.dropFirst(prefix.count)) : value.name
    let camel = lowerCamel(short.lowercased())
    if camel.first?.isNumber == true { return lowerCamel(value.name.lowercased()) }
    return swiftKeywords.contains(camel) ? "`\(camel)`" : camel
  }

  static func lowerCamel(_ name: String) -> String {
    let words = name.split(separator: "_").map(String.init)
    guard let first = words.first else { return "" }
    let rest = words.dropFirst().map { initialisms[$0] ?? capitalised($0) }
    return first.prefix(1).lowercased() + first.dropFirst() + rest.joined()
  }

  static func upperCamel(_ name: String) -> String {
    name.split(separator: "_").map { capitalised(String($0)) }.joined()
  }

  private static func capitalised(_ word: String) -> String {
    word.prefix(1).uppercased() + word.dropFirst()
  }

  static func upperSnake(_ name: String) -> String {
    lowerSnake(name).uppercased()
  }

  // MARK: C

  /// `tender.intents.v1.PaymentIntent` is `Tender__Intents__V1__PaymentIntent`.
  static func cType(_ fullName: String) -> String {
    fullName.split(separator: ".").map { upperCamel(String($0)) }.joined(separator: "__")
  }

  /// The prefix of a message's symbols: `tender__intents__v1__payment_intent`.
  static func cSymbol(_ fullName: String) -> String {
    fullName.split(separator: ".").map { lowerSnake(String($0)) }.joined(separator: "__")
  }

  static func cField(_ name: String) -> String {
    let lower = name.lowercased()
    return cKeywords.contains(lower) ? lower + "_" : lower
  }

  /// Every upper case letter that follows a lower case one begins a word, as in protoc-gen-c.
  private static func lowerSnake(_ name: String) -> String {
    var wasUpper = true
    var result = ""
    for character in name {
      if character.isUppercase, !wasUpper { result += "_" }
      wasUpper = character.isUppercase
      result += character.lowercased()
    }
    return result
  }

  // MARK: Words

  private static let initialisms = ["id": "ID", "ids": "IDs", "url": "URL", "urls": "URLs"]
  private static let acronyms = ["rpc": "RPC", "grpc": "GRPC"]

  private static let swiftKeywords: Set<String> = [
    "as", "break", "case", "catch", "class", "continue", "default", "defer", "deinit", "do", "else",
    "enum", "extension", "fallthrough", "false", "fileprivate", "for", "func", "guard", "if",
    "import", "in", "init", "inout", "internal", "is", "let", "nil", "operator", "package",
    "precedencegroup", "private", "protocol", "public", "repeat", "rethrows", "return", "self",
    "static", "struct", "subscript", "super", "switch", "throw", "throws", "true", "try",
    "typealias", "var", "where", "while",
  ]

  private static let cKeywords: Set<String> = [
    "and", "and_eq", "asm", "auto", "bitand", "bitor", "bool", "break", "case", "catch", "char",
    "class", "compl", "const", "const_cast", "continue", "default", "delete", "do", "double",
    "dynamic_cast", "else", "enum", "explicit", "extern", "false", "float", "for", "friend", "goto",
    "if", "inline", "int", "long", "mutable", "namespace", "new", "not", "not_eq", "operator", "or",
    "or_eq", "private", "protected", "public", "register", "reinterpret_cast", "return", "short",
    "signed", "sizeof", "static", "static_cast", "struct", "switch", "template", "this", "throw",
    "true", "try", "typedef", "typeid", "typename", "union", "unsigned", "using", "virtual", "void",
    "volatile", "wchar_t", "while", "xor", "xor_eq",
  ]
}
