import Reactor
import Testing

@testable import Outbound

@Suite struct HTTPClientTests {
  @Test func aCallCarriesItsRequestAndBringsItsAnswer() async throws {
    let answer =
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 402 Payment Required\r\nRequest-Id:  req_1 \r\n"
      + "Content-Length: 5\r\n\r\nhello"
    let server = try RawServer([[.answer(answer), .answer(okay)]])
    defer { server.stop() }
    try await withClient { harness in
      let report = await harness.client.send(
        OutboundRequest(
          .post, server.url + "/v1/charges?x=1",
          headers: [HeaderField("Authorization", "Bearer s"), HeaderField("X-Empty", "")],
          body: Array("a=b".utf8), timeout: .seconds(60)))
      #expect(report.sendProof == .answered(status: 402))
      #expect(report.body == Array("hello".utf8))
      #expect(report.header("request-id") == "req_1")
      #expect(report.address == server.address)
      #expect(report.requestsBegun == 1)
      let request = server.requests[0]
      // libcurl counts the head; the body comes from the read callback.
      #expect(report.requestBytes == Int64(request.utf8.count - 3))
      #expect(request.hasPrefix("POST /v1/charges?x=1 HTTP/1.1\r\n"))
      #expect(request.contains("\r\nAuthorization: Bearer s\r\n"))
      #expect(request.contains("\r\nX-Empty:\r\n"))
      #expect(request.contains("\r\nContent-Length: 3\r\n"))
      #expect(!request.lowercased().contains("expect:"))
      #expect(!request.lowercased().contains("content-type:"))
      #expect(request.hasSuffix("\r\n\r\na=b"))
      // The second call uses the same connection.
      #expect(await harness.post(server.url).sendProof == .answered(status: 200))
      #expect(server.connections == 1)
    }
  }

  @Test func refusedIsNotSent() async throws {
    let address = try deadAddress()
    try await withClient { harness in
      let report = await harness.post("http://\(address)/")
      #expect(report.sendProof == .notSent(.connect))
      #expect(report.curlCode == 7)
    }
  }

  @Test func aConnectTimeOutIsNotSent() async throws {
    let listener = try FullListener()
    var settings = HTTPClientSettings()
    settings.connectTimeout = .milliseconds(100)
    try await withClient(settings) { harness in
      let report = await harness.post("http://\(listener.address)/")
      #expect(report.curlCode == 28)
      #expect(report.sendProof == .notSent(.connect))
    }
  }

  @Test func aPeerThatRefusesTLSIsNotSent() async throws {
    let server = try RawServer([[.close]])
    defer { server.stop() }
    try await withClient { harness in
      let report = await harness.post("https://\(server.address)/")
      #expect(report.sendProof == .notSent(.tls))
      #expect(server.requests.isEmpty)
    }
  }

  @Test func anUnknownNameIsNotSent() async throws {
    try await withClient { harness in
      let report = await harness.post("http://gateway.test/")
      #expect(report.localFailure == .resolve(.notFound))
      #expect(report.sendProof == .notSent(.resolve))
    }
  }

  @Test func aTimeOutAfterTheRequestWasReadMayBeSent() async throws {
    let server = try RawServer([[.readAndHang]])
    defer { server.stop() }
    try await withClient { harness in
      let report = await harness.post(server.url, timeout: .seconds(1))
      #expect(report.sendProof == .maybeSent(.timedOut))
      #expect(await eventually { server.requests.count == 1 })
    }
  }

  /// Whoever never answers is left at the time-out, also when libcurl forgets it: up to 8.3 it
  /// does when another of its timers (one at 200 ms) fires less than a millisecond before (curl
  /// pull request 11937).
  @Test func noTimeOutIsForgotten() async throws {
    let server = try RawServer([[.readAndHang]])
    defer { server.stop() }
    try await withClient { harness in
      let calls = (0..<100).map { number in
        Task { await harness.post(server.url, timeout: .milliseconds(200 + number % 10)) }
      }
      let watchdog = Task {
        try await Task.sleep(for: .seconds(10))
        for call in calls { call.cancel() }
      }
      var forgotten = 0
      for call in calls where await call.value.localFailure == .cancelled { forgotten += 1 }
      watchdog.cancel()
      #expect(forgotten == 0, "of \(calls.count)")
    }
  }

  @Test func theDeadlineCoversTheBody() async throws {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf"
    let server = try RawServer([[.answerAndHang(head)]])
    defer { server.stop() }
    try await withClient { harness in
      let started = MonotonicInstant.now
      let report = await Deadline.$current.withValue(.after(.seconds(1))) {
        await harness.post(server.url, timeout: .seconds(60))
      }
      #expect(started.duration(to: .now) < .seconds(30))
      #expect(report.sendProof == .maybeSent(.answerIncomplete))
      #expect(report.status == 200)
    }
  }

  @Test func anEndlessBodyIsCutWhileItIsRead() async throws {
    let body = String(repeating: "x", count: 300_000)
    let server = try RawServer([
      [.answer("HTTP/1.1 200 OK\r\nContent-Length: 90000000\r\n\r\n" + body)]
    ])
    defer { server.stop() }
    try await withClient { harness in
      let report = await harness.client.send(
        OutboundRequest(.get, server.url, timeout: .seconds(60), responseBytesMax: 1_000))
      #expect(report.isTruncated)
      #expect(report.body.count == 1_000)
      #expect(report.sendProof == .maybeSent(.answerTooLong))
    }
  }

  @Test func tooManyHeadersEndTheTransfer() async throws {
    let headers = String(repeating: "A: b\r\n", count: 1_000)
    let server = try RawServer([
      [.answer("HTTP/1.1 200 OK\r\n" + headers + "Content-Length: 0\r\n\r\n")]
    ])
    defer { server.stop() }
    try await withClient { harness in
      let report = await harness.post(server.url)
      #expect(report.isTruncated)
      #expect(report.headers.count <= Transfer.headersMax)
    }
  }

  @Test func redirectsAreAnswersNotOrders() async throws {
    let server = try RawServer([
      [.answer("HTTP/1.1 307 Temporary\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n")]
    ])
    defer { server.stop() }
    try await withClient { harness in
      #expect(await harness.post(server.url).sendProof == .answered(status: 307))
      #expect(server.requests.count == 1)
    }
  }

  @Test func theNextAddressIsTriedOnlyWhenConnectingFailed() async throws {
    let server = try RawServer([[.answer(okay)]])
    defer { server.stop() }
    let port = server.address.port ?? 0
    // Nobody listens at the second loopback address.
    let names = ["gateway.test": ["127.0.0.2", "127.0.0.1"]]
    try await withClient(names: names) { harness in
      let report = await harness.post("http://gateway.test:\(port)/")
      #expect(report.sendProof == .answered(status: 200))
      #expect(report.address == server.address)
      #expect(server.requests[0].contains("\r\nHost: gateway.test:\(port)\r\n"))
    }
  }

  @Test func placesAreLimitedAndTheQueueHasADeadline() async throws {
    let server = try RawServer([[.readAndHang]])
    var settings = HTTPClientSettings()
    settings.inFlightMax = 1
    settings.queuedMax = 1
    try await withClient(settings) { harness in
      let holder = harness.loop.spawn(name: "holder") {
        let report = await harness.post(server.url, timeout: .seconds(120))
        #expect(report.sendProof != .answered(status: 200))
      }
      #expect(await eventually { !server.requests.isEmpty })
      let queued = harness.loop.spawn(name: "queued") {
        let report = await harness.post(server.url, timeout: .seconds(3))
        #expect(report.localFailure == .deadlinePassed)
        #expect(report.sendProof == .notSent(.local))
      }
      #expect(await eventually { await harness.waitingCount > 0 })
      let refused = await harness.post(server.url)
      #expect(refused.localFailure == .queueFull)
      await queued.value
      server.stop()
      await holder.value
    }
  }

  @Test func cancellationEndsTheCallAndSaysWhatMayHaveHappened() async throws {
    let server = try RawServer([[.readAndHang]])
    defer { server.stop() }
    try await withClient { harness in
      let task = harness.loop.spawn(name: "caller") {
        let report = await harness.post(server.url, timeout: .seconds(600))
        #expect(report.sendProof == .maybeSent(.cancelled))
      }
      #expect(await eventually { !server.requests.isEmpty })
      task.cancel()
      await task.value
    }
  }

  @Test func manyCallsAtOnceEachGetTheirAnswer() async throws {
    let server = try RawServer([Array(repeating: .answer(okay), count: 1_000)])
    defer { server.stop() }
    var settings = HTTPClientSettings()
    settings.inFlightMax = 16
    try await withClient(settings) { harness in
      let answered = await withTaskGroup(of: Bool.self) { group in
        for index in 0..<300 {
          group.addTask {
            await harness.post(server.url + "/\(index)").sendProof == .answered(status: 200)
          }
        }
        return await group.reduce(0) { $0 + ($1 ? 1 : 0) }
      }
      #expect(answered == 300)
      #expect(Set(server.requests.map { $0.prefix { $0 != "\r" } }).count == 300)
      #expect(server.connections <= 16)
    }
  }

  @Test(arguments: [
    "", "gateway.test", "ftp://gateway.test/", "file:///etc/passwd", "http://u:p@gateway.test/",
    "http://gateway.test/a b", "http://gateway.test/\r\nX: y", "http://[fe80::1%25lo]/",
    "http://gateway.test:0/", "http://gateway.test:65536/",
  ])
  func refusesTheURL(url: String) async throws {
    try await withClient(names: ["gateway.test": ["127.0.0.1"]]) { harness in
      let report = await harness.post(url)
      #expect(report.localFailure == .invalidRequest)
      #expect(report.sendProof == .notSent(.local))
    }
  }

  @Test(arguments: [
    HeaderField("A", "b\r\nC: d"), HeaderField("A\r\n", "b"), HeaderField("", "b"),
    HeaderField("A:", "b"), HeaderField("Expect", "100-continue"),
    HeaderField("Content-Length", "1"), HeaderField("transfer-encoding", "chunked"),
  ])
  func refusesTheHeader(field: HeaderField) async throws {
    try await withClient { harness in
      let report = await harness.client.send(
        OutboundRequest(.post, "http://127.0.0.1:1/", headers: [field], timeout: .seconds(1)))
      #expect(report.localFailure == .invalidRequest)
    }
  }

  @Test func requestsDoNotPrintTheirSecrets() {
    let request = OutboundRequest(
      .post, "https://gateway.test/secret", headers: [HeaderField("Authorization", "secret")],
      body: Array("secret".utf8), timeout: .seconds(1))
    #expect(!"\(request) \(request.headers)".contains("secret"))
  }
}
