import Testing

@testable import Outbound

/// The server answers one request, keeps the connection, reads the next one (it may act on it now),
/// and closes. Left alone, libcurl sends that request again and reports success.
@Suite struct ResendTests {
  /// How often the server had the second payment.
  private func secondPayments(
    _ sabotage: Sabotage, method: OutboundRequest.Method = .post, body: String = "amount=2"
  ) async throws -> (count: Int, report: TransferReport) {
    let server = try RawServer([[.answer(okay), .readAndClose], [.answer(okay)]])
    defer { server.stop() }
    var settings = HTTPClientSettings()
    settings.sabotage = sabotage
    return try await withClient(settings) { harness in
      let first = await harness.post(server.url + "/first")
      #expect(first.sendProof == .answered(status: 200))
      let report = await harness.client.send(
        OutboundRequest(
          method, server.url + "/second", body: Array(body.utf8), timeout: .seconds(60)))
      return (server.requests.filter { $0.contains(" /second ") }.count, report)
    }
  }

  @Test(arguments: [OutboundRequest.Method.post, .put, .patch, .delete])
  func aMutationIsNotSentAgain(method: OutboundRequest.Method) async throws {
    let (count, report) = try await secondPayments([], method: method)
    #expect(count == 1)
    #expect(report.sendProof == .maybeSent(.resendPrevented))
    #expect(report.requestBytes > 0)
  }

  @Test(arguments: [Sabotage.replayableBody, .repeatedRequest])
  func eachGuardHoldsAlone(sabotage: Sabotage) async throws {
    let (count, report) = try await secondPayments(sabotage)
    #expect(count == 1)
    #expect(report.sendProof == .maybeSent(.resendPrevented))
  }

  /// Shows that the tests above notice: without both guards the payment arrives twice, and libcurl
  /// calls it a success.
  @Test func withoutTheGuardsItIsSentTwice() async throws {
    let (count, report) = try await secondPayments([.replayableBody, .repeatedRequest])
    #expect(count == 2)
    #expect(report.curlCode == 0)
    #expect(report.requestsBegun == 2)
  }

  @Test(arguments: [OutboundRequest.Method.post, .delete])
  func aMutationWithoutABodyTakesAFreshConnection(method: OutboundRequest.Method) async throws {
    let server = try RawServer([[.answer(okay), .readAndClose], [.readAndClose], [.answer(okay)]])
    defer { server.stop() }
    try await withClient { harness in
      _ = await harness.post(server.url + "/first")
      let report = await harness.client.send(
        OutboundRequest(method, server.url + "/second", timeout: .seconds(60)))
      #expect(server.connections == 2)
      #expect(server.requests.count == 2)
      #expect(report.sendProof == .maybeSent(.failed(curlCode: 52)))
    }
  }

  @Test func aReadMayBeSentAgain() async throws {
    let (count, report) = try await secondPayments([], method: .get, body: "")
    #expect(count == 2)
    #expect(report.sendProof == .answered(status: 200))
  }

  /// The reconnect is refused: COULDNT_CONNECT, yet the server has the request.
  @Test func aRefusedReconnectIsNoProof() async throws {
    var report = TransferReport()
    report.curlCode = 7
    report.requestBytes = 176
    #expect(report.sendProof == .maybeSent(.failed(curlCode: 7)))
    report.requestBytes = 0
    report.requestsBegun = 1
    #expect(report.sendProof == .maybeSent(.failed(curlCode: 7)))
    report.requestsBegun = 0
    #expect(report.sendProof == .notSent(.connect))
  }
}
