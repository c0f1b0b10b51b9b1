import Reactor

@testable import Outbound

struct Harness: Sendable {
  let loop: EventLoop
  let client: HTTPClient

  var waitingCount: Int {
    get async {
      await withTaskExecutorPreference(loop) { client.places.waitingCount }
    }
  }

  func post(_ url: String, timeout: Duration = .seconds(60)) async -> TransferReport {
    await client.send(
      OutboundRequest(.post, url, body: Array("amount=1".utf8), timeout: timeout))
  }
}

/// Whether the condition holds within a generous time; asks again until then.
func eventually(_ condition: () async -> Bool) async -> Bool {
  let end = MonotonicInstant.now.advanced(by: .seconds(60))
  while MonotonicInstant.now < end {
    if await condition() { return true }
    try? await Task.sleep(for: .milliseconds(2))
  }
  return false
}

func withClient<R>(
  _ settings: HTTPClientSettings = HTTPClientSettings(),
  names: [String: [String]] = [:],
  _ body: (Harness) async throws -> R
) async throws -> R {
  let loop = EventLoop(name: "test", longJobLimit: .milliseconds(100))
  try loop.start()
  let resolver = try Resolver(loop: loop) { name in
    guard let addresses = names[name] else { return .failure(.notFound) }
    return .success(addresses.compactMap { IPAddress($0) })
  }
  let client = try HTTPClient(loop: loop, resolver: resolver, settings: settings)
  do {
    let result = try await body(Harness(loop: loop, client: client))
    await client.shutdown()
    await loop.shutdown(within: .seconds(5))
    return result
  } catch {
    await client.shutdown()
    await loop.shutdown(within: .seconds(5))
    throw error
  }
}
