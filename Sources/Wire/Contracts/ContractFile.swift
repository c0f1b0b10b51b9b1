internal import CWire

/// A .proto file as reflection shows it, options included, comments left out.
package struct ContractFile: Sendable {
  let index: Int
  /// `tender/intents/v1/intents.proto`
  package let name: String
  /// Names of the files that it imports; all of them are in `all`.
  package let dependencies: [String]
  /// Full names of its services.
  package let services: [String]
  /// Full names of its types, services, methods and extensions.
  package let symbols: [String]

  /// The serialised google.protobuf.FileDescriptorProto.
  package var descriptor: [UInt8] {
    let bytes = wire_descriptor_bytes(index)
    return Array(UnsafeBufferPointer(start: bytes.bytes, count: bytes.length))
  }

  package static let byName: [String: ContractFile] = Dictionary(
    uniqueKeysWithValues: all.map { ($0.name, $0) })

  /// The file that declares each symbol.
  package static let bySymbol: [String: ContractFile] = Dictionary(
    all.flatMap { file in file.symbols.map { ($0, file) } }
  ) { first, _ in first }

  /// The file and everything that it imports, each once, imports last.
  package var withDependencies: [ContractFile] {
    var found: [ContractFile] = [self]
    var names: Set<String> = [name]
    var next = 0
    while next < found.count {
      for dependency in found[next].dependencies where names.insert(dependency).inserted {
        if let file = Self.byName[dependency] { found.append(file) }
      }
      next += 1
    }
    return found
  }
}
