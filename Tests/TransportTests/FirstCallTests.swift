import GRPCCore
import Testing
import Transport

struct FirstCallTests {
  @Test(.timeLimit(.minutes(1)))
  func unaryOverMutualTLS() async throws {
    try await Harness.withEcho(.tender) { client, _ in
      let echoed = try await client.echo(Array("hello".utf8))
      #expect(echoed == Array("hello".utf8))
      let identity = try await client.echo([], .whoAmI)
      #expect(identity == Array("spiffe://tender/service/caller".utf8))
    }
  }
}
