import SwiftProtobuf
import SwiftProtobufPluginLibrary

/// What reflection knows about each contract file, and the namespaces of the generated types.
enum Descriptors {
  static func render(_ files: [Google_Protobuf_FileDescriptorProto]) -> String {
    var source = Source.generated(from: "proto/")
    source.block("extension ContractFile") { source in
      source.line("/// Every contract file, by name.")
      source.line("package static let all: [ContractFile] = [")
      for (index, file) in files.enumerated() {
        source.line("  ContractFile(")
        source.line("    index: \(index), name: \"\(file.name)\",")
        source.line("    dependencies: \(list(file.dependency)),")
        let package = file.package + "."
        source.line("    services: \(list(file.service.map { package + $0.name })),")
        source.line("    symbols: \(list(symbols(file)))),")
      }
      source.line("]")
    }
    return source.text
  }

  static func namespaces(_ files: [FileDescriptor]) -> String {
    var source = Source.generated(from: "proto/")
    for package in Set(files.map(\.package)).sorted() {
      source.line("/// The contracts of the package `\(package)`.")
      source.line("package enum \(Names.namespace(package)) {}")
    }
    return source.text
  }

  private static func list(_ names: [String]) -> String {
    guard !names.isEmpty else { return "[]" }
    return "[\n      " + names.map { "\"\($0)\"" }.joined(separator: ",\n      ") + ",\n    ]"
  }

  /// Full names of the types, services, methods and extensions that the file declares.
  private static func symbols(_ file: Google_Protobuf_FileDescriptorProto) -> [String] {
    func inside(_ message: Google_Protobuf_DescriptorProto, _ prefix: String) -> [String] {
      let name = prefix + message.name
      return [name] + message.nestedType.flatMap { inside($0, name + ".") }
        + message.enumType.map { name + "." + $0.name }
    }
    let prefix = file.package + "."
    return file.messageType.flatMap { inside($0, prefix) }
      + file.enumType.map { prefix + $0.name }
      + file.service.flatMap { service in
        [prefix + service.name] + service.method.map { prefix + service.name + "." + $0.name }
      }
      + file.extension.map { prefix + $0.name }
  }
}
