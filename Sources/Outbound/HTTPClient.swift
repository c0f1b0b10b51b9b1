package import Reactor

/// Calls to gateways and webhook endpoints: HTTP/1.1 over libcurl, on an event loop. It never
/// follows a redirect, uses a proxy, keeps a cookie, or sends a mutation twice; it dials only
/// addresses that the resolver gave and the request's policy allows.
package final class HTTPClient: Sendable {
  private let loop: EventLoop
  private let resolver: Resolver
  private let settings: HTTPClientSettings
  let places: Places
  private let driver: MultiDriver

  /// - Throws: `HTTPClientError.setupFailed`.
  package init(
    loop: EventLoop, resolver: Resolver, settings: HTTPClientSettings = HTTPClientSettings()
  ) throws(HTTPClientError) {
    guard let driver = MultiDriver(loop: loop, connectionsMax: settings.connectionsMax) else {
      throw .setupFailed
    }
    self.loop = loop
    self.resolver = resolver
    self.settings = settings
    self.driver = driver
    places = Places(loop: loop, countMax: settings.inFlightMax, queuedMax: settings.queuedMax)
  }

  /// Performs one call and reports what happened; never throws. Everything together takes no longer
  /// than the request's timeout and the task's deadline. Cancelling the task ends the call: work
  /// that must not be interrupted is called from a task of its own.
  package func send(_ request: OutboundRequest) async -> TransferReport {
    let deadline = Deadline.within(request.timeout)
    guard let endpoint = Endpoint(request.url), request.hasSendableHeaders,
      request.method != .head || request.body.isEmpty
    else { return TransferReport(.invalidRequest) }
    return await withTaskExecutorPreference(loop) {
      if let failure = await places.take(until: deadline) { return TransferReport(failure) }
      let report = await perform(request, to: endpoint, by: deadline)
      places.give()
      return report
    }
  }

  /// Ends what is under way, refuses what comes, closes all connections.
  package func shutdown() async {
    await withTaskExecutorPreference(loop) {
      places.close()
      driver.close()
    }
  }

  // MARK: - One call, holding a place

  private func perform(
    _ request: OutboundRequest, to endpoint: Endpoint, by deadline: Deadline
  ) async -> TransferReport {
    let addresses: [SocketAddress]
    do throws(ResolverError) {
      addresses = try await resolver.resolve(
        endpoint.host, port: endpoint.port, within: deadline.remaining)
    } catch {
      return TransferReport(error == .cancelled ? .cancelled : .resolve(error))
    }
    let (dialled, denied) = Self.sort(addresses, by: request.addressPolicy)
    if dialled.isEmpty, let denied { return TransferReport(denied) }
    var report = TransferReport(.resolve(.notFound))
    for address in dialled.prefix(max(1, settings.addressesTriedMax)) {
      let remaining = deadline.remaining
      // Before the first try nothing was begun; after it, its report says more.
      guard remaining > .zero else {
        return report.curlCode == 0 ? TransferReport(.deadlinePassed) : report
      }
      let plan = TransferPlan(
        request: request, address: address, timeout: remaining, settings: settings)
      report = await transfer(plan)
      guard report.sendProof == .notSent(.connect) else { return report }
    }
    return report
  }

  private static func sort(
    _ addresses: [SocketAddress], by policy: AddressPolicy?
  ) -> (dialled: [SocketAddress], denied: TransferReport.LocalFailure?) {
    guard let policy else { return (addresses, nil) }
    var dialled: [SocketAddress] = []
    var denied: TransferReport.LocalFailure?
    for address in addresses {
      guard let ip = address.ip else { continue }
      if let reason = policy.denial(of: ip) {
        denied = .addressDenied(ip, reason: reason.description)
      } else {
        dialled.append(address)
      }
    }
    return (dialled, denied)
  }

  private func transfer(_ plan: TransferPlan) async -> TransferReport {
    let running = Running()
    return await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        loop.preconditionCurrent()
        guard !Task.isCancelled else {
          return continuation.resume(returning: TransferReport(.cancelled))
        }
        guard let transfer = Transfer(plan, done: { continuation.resume(returning: $0) }) else {
          return continuation.resume(returning: TransferReport(.invalidRequest))
        }
        running.transfer = transfer
        driver.begin(transfer)
      }
    } onCancel: {
      loop.execute { [driver] in
        if let transfer = running.transfer { driver.cancel(transfer) }
      }
    }
  }
}

package enum HTTPClientError: Error, Sendable, Hashable {
  /// libcurl could not be set up.
  case setupFailed
}

/// The transfer that a cancellation ends. On the loop only.
private final class Running: @unchecked Sendable {
  weak var transfer: Transfer?
}
