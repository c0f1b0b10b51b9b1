#if TENDER_FAULTS
  import Faults
  import GatewayCore
  import Outbound
  import Reactor

  /// Where the process may die around a request, and what it may be made to believe of it.
  extension GatewayPorts {
    /// From before a byte has left to well after the test gateways have acted.
    private static let dyingMilliseconds: ClosedRange<Int64> = 1...40

    func send(_ request: OutboundRequest, _ sent: SentRequest) async -> TransferReport {
      if let point = sent.requestPoint, point.isDue() {
        // Nobody reads the answer of this one.
        loop.spawn(name: "request of a dying process") { [client] in _ = await client.send(request) }
        do {
          try await loop.sleep(for: .milliseconds(Int64.random(in: Self.dyingMilliseconds)))
        } catch {
          // Cancelled: it dies a little earlier.
        }
        point.crash()
      }
      let report = await client.send(request)
      sent.answerPoint?.pass()
      return report
    }

    static func facts(of report: TransferReport) -> TransferFacts {
      var facts = TransferFacts(report)
      if Sabotage.codeAsProof.isOn, facts.status == nil {
        facts.stage = .connecting
        facts.requestSize = 0
      }
      return facts
    }
  }

  extension SentRequest {
    fileprivate var requestPoint: CrashPoint? {
      switch purpose {
      case .authorize, .charge: .afterSend
      case .capture: .afterCaptureRequest
      case .cancel: .afterReversalRequest
      // A condemned attempt's refund has no reference of ours.
      case .refund: ownReference == nil ? .afterReversalRequest : .afterRefundRequest
      case .details, .look, .lookRefund, .setup, .lookSetup: nil
      }
    }

    fileprivate var answerPoint: CrashPoint? {
      switch purpose {
      case .authorize, .charge: .afterGatewayAnswer
      case .capture: .afterCaptureAnswer
      case .details, .cancel, .refund, .look, .lookRefund, .setup, .lookSetup: nil
      }
    }
  }
#endif
