import Money
import Testing

@testable import GatewayCore

/// What notifications do to an operation, whatever their order and however often they come.
struct NoticeRuleTests {
  static let authorized = Echo(
    reference: "psp1", amount: Sample.amount, account: "main",
    ownReference: GatewayReference.authorize(Sample.first).text)

  static func notice(
    _ event: GatewayNotice.Event,
    echo: Echo = authorized,
    gateway: GatewayName = .adyen
  ) -> GatewayNotice {
    GatewayNotice(
      gateway: gateway, deduplicationKey: "k", isLive: false, occurredAt: nil,
      paymentReference: "psp1", modificationReference: nil, echo: echo, event: event)
  }

  /// The echo of a capture's notice: its own reference and its amount.
  static func captureEcho(_ operation: Operation, minor: Int64 = 4_999) -> Echo {
    Echo(
      reference: "psp1", amount: Amount(.eur, minor: minor), account: "main",
      ownReference: GatewayReference.capture(operation.automaticCaptureID, try: 1).text)
  }

  static func verdict(
    _ notice: GatewayNotice,
    _ operation: Operation,
    age: Int64 = 60
  ) throws -> NoticeRule.Verdict {
    let attempt = try #require(operation.attempts.first { $0.attempt.id == Sample.first }?.attempt)
    return NoticeRule.verdict(
      notice, about: attempt, of: operation, ageSeconds: age, Sample.classify)
  }

  static func applied(_ notice: GatewayNotice, _ operation: Operation) throws -> Operation {
    guard case .apply(let event) = try verdict(notice, operation) else { return operation }
    switch OperationMachine.next(operation, event) {
    case .moved(let next, _): return next
    case .unchanged, .refused: return operation
    }
  }

  static let sent = Sample.operation(.automatic, [Sample.start(Sample.first, .adyen)])
  static let unknown = Sample.operation(
    .automatic, [Sample.start(Sample.first, .adyen), .outcome(Sample.first, Sample.noAnswer)])
  static let won = Sample.operation(
    .automatic,
    [
      Sample.start(Sample.first, .adyen),
      .outcome(
        Sample.first,
        .succeeded(Settled(kind: .authorized, reference: "psp1", amount: Sample.amount))),
      .captureOutcome(
        CaptureID(bits: Sample.operationID.bits),
        .succeeded(Settled(kind: .received, reference: "mod1", amount: Sample.amount))),
    ])

  @Test func theLiveCallComesFirst() throws {
    #expect(try Self.verdict(Self.notice(.payment(.authorized)), Self.sent, age: 1) == .later)
    let late = try Self.applied(Self.notice(.payment(.authorized)), Self.sent)
    #expect(late.winner?.attempt.evidence == .authorized)
  }

  @Test func anUnknownOutcomeIsToldByItsNotice() throws {
    let after = try Self.applied(Self.notice(.payment(.authorized)), Self.unknown)
    #expect(after.winner?.attempt.reference == "psp1")
    #expect(after.winner?.captures.map(\.state) == [.queued])
  }

  /// A late or repeated AUTHORISATION while nobody knows what became of the capture: taken for a look,
  /// it would show the capture undone, and a second one would go out under another key.
  @Test func anAuthorisationThatIsToldLateSaysNothingOfTheCapture() throws {
    let inDoubt = Sample.operation(
      .automatic,
      [
        Sample.start(Sample.first, .adyen),
        .outcome(
          Sample.first,
          .succeeded(Settled(kind: .authorized, reference: "psp1", amount: Sample.amount))),
        .captureOutcome(CaptureID(bits: Sample.operationID.bits), Sample.noAnswer),
      ])
    #expect(inDoubt.winner?.captures.map(\.state) == [.unknown])
    let late = Self.notice(.payment(.authorized))
    #expect(try Self.verdict(late, inDoubt) == .ignore("authorised, as is known"))
    let captured = Self.notice(
      .payment(.captured(Sample.amount)), echo: Self.captureEcho(inDoubt))
    #expect(try Self.applied(captured, inDoubt).winner?.captures.map(\.state) == [.captured])
  }

  @Test func aCaptureIsDoneByItsNoticeOnce() throws {
    let notice = Self.notice(.payment(.captured(Sample.amount)), echo: Self.captureEcho(Self.won))
    let once = try Self.applied(notice, Self.won)
    #expect(once.winner?.captures.map(\.state) == [.captured])
    #expect(once.factCount == Self.won.factCount + 1)
    #expect(try Self.applied(notice, once) == once)
    #expect(try Self.applied(Self.notice(.payment(.authorized)), once) == once)
  }

  @Test func aCaptureThatFailsIsNotTakenBackByAnOlderNotice() throws {
    let echo = Self.captureEcho(Self.won)
    let done = Self.notice(.payment(.captured(Sample.amount)), echo: echo)
    let failed = Self.notice(.captureFailed(code: "x"), echo: echo)
    let first = try Self.applied(failed, Self.won)
    #expect(first.winner?.captures.map(\.state) == [.failed])
    #expect(try Self.applied(done, first).winner?.captures.map(\.state) == [.failed])
    let late = try Self.applied(failed, try Self.applied(done, Self.won))
    #expect(late.winner?.captures.map(\.state) == [.failed])
  }

  @Test(arguments: [
    Echo(reference: "psp1", amount: Amount(.eur, minor: 1), account: "main"),
    Echo(reference: "psp1", amount: Sample.amount, account: "other"),
    Echo(
      reference: "psp1", amount: Sample.amount, account: "main",
      ownReference: GatewayReference.authorize(Sample.second).text),
  ])
  func whatContradictsTheRequestIsAConflict(echo: Echo) throws {
    let after = try Self.applied(Self.notice(.payment(.authorized), echo: echo), Self.unknown)
    #expect(after.winner == nil)
    #expect(after.attempts.first?.attempt.isConflicted == true)
  }

  @Test func aCaptureOfAnotherAmountIsAConflict() throws {
    let notice = Self.notice(
      .payment(.captured(Amount(.eur, minor: 1))), echo: Self.captureEcho(Self.won, minor: 1))
    let after = try Self.applied(notice, Self.won)
    #expect(after.winner?.captures.map(\.state) == [.sent])
    #expect(after.winner?.attempt.isConflicted == true)
  }

  @Test func whatIsNotOursToActOnIsLeftAlone() throws {
    let events: [GatewayNotice.Event] = [
      .refund(.succeeded), .cancelFailed(code: "x"), .dispute("CHARGEBACK"),
      .reportAvailable(url: "x"), .unrecognized("NEW"), .payment(.unrecognized),
    ]
    for event in events {
      guard case .ignore = try Self.verdict(Self.notice(event), Self.won) else {
        Issue.record("\(event)")
        continue
      }
    }
    let foreign = Self.notice(.payment(.authorized), gateway: .stripe)
    #expect(try Self.verdict(foreign, Self.unknown) == .ignore("of another gateway"))
  }

  @Test func aCaptureNobodyAskedForIsReported() throws {
    var echo = Self.captureEcho(Self.won)
    echo.ownReference = GatewayReference.capture(CaptureID(bits: 77), try: 1).text
    let notice = Self.notice(.payment(.captured(Sample.amount)), echo: echo)
    guard case .alert("capture_unknown", _) = try Self.verdict(notice, Self.won) else {
      Issue.record("no alert")
      return
    }
  }

  @Test func aCancelWhoseAmountIsNoughtCounts() throws {
    var echo = Self.authorized
    echo.amount = Amount(.eur, minor: 0)
    let after = try Self.applied(Self.notice(.payment(.canceled), echo: echo), Self.won)
    #expect(after.winner?.attempt.evidence == .canceled)
  }
}
