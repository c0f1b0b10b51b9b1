import GRPCCore
import Testing
import Transport

struct FirstCallTests {
  @Test(.timeLimit(.minutes(1)))
  func unaryOverMutualTLS() async throws {
    try await Harness.withEcho(.tender) { client, _ in
      #expect(try await client.echo(Array("hello".utf8)) == Array("hello".utf8))
      #expect(
        try await client.echo(.whoAmI, [])
          == Array("spiffe://tender/service/caller".utf8))
    }
  }
}
