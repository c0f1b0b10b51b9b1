import Foundation
import SwiftProtobuf
import SwiftProtobufPluginLibrary

// A protoc plugin: reads a CodeGeneratorRequest from standard input and answers with the files of
// Sources/Wire/Generated (below `Wire/`) and Sources/C/CWire (below `CWire/`).

typealias Request = Google_Protobuf_Compiler_CodeGeneratorRequest
typealias Response = Google_Protobuf_Compiler_CodeGeneratorResponse

/// Contracts that have descriptors for reflection and nothing else.
func isDescriptorOnly(_ name: String) -> Bool {
  name == "google/protobuf/descriptor.proto" || name == "tender/options/v1/options.proto"
}

func generate(_ request: Request) throws -> [Response.File] {
  let set = DescriptorSet(protos: request.protoFile)
  let files = try request.fileToGenerate.sorted().map { name in
    guard let file = set.fileDescriptor(named: name) else {
      throw GeneratorError(name, "protoc sent no descriptor")
    }
    return file
  }.filter { !isDescriptorOnly($0.name) }
  for file in files { try Lint.check(file) }

  var cRequest = request
  cRequest.fileToGenerate = files.map(\.name)
  var outputs = try CMessages.generate(cRequest)
  func add(_ name: String, _ content: String) {
    outputs.append(Response.File(name: name, content: content))
  }
  add("CWire/include/WireMessages.h", CMessages.header(files))
  let descriptors = request.protoFile.sorted { $0.name < $1.name }
  add("CWire/Generated/descriptors.c", try CMessages.descriptorBytes(descriptors))
  add("Wire/Generated/Descriptors.swift", Descriptors.render(descriptors))
  add("Wire/Generated/Namespaces.swift", Descriptors.namespaces(files))

  let limits = Services.limits(files)
  let fingerprinted = Services.fingerprinted(files)
  for file in files {
    let base = "Wire/Generated/" + file.name.dropLast(6).replacing("/", with: ".")
    if !file.messages.isEmpty || !file.enums.isEmpty {
      let messages = SwiftMessages(file: file, limits: limits, fingerprinted: fingerprinted)
      add(base + ".messages.swift", messages.render())
    }
    if !file.services.isEmpty { add(base + ".services.swift", try Services.render(file)) }
  }
  add("Wire/Generated/MethodRulesTable.swift", Services.table(files))
  add("Wire/Generated/Fingerprints.swift", try Services.fingerprints(files))
  return outputs
}

var response = Response()
response.supportedFeatures = UInt64(Response.Feature.proto3Optional.rawValue)
do {
  let request = try Request(serializedBytes: FileHandle.standardInput.readDataToEndOfFile())
  response.file = try generate(request)
} catch {
  response.error = String(describing: error)
}
let answer: Data = try response.serializedBytes()
FileHandle.standardOutput.write(answer)
