import SwiftProtobufPluginLibrary

/// Swift values of one contract file: enums and messages with their codec.
struct SwiftMessages {
  let file: FileDescriptor
  /// Largest size of a message in bytes where a method names one.
  let limits: [String: Int]
  /// Messages inside the fingerprint of some keyed request.
  let fingerprinted: Set<String>

  /// Formats with a JSON text of their own, written by hand.
  private static let handWrittenJSON: Set<String> = [
    "google.protobuf.Timestamp", "google.protobuf.Duration", "google.protobuf.Any",
  ]

  func render() -> String {
    var source = Source.generated(from: "proto/\(file.name)")
    source.line("internal import CWire")
    for enumeration in CMessages.allEnums(file) {
      source.line()
      emit(enumeration, into: &source)
    }
    for message in CMessages.allMessages(file) {
      source.line()
      emit(message, into: &source)
    }
    return source.text
  }

  private func scope(_ parent: Descriptor?) -> String {
    parent.map(Names.type) ?? Names.namespace(file.package)
  }

  // MARK: Enums

  private func emit(_ enumeration: EnumDescriptor, into source: inout Source) {
    source.block("extension \(scope(enumeration.containingType))") { source in
      source.documentation(enumeration.protoSourceComments())
      source.block("package enum \(Names.typeName(enumeration.name)): WireEnum") { source in
        for value in enumeration.values {
          source.documentation(value.protoSourceComments())
          source.line("case \(Names.enumCase(value))")
        }
        source.line("/// A value of a newer contract.")
        source.line("case unrecognized(Int32)")
        source.line()
        source.block("package init(rawValue: Int32)") { source in
          source.line("switch rawValue {")
          for value in enumeration.values {
            source.line("case \(value.number): self = .\(Names.enumCase(value))")
          }
          source.line("default: self = .unrecognized(rawValue)")
          source.line("}")
        }
        source.line()
        source.block("package var rawValue: Int32") { source in
          source.line("switch self {")
          for value in enumeration.values {
            source.line("case .\(Names.enumCase(value)): \(value.number)")
          }
          source.line("case .unrecognized(let rawValue): rawValue")
          source.line("}")
        }
        source.line()
        source.line("/// The name in the contract; nil for a value of a newer one.")
        source.block("package var protoName: String?") { source in
          source.line("switch self {")
          for value in enumeration.values {
            source.line("case .\(Names.enumCase(value)): \"\(value.name)\"")
          }
          source.line("case .unrecognized: nil")
          source.line("}")
        }
        source.line()
        let cases = enumeration.values.map { ".\(Names.enumCase($0))" }
        source.line("package static let allCases: [Self] = [\(cases.joined(separator: ", "))]")
      }
    }
  }

  // MARK: Messages

  /// Stored properties in the order of the contract: a field, or a choice at its first member.
  private enum Property {
    case field(Field)
    case choice(OneofDescriptor, [Field])
  }

  private func properties(_ message: Descriptor) -> [Property] {
    var seen: Set<String> = []
    return message.fields.compactMap { descriptor in
      let field = Field(descriptor)
      guard let choice = field.choice else { return .field(field) }
      guard seen.insert(choice.name).inserted else { return nil }
      return .choice(choice, choice.fields.map(Field.init))
    }
  }

  private func emit(_ message: Descriptor, into source: inout Source) {
    let properties = properties(message)
    source.block("extension \(scope(message.containingType))") { source in
      source.documentation(message.protoSourceComments())
      source.block("package struct \(Names.typeName(message.name)): WireMessage") { source in
        for property in properties { emitStored(property, into: &source) }
        for case .choice(let choice, let fields) in properties {
          source.line()
          emitChoiceType(choice, fields, into: &source)
        }
        source.line()
        emitInitialiser(properties, into: &source)
      }
    }
    source.line()
    source.block("extension \(Names.type(message))") { source in
      source.line("package static let fullName = \"\(message.fullName)\"")
      if let limit = limits[message.fullName], limit != 65_536 {
        source.line("package static let bytesMax = \(limit)")
      }
      source.block("package static var layout: UnsafeRawPointer") { source in
        source.line("UnsafeRawPointer(wire_\(Names.cSymbol(message.fullName))()!)")
      }
      source.line()
      source.lines([
        "package static func decoded(",
        "  from buffer: UnsafeRawBufferPointer, limits: WireLimits, strict: Bool",
        ") throws(WireError) -> Self { try decodeMessage(buffer, limits, strict) }",
        "",
        "package func encode() -> [UInt8] { encodeMessage(self) }",
        "",
      ])
      emitReading(message, properties, into: &source)
      source.line()
      emitWriting(message, properties, into: &source)
      if !Self.handWrittenJSON.contains(message.fullName) {
        source.line()
        emitJSON(properties, into: &source)
      }
    }
    if fingerprinted.contains(message.fullName) {
      source.line()
      source.block("extension \(Names.type(message)): FingerprintedMessage") { source in
        emitFingerprint(properties, into: &source)
      }
    }
  }

  private func emitStored(_ property: Property, into source: inout Source) {
    switch property {
    case .field(let field):
      source.documentation(field.descriptor.protoSourceComments())
      source.line("package var \(field.property): \(field.swiftType)")
    case .choice(let choice, _):
      source.documentation(choice.protoSourceComments())
      source.line("package var \(Names.property(choice.name)): \(Names.upperCamel(choice.name))?")
    }
  }

  private func emitChoiceType(
    _ choice: OneofDescriptor, _ fields: [Field], into source: inout Source
  ) {
    source.documentation(choice.protoSourceComments())
    source.block("package enum \(Names.upperCamel(choice.name)): Equatable, Sendable") { source in
      for field in fields {
        source.documentation(field.descriptor.protoSourceComments())
        source.line("case \(field.property)(\(field.elementType))")
      }
    }
  }

  private func emitInitialiser(_ properties: [Property], into source: inout Source) {
    guard !properties.isEmpty else {
      source.line("package init() {}")
      return
    }
    let parameters = properties.map { property in
      switch property {
      case .field(let field): "\(field.property): \(field.swiftType) = \(field.defaultValue)"
      case .choice(let choice, _):
        "\(Names.property(choice.name)): \(Names.upperCamel(choice.name))? = nil"
      }
    }
    source.line("package init(")
    for (index, parameter) in parameters.enumerated() {
      source.line("  \(parameter)\(index + 1 < parameters.count ? "," : "")")
    }
    source.block(")") { source in
      for property in properties {
        let name =
          switch property {
          case .field(let field): field.property
          case .choice(let choice, _): Names.property(choice.name)
          }
        source.line("self.\(name.filter { $0 != "`" }) = \(name)")
      }
    }
  }

  // MARK: Codec

  private func emitReading(
    _ message: Descriptor, _ properties: [Property], into source: inout Source
  ) {
    source.block(
      "package init(reading pointer: UnsafeRawPointer, _ reader: MessageReader) throws(WireError)"
    ) { source in
      guard !properties.isEmpty else { return }
      source.line("let c = pointer.assumingMemoryBound(to: \(Names.cType(message.fullName)).self)")
      for property in properties {
        switch property {
        case .field(let field) where field.isRepeated:
          source.line("self.\(plain(field.property)) = \(field.readAll())")
        case .field(let field) where field.isOptional:
          source.block("if c.pointee.\(field.cCase).rawValue == \(field.number)", closing: "} else {")
          { source in
            source.line("self.\(plain(field.property)) = \(field.readOne())")
          }
          if field.rules.required {
            source.line("  try reader.missing(\"\(field.descriptor.name)\")")
          }
          source.line("  self.\(plain(field.property)) = nil")
          source.line("}")
        case .field(let field):
          source.line("self.\(plain(field.property)) = \(field.readOne())")
        case .choice(let choice, let fields):
          let name = plain(Names.property(choice.name))
          source.line("switch c.pointee.\(choice.name.lowercased())_case.rawValue {")
          for field in fields {
            source.line("case \(field.number):")
            if case .message = field.kind {
              source.line("  self.\(name) = (\(field.readOne())).map { .\(plain(field.property))($0) }")
            } else {
              source.line("  self.\(name) = .\(plain(field.property))(\(field.readOne()))")
            }
          }
          source.line("default:")
          if fields.contains(where: \.rules.required) {
            source.line("  try reader.missing(\"\(choice.name)\")")
          }
          source.line("  self.\(name) = nil")
          source.line("}")
        }
      }
    }
  }

  private func emitWriting(
    _ message: Descriptor, _ properties: [Property], into source: inout Source
  ) {
    source.block(
      "package func write(to pointer: UnsafeMutableRawPointer, _ writer: MessageWriter)"
    ) { source in
      let type = Names.cType(message.fullName)
      source.line("let c = pointer.bindMemory(to: \(type).self, capacity: 1)")
      source.line("\(Names.cSymbol(message.fullName))__init(c)")
      for property in properties {
        switch property {
        case .field(let field) where field.isRepeated: source.lines(field.writeAll())
        case .field(let field) where field.isOptional:
          source.block("if let value = \(field.property)") { source in
            source.line("c.pointee.\(field.cCase) = .init(rawValue: \(field.number))")
            source.line(field.writeOne("value"))
          }
        case .field(let field): source.line(field.writeOne(field.property))
        case .choice(let choice, let fields):
          source.line("switch \(Names.property(choice.name)) {")
          for field in fields {
            source.line("case .\(plain(field.property))(let value):")
            let name = choice.name.lowercased()
            source.line("  c.pointee.\(name)_case = .init(rawValue: \(field.number))")
            source.line("  \(field.writeOne("value"))")
          }
          source.line("case nil: break")
          source.line("}")
        }
      }
    }
  }

  /// Names after a dot need no backticks.
  private func plain(_ name: String) -> String {
    name == "`init`" || name == "`self`" ? name : name.filter { $0 != "`" }
  }

  // MARK: JSON and fingerprints

  private func emitJSON(_ properties: [Property], into source: inout Source) {
    source.block("package func writeFields(to json: inout JSONWriter)") { source in
      for property in properties {
        switch property {
        case .field(let field):
          source.line("json.field(\"\(field.jsonName)\", \(field.property))")
        case .choice(let choice, let fields):
          source.line("switch \(Names.property(choice.name)) {")
          for field in fields {
            source.line("case .\(plain(field.property))(let value):")
            source.line("  json.field(\"\(field.jsonName)\", present: value)")
          }
          source.line("case nil: break")
          source.line("}")
        }
      }
    }
  }

  private func emitFingerprint(_ properties: [Property], into source: inout Source) {
    source.block(
      "package func writeFields(to fingerprint: inout FingerprintWriter)"
    ) { source in
      // By field number: moving a field in the contract's text changes nothing.
      let fields = properties.flatMap { property in
        switch property {
        case .field(let field): [(field.number, property, field)]
        case .choice(_, let fields): fields.map { ($0.number, property, $0) }
        }
      }.sorted { $0.0 < $1.0 }
      for (number, property, field) in fields {
        switch property {
        case .field: source.line("fingerprint.field(\(number), \(field.property))")
        case .choice(let choice, _):
          let name = Names.property(choice.name)
          source.block("if case .\(plain(field.property))(let value) = \(name)") { source in
            source.line("fingerprint.field(\(number), present: value)")
          }
        }
      }
    }
  }
}
