/// Money that was given back.
extension Check {
  /// From an event's status, where the next event may lead.
  static let refundGraph: [String: Set<String>] = [
    "pending": ["pending", "succeeded", "failed"], "succeeded": ["failed"], "failed": ["succeeded"],
  ]
  static let refundEndings = ["succeeded": "refund.succeeded", "failed": "refund.failed"]

  static let refunds: [Check] = [
    Check(
      "refunds_within_capture", invariant: 9,
      "refunds not proven failed are together at most what was captured, now and at any time"
    ) { evidence in
      evidence.intents.compactMap { intent in
        let (now, most) = (
          evidence.reservedMinor(of: intent.id), evidence.mostReservedMinor(of: intent.id)
        )
        guard max(now, most) > intent.capturedMinor else { return nil }
        return Finding(
          intent.id,
          now > intent.capturedMinor
            ? "\(now) refunded or being refunded"
            : "\(most) refunded or being refunded at a time, before some of it failed",
          expected: "≤ \(intent.capturedMinor)")
      }
    },
    Check(
      "fitting_refund_wins", invariant: 9,
      "no refund is refused as too large that fits beside all that were made"
    ) { evidence in
      evidence.calls.compactMap { call in
        guard call.method == .refund, case .refused(_, "AMOUNT_TOO_LARGE") = call.answer,
          let asked = evidence.askedRefunds.first(where: call.isOf),
          call.payload == "\(asked.amountMinor)",
          let intent = evidence.intent(ofPayment: call.payment)
        else { return nil }
        let made = evidence.refunds.filter { $0.intent == intent.id }
        // One that failed later was in the way when this one was refused.
        guard made.allSatisfy(\.isReserved) else { return nil }
        let left = intent.capturedMinor - evidence.reservedMinor(of: intent.id)
        return left >= max(1, asked.amountMinor)
          ? Finding(
            "\(intent.id) key \(call.key)", "\(asked.amountMinor) refused",
            expected: "made: \(left) can still be refunded") : nil
      }
    },
    Check(
      "refunds_as_asked", invariant: 3,
      "each refund was asked for by its key, once, with its amount; an acknowledged one exists"
    ) { evidence in
      var findings = evidence.refunds.compactMap { refund -> Finding? in
        let asked = evidence.askedRefunds.first {
          $0.key == refund.key && $0.merchant == refund.merchant
            && [0, refund.amountMinor].contains($0.amountMinor)
            && evidence.intent(ofPayment: $0.payment)?.id == refund.intent
        }
        return asked == nil
          ? Finding(
            refund.id, "\(refund.amountMinor) of \(refund.intent) by key \(refund.key)",
            expected: "a refund that the plan asks for") : nil
      }
      let byKey = Dictionary(grouping: evidence.refunds) { "merchant \($0.merchant) \($0.key)" }
      findings += byKey.filter { $0.value.count > 1 }.map {
        Finding($0.key, "\($0.value.count) refunds: \($0.value.map(\.id))", expected: "one")
      }
      findings += evidence.calls.compactMap { call in
        guard case .refund(let id, _, let amount, _, _, _) = call.answer else { return nil }
        let isKept = evidence.refunds.contains { $0.id == id && $0.amountMinor == amount }
        return isKept ? nil : Finding("\(id) key \(call.key)", "gone", expected: "kept")
      }
      return findings
    },
    Check(
      "refunds_match_gateways", invariant: 7,
      "refunds succeeded are, one by one, those of the gateway that captured"
    ) { evidence in
      evidence.intents.flatMap { intent -> [Finding] in
        let made = evidence.refunds.filter { $0.intent == intent.id && $0.status == "succeeded" }
        let given = evidence.gatewayRefunds.filter {
          $0.payment == intent.gatewayReference && $0.status == "succeeded"
        }
        var findings: [Finding] = []
        for refund in made {
          let same = given.filter { $0.isOf(refund) && $0.amount == refund.amountMinor }
          if same.count != 1 {
            findings.append(
              Finding(
                "\(intent.id) \(refund.id)", "\(same.count) refunds at \(intent.gateway)",
                expected: "one of \(refund.amountMinor)"))
          }
        }
        for refund in given where !made.contains(where: refund.isOf) {
          findings.append(
            Finding(
              "\(intent.id) \(refund.id)",
              "\(refund.amount) given back at \(refund.gateway) without a succeeded refund",
              expected: "a refund of ours"))
        }
        return findings
      }
    },
    Check(
      "refunds_are_booked", invariant: 8,
      "each refund that succeeded has one ledger transaction, each that came back another"
    ) { evidence in
      evidence.intents.flatMap { intent -> [Finding] in
        let refunds = evidence.refunds.filter { $0.intent == intent.id }
        func amounts(_ kind: String) -> [Int64] {
          intent.postings.filter { $0.kind == kind }.map(\.debitMinor).sorted()
        }
        let succeeded = refunds.filter(\.everSucceeded)
        let cameBack = succeeded.filter { $0.status == "failed" }
        let expected = [
          ("refund", succeeded.map(\.amountMinor).sorted()),
          ("refund_failed", cameBack.map(\.amountMinor).sorted()),
        ]
        return expected.compactMap { kind, wanted in
          amounts(kind) == wanted
            ? nil
            : Finding(
              intent.id, "\(kind) booked: \(amounts(kind))", expected: "\(wanted), as refunds tell")
        }
      }
    },
    Check(
      "refund_states_follow_graph", invariant: 14,
      "a refund's events are its versions 1, 2, 3 …, a path of its graph, and end where it is"
    ) { evidence in
      evidence.refunds.flatMap { refund -> [Finding] in
        let events = refund.events.sorted { $0.version < $1.version }
        var findings: [Finding] = []
        if events.map(\.version) != Array(1...max(1, UInt64(events.count)))
          || events.last?.version != refund.version || events.last?.bodyStatus != refund.status
        {
          let versions = events.map { "\($0.version) \($0.bodyStatus)" }
          findings.append(
            Finding(
              "\(refund.intent) \(refund.id)", "events of versions \(versions)",
              expected: "1 to \(refund.version), the last one \(refund.status)"))
        }
        for (before, after) in zip(events, events.dropFirst())
        where !(refundGraph[before.bodyStatus]?.contains(after.bodyStatus) ?? false) {
          findings.append(
            Finding(
              "\(refund.intent) \(refund.id)", "\(before.bodyStatus) → \(after.bodyStatus)",
              expected: "a path of the graph"))
        }
        return findings
      }
    },
    Check(
      "refund_events_are_true", invariant: 20,
      "a refund's event says its type, version and amount as the refund has them"
    ) { evidence in
      evidence.refunds.flatMap { refund in
        refund.events.compactMap { event -> Finding? in
          let type =
            event.version == 1
            ? "refund.created" : refundEndings[event.bodyStatus] ?? "refund.updated"
          return event.type == type && event.bodyVersion == event.version
            && event.bodyAmountMinor == refund.amountMinor
            ? nil
            : Finding(
              "\(refund.intent) \(refund.id) \(event.id)",
              "\(event.type), \(event.bodyAmountMinor) at version \(event.bodyVersion)",
              expected: "\(type), \(refund.amountMinor) at version \(event.version)")
        }
      }
    },
    Check(
      "misuse_is_refused", invariant: 0,
      "a refund of nothing, below nothing or in another currency is refused with its reason"
    ) { evidence in
      evidence.misuses.filter { !$0.kind.isStranger && $0.answer != $0.kind.refusal }.map {
        Finding("\($0.intent) \($0.kind.rawValue)", $0.answer, expected: $0.kind.refusal)
      }
    },
  ]
}

extension FoundRefund {
  var everSucceeded: Bool { events.contains { $0.type == "refund.succeeded" } }
}

extension CallRecord {
  fileprivate func isOf(_ asked: AskedRefund) -> Bool {
    key == asked.key && merchant == asked.merchant
  }
}

extension Evidence {
  func intent(ofPayment number: Int) -> FoundIntent? {
    guard let asked = asked.first(where: { $0.number == number }) else { return nil }
    return intents.first {
      $0.merchant == asked.merchant && $0.description == asked.description
    }
  }

  fileprivate func reservedMinor(of intent: String) -> Int64 {
    refunds.filter { $0.intent == intent && $0.isReserved }.reduce(0) { $0 + $1.amountMinor }
  }

  /// The most that was reserved at a time, by the refunds' events in the order of their commits: one
  /// that does not fit may not even begin, whether or not its gateway refuses it later.
  fileprivate func mostReservedMinor(of intent: String) -> Int64 {
    let told = refunds.filter { $0.intent == intent }.flatMap { refund in
      refund.events.map { (refund: refund, event: $0) }
    }
    .sorted { ($0.event.sequence, $0.event.version) < ($1.event.sequence, $1.event.version) }
    var reserved: [String: Int64] = [:]
    var most: Int64 = 0
    for (refund, event) in told {
      reserved[refund.id] = event.bodyStatus == "failed" ? 0 : refund.amountMinor
      most = max(most, reserved.values.reduce(0, +))
    }
    return most
  }
}
