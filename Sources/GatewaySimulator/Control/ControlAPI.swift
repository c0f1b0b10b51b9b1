import InboundHTTP

/// The port beside the gateways: books, faults, clock, latencies. No access control: loopback.
struct ControlAPI: Sendable {
  let core: Core
  let apis: [Gateway: any GatewayAPI]
  /// Closes or opens the listeners as the rules say.
  let applyRefusals: @Sendable () -> Void

  func handle(_ request: Request, _ connection: ConnectionFacts) -> Exchange {
    do throws(ControlError) {
      return Exchange(response: try respond(to: request))
    } catch {
      return Exchange(response: .json(400) { $0.text("error", error.message) })
    }
  }

  private func respond(to request: Request) throws(ControlError) -> Response {
    switch (request.method, request.path) {
    case ("GET", "/health"): return .json(200) { $0.text("status", "ok") }
    case ("GET", "/books"): return try books { BooksReport(request).full($0) }
    case ("GET", "/books/summary"): return try books { BooksReport(request).summary($0) }
    case ("GET", "/control/faults"): return faults()
    case ("POST", "/control/faults"): return try addFault(request)
    case ("DELETE", "/control/faults"): return removeFaults(nil)
    case ("DELETE", let path) where path.hasPrefix("/control/faults/"):
      return removeFaults(String(path.dropFirst("/control/faults/".count)))
    case ("GET", "/books/requests"): return try books { BooksReport(request).requests($0) }
    case ("GET", "/books/movements"): return try books { BooksReport(request).movements($0) }
    case ("GET", "/books/payouts"):
      return try books { BooksReport(request).payouts($0, now: core.now($0)) }
    case ("GET", "/control/seed"):
      return seed(count: request.parameter("count").flatMap { Int64($0) } ?? 100)
    case ("POST", "/control/seed"):
      let schedule = try FaultSchedule(try json(request))
      core.faults.withLock { $0.schedule = schedule }
      return seed(count: 100)
    case ("DELETE", "/control/seed"):
      core.faults.withLock { $0.schedule = nil }
      return seed(count: 0)
    case ("GET", "/control/clock"): return try clock(advance: 0)
    case ("POST", "/control/clock"): return try clock(advance: try advance(try json(request)))
    case ("POST", "/control/latency"): return try latency(request)
    case ("POST", "/control/authenticate"): return try authenticate(request)
    case ("POST", "/control/reports"): return try announceReport(request)
    case ("GET", "/control/webhooks"): return webhooks()
    case ("POST", "/control/webhooks"):
      core.announcer.setChaos(try WebhookChaos(try json(request)))
      return webhooks()
    case ("DELETE", "/control/webhooks"):
      core.announcer.setChaos(nil)
      return webhooks()
    case ("POST", "/control/webhooks/resend"):
      let from = request.body.isEmpty ? 0 : try json(request)["from_ms"]?.int ?? 0
      let events = try books { $0.events.filter { $0.createdAt >= from } }
      return .json(200) { $0.number("resent", Int64(core.announcer.resend(events))) }
    default: return .json(404) { $0.text("error", "no such path or method") }
    }
  }

  private func json(_ request: Request) throws(ControlError) -> JSON {
    guard let json = JSON(parsing: request.body) else { throw ControlError("not JSON") }
    return json
  }

  /// Only what is on disk is shown. A copy is taken under the lock and written outside.
  private func books<Report>(_ report: (Books) -> Report) throws(ControlError) -> Report {
    guard let snapshot = core.commit({ books, _ in books }) else {
      throw ControlError("the disk under the books failed")
    }
    return report(snapshot)
  }

  private func webhooks() -> Response {
    let counts = core.announcer.counts
    return .json(200) { out in
      out.number("waiting", core.announcer.unfinished)
      out.number("sent", counts.sent)
      out.number("given_up", counts.givenUp)
      out.number("duplicated", counts.duplicated)
      out.number("late", counts.late)
      out.number("resent", counts.resent)
      out.number("never_sent", counts.neverSent)
      out.number("forged", counts.forged)
      out.number("forged_accepted", counts.forgedAccepted)
    }
  }

  private func faults() -> Response {
    let rules = core.faults.withLock { $0.rules }
    return .json(200) { out in
      out.array("faults") { array in for rule in rules { rule.write(to: &array) } }
    }
  }

  private func addFault(_ request: Request) throws(ControlError) -> Response {
    let rule = try FaultRule(try json(request))
    let id = core.faults.withLock { $0.add(rule) }
    applyRefusals()
    return .json(201) { out in
      out.text("id", id)
      out.number("seed", Int64(bitPattern: rule.seed))
    }
  }

  private func removeFaults(_ id: String?) -> Response {
    let removed = core.faults.withLock { $0.remove(id) }
    applyRefusals()
    guard id == nil || !removed.isEmpty else {
      return .json(404) { $0.text("error", "no such fault") }
    }
    return .json(200) { out in
      out.array("removed") { array in for rule in removed { rule.write(to: &array) } }
    }
  }

  private func seed(count: Int64) -> Response {
    let schedule = core.faults.withLock { $0.schedule }
    return .json(200) { out in
      if count > 0 { schedule?.write(count: count, to: &out) }
    }
  }

  /// By how much the clock goes on; `now_ms` sets it, but never back.
  private func advance(_ json: JSON) throws(ControlError) -> Int64 {
    if let target = json["now_ms"]?.int {
      let now = core.books.withLock { core.now($0) }
      guard target >= now else { throw ControlError("now_ms: the clock never goes back") }
      return target - now
    }
    let seconds = json["advance_seconds"]?.int.map { $0 * 1000 }
    guard let milliseconds = json["advance_ms"]?.int ?? seconds, milliseconds >= 0 else {
      throw ControlError("now_ms, or advance_ms or advance_seconds: a number of 0 or more")
    }
    return milliseconds
  }

  private func clock(advance: Int64) throws(ControlError) -> Response {
    guard let moved = core.advanceClock(by: advance) else {
      throw ControlError("the disk under the books failed")
    }
    return .json(200) { out in
      out.number("now_ms", moved.now)
      out.text("now", isoTime(milliseconds: moved.now))
    }
  }

  private func latency(_ request: Request) throws(ControlError) -> Response {
    let json = try json(request)
    let tuning = core.tuning.change { tuning -> Tuning in
      for gateway in Gateway.allCases {
        if let value = json[gateway.rawValue + "_ms"]?.int ?? json["base_ms"]?.int {
          tuning.latencyMilliseconds[gateway] = max(0, value)
        }
      }
      for (name, time) in Tuning.times {
        if let value = json[name]?.int { tuning[keyPath: time] = max(0, value) }
      }
      return tuning
    }
    return .json(200) { out in
      for gateway in Gateway.allCases {
        out.number(gateway.rawValue + "_ms", tuning.latencyMilliseconds[gateway] ?? 0)
      }
      for (name, time) in Tuning.times { out.number(name, tuning[keyPath: time]) }
    }
  }

  /// Announces a report file, which is made from the books whenever it is downloaded.
  private func announceReport(_ request: Request) throws(ControlError) -> Response {
    guard let name = try json(request)["name"]?.text else {
      throw ControlError("name: the report file's name")
    }
    let found = core.commit { books, now in
      (apis[.adyen] as? AdyenAPI)?.announceReport(name, &books, now: now) ?? false
    }
    guard found == true else { throw ControlError("Adyen names no report like this") }
    return .json(200) { $0.text("name", name) }
  }

  /// Plays the payer in front of the 3DS page.
  private func authenticate(_ request: Request) throws(ControlError) -> Response {
    let json = try json(request)
    guard let id = json["id"]?.text else { throw ControlError("id: the payment that waits") }
    let succeeds = json["success"]?.bool ?? true
    let found = core.commit { books, now in
      guard let gateway = books.payments[id]?.gateway, let api = apis[gateway] else { return false }
      return api.authenticate(id, succeeds: succeeds, &books, now: now)
    }
    guard found == true else { throw ControlError("no payment with this id waits for its payer") }
    return .json(200) { $0.text("id", id) }
  }
}
