package import GRPCCore
package import Wire

/// grpc.reflection.v1: the contracts that this process serves, for tools such as grpcurl.
package struct ReflectionHandler: GRPCReflectionV1.ServerReflection.SimpleServiceProtocol {
  private typealias Response = GRPCReflectionV1.ServerReflectionResponse

  /// The full names of the services this process serves.
  private let services: [String]

  package init(services: Set<String>) {
    self.services = services.sorted()
  }

  package func serverReflectionInfo(
    request: RPCAsyncSequence<GRPCReflectionV1.ServerReflectionRequest, any Error>,
    response: RPCWriter<GRPCReflectionV1.ServerReflectionResponse>, context: ServerContext
  ) async throws {
    for try await message in request {
      try await response.write(
        Response(
          validHost: message.host, originalRequest: message, messageResponse: answer(message)))
    }
  }

  private func answer(
    _ request: GRPCReflectionV1.ServerReflectionRequest
  ) -> GRPCReflectionV1.ServerReflectionResponse.MessageResponse {
    switch request.messageRequest {
    case .listServices:
      .listServicesResponse(
        GRPCReflectionV1.ListServiceResponse(
          service: services.map { GRPCReflectionV1.ServiceResponse(name: $0) }))
    case .fileByFilename(let name):
      file(ContractFile.byName[name])
    case .fileContainingSymbol(let symbol):
      file(ContractFile.bySymbol[symbol])
    case .fileContainingExtension(let wanted):
      file(ContractFile.bySymbol[wanted.containingType])
    case .allExtensionNumbersOfType(let type):
      .allExtensionNumbersResponse(GRPCReflectionV1.ExtensionNumberResponse(baseTypeName: type))
    case nil:
      error(.invalidArgument, "Ask for a file, a symbol or the list of services.")
    }
  }

  private func file(
    _ file: ContractFile?
  ) -> GRPCReflectionV1.ServerReflectionResponse.MessageResponse {
    guard let file else { return error(.notFound, "There is no such file or symbol here.") }
    return .fileDescriptorResponse(
      GRPCReflectionV1.FileDescriptorResponse(
        fileDescriptorProto: file.withDependencies.map(\.descriptor)))
  }

  private func error(
    _ code: RPCError.Code, _ message: String
  ) -> GRPCReflectionV1.ServerReflectionResponse.MessageResponse {
    .errorResponse(
      GRPCReflectionV1.ErrorResponse(errorCode: Int32(code.rawValue), errorMessage: message))
  }
}
