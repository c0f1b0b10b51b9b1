import Faults
import GRPCCore
import IntentsCore
import Logging
import Money
import Postgres
import Reactor
import ServiceKit
import Transport
import Wire

extension IntentFlow {
  /// An intent as the flow that works on it knows it.
  struct View: Sendable {
    var intent: IntentRow
    var operations: [OperationRow]
    /// A capture that was asked for and not decided.
    var openCapture: (CaptureID, Int64)?
  }

  /// What the tables say, in one round trip.
  func view(_ intent: PaymentIntentID, of merchant: MerchantID) async throws -> View {
    let results = try await environment.database.transaction(batch: [
      IntentStatements.get(intent, of: merchant), OperationStatements.list(intent),
      OperationStatements.openCapture(intent),
    ])
    guard let row = results[0].first else { throw IntentRefusal.notFound(intent) }
    return View(
      intent: try IntentRow(row: row), operations: try results[1].map(OperationRow.init(row:)),
      openCapture: try results[2].first?.decode((CaptureID, Int64).self))
  }

  /// Asks gateway-router to go on with the intent's open work; no facts when there is none, or
  /// when the router cannot be reached: silence changes nothing.
  /// - Throws: what to tell a caller whose payer has come back, when the router does not answer.
  func facts(for work: View, by driver: Driver) async throws -> [GatewayV1.Fact] {
    let view = work.intent
    guard let operation = work.operations.first(where: { $0.id == view.currentOperation }) else {
      return []
    }
    let putOff = IntentStatements.putOff(view.id, of: view.merchant)
    if case .payer(let result) = driver, view.state.mayHavePayerBack {
      return try await answer("complete action") {
        try await self.completeAction(view, operation, result)
      }.mapError(Self.notTaken).get()
    }
    guard case .processing(let reason, _) = view.state else { return [] }
    switch reason {
    case .cancelPending:
      return await asking("close", whenHeld: putOff) {
        try await self.close(view, operation, onlyIfUnsent: false)
      }
    case .capturePending:
      guard let open = work.openCapture else {
        return await asking("execute", whenHeld: putOff) {
          try await self.execute(view, operation)
        }
      }
      return await asking("capture", whenHeld: putOff) {
        try await self.capture(view, operation, open.0, amountMinor: open.1)
      }
    case .bankPending, .outcomeUnknown:
      switch driver {
      case .caller:
        return await asking("execute", whenHeld: putOff) {
          try await self.execute(view, operation)
        }
      case .worker:
        #if TENDER_FAULTS
          if Sabotage.completerCharges.isOn {
            return await asking("execute", whenHeld: putOff) {
              try await self.execute(view, operation)
            }
          }
        #endif
        return await asking("close", whenHeld: putOff) {
          try await self.close(view, operation, onlyIfUnsent: true)
        }
      // Asked above.
      case .payer: return []
      }
    }
  }

  /// Repeats a call while the router is unreachable. Every one of these calls is idempotent by the
  /// ids it carries.
  /// - Parameter whenHeld: what a restore holds is asked for again only later.
  func asking(
    _ what: String, whenHeld putOff: Statement, _ call: () async throws -> [GatewayV1.Fact]
  ) async -> [GatewayV1.Fact] {
    switch await answer(what, call) {
    case .success(let facts): return facts
    case .failure(let error):
      if let error = error as? RPCError, Self.isHeld(error) { await self.putOff(putOff) }
      return []
    }
  }

  private func answer(
    _ what: String, _ call: () async throws -> [GatewayV1.Fact]
  ) async -> Result<[GatewayV1.Fact], any Error> {
    var attempt = 1
    while true {
      do {
        return .success(
          try await Deadline.$current.withValue(.within(.seconds(Self.routerSeconds))) {
            try await call()
          })
      } catch {
        environment.logger.warning(
          "gateway-router did not answer",
          metadata: ["call": "\(what)", "attempt": "\(attempt)", "error": "\(error)"])
        guard let known = error as? RPCError, known.code == .unavailable, !Self.isHeld(known),
          attempt < Self.routerTriesMax
        else { return .failure(error) }
      }
      attempt += 1
      do {
        try await environment.loop.sleep(for: .milliseconds(Self.routerPauseMilliseconds))
      } catch { return .failure(error) }
    }
  }

  /// What the merchant of a payer hears whose return nobody has taken, as far as is known here.
  private static func notTaken(_ error: any Error) -> RPCFailure {
    if let error = error as? RPCError, isHeld(error), let details = StatusDetails(error) {
      return RPCFailure(
        .unavailable, details.reason, error.message, retryAfterMilliseconds: 5_000)
    }
    return RPCFailure(
      .unavailable, "GATEWAY_ROUTER_UNAVAILABLE",
      "gateway-router did not say what became of what the payer brought back. Nothing was stored: try "
        + "again with the same key and the same result.", retryAfterMilliseconds: 1_000)
  }

  /// Nobody waits for it: where it fails, recovery only asks sooner.
  private func putOff(_ statement: Statement) async {
    do {
      _ = try await environment.database.query(statement)
    } catch {
      environment.logger.warning("a held order was not put off", metadata: ["error": "\(error)"])
    }
  }

  /// After a restore it says so at once, and says the same for long.
  private static func isHeld(_ error: RPCError) -> Bool {
    StatusDetails(error)?.reason.hasPrefix("RESTORE") ?? false
  }

  private func execute(
    _ intent: IntentRow, _ operation: OperationRow
  ) async throws -> [GatewayV1.Fact] {
    let request = GatewayV1.ExecuteOperationRequest(
      operationID: operation.id.description, intentID: intent.id.description,
      amount: CommonV1.Money(Amount(intent.amount.currency, minor: operation.amountMinor)),
      captureMethod: intent.captureMethod.wire,
      paymentMethodID: operation.paymentMethod.description, offSession: operation.offSession,
      statementDescriptor: intent.statementDescriptor, sendBefore: operation.sendBefore.wire,
      keyProof: operation.keyProof, returnURL: operation.returnURL ?? "")
    return try await router().executeOperation(
      request, metadata: metadata(intent, "execute", operation.id.description)
    ).facts
  }

  private func completeAction(
    _ intent: IntentRow, _ operation: OperationRow, _ result: [UInt8]
  ) async throws -> [GatewayV1.Fact] {
    let request = GatewayV1.CompleteOperationActionRequest(
      operationID: operation.id.description, intentID: intent.id.description,
      redirectResult: result)
    return try await router().completeOperationAction(
      request, metadata: metadata(intent, "action", operation.id.description)
    ).facts
  }

  private func capture(
    _ intent: IntentRow, _ operation: OperationRow, _ capture: CaptureID, amountMinor: Int64
  ) async throws -> [GatewayV1.Fact] {
    let request = GatewayV1.CaptureOperationRequest(
      operationID: operation.id.description, intentID: intent.id.description,
      captureID: capture.description,
      amount: CommonV1.Money(Amount(intent.amount.currency, minor: amountMinor)))
    return try await router().captureOperation(
      request, metadata: metadata(intent, "capture", capture.description)
    ).facts
  }

  private func close(
    _ intent: IntentRow, _ operation: OperationRow, onlyIfUnsent: Bool
  ) async throws -> [GatewayV1.Fact] {
    let request = GatewayV1.CloseOperationRequest(
      operationID: operation.id.description, intentID: intent.id.description,
      onlyIfUnsent: onlyIfUnsent)
    return try await router().closeOperation(
      request,
      metadata: metadata(intent, onlyIfUnsent ? "abandon" : "close", operation.id.description)
    ).facts
  }

  func router() throws -> GatewayV1.GatewayRouter.Client<HTTP2ClientTransport> {
    GatewayV1.GatewayRouter.Client(wrapping: try environment.peers.client(.gatewayRouter))
  }

  private func metadata(_ intent: IntentRow, _ kind: String, _ subject: String) -> Metadata {
    OutgoingCall.metadata(merchant: intent.merchant, key: "\(kind)/\(subject)")
  }
}

extension IntentState {
  /// A payer may just have come back, or have been here before an answer was heard.
  fileprivate var mayHavePayerBack: Bool {
    switch self {
    case .requiresAction, .processing(.outcomeUnknown, _), .processing(.bankPending, _): true
    case .created, .processing, .requiresCapture, .succeeded, .failed, .canceled: false
    }
  }
}
