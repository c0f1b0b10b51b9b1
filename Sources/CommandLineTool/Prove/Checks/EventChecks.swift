/// Events and their deliveries.
extension Check {
  /// The event that tells of each end.
  static let endings = [
    "succeeded": "payment_intent.succeeded", "failed": "payment_intent.payment_failed",
    "canceled": "payment_intent.canceled",
  ]

  static let events: [Check] = [
    Check(
      "event_per_ending", invariant: 18,
      "each end has exactly one event, and each such event its end"
    ) { evidence in
      evidence.intents.flatMap { intent -> [Finding] in
        var findings = intent.endings.compactMap { change -> Finding? in
          let type = endings[change.status] ?? ""
          let found = intent.events.count { $0.version == change.version && $0.type == type }
          // A success that only grew a refund is no new end.
          let isFirst = !intent.changes.contains {
            $0.version == change.version - 1 && $0.status == change.status
          }
          return found == 1 || (!isFirst && found == 0)
            ? nil
            : Finding(
              "\(intent.id) version \(change.version)", "\(found) events \(type)", expected: "one")
        }
        findings += intent.events.filter { event in
          endings.contains { status, type in
            type == event.type
              && !intent.endings.contains { $0.version == event.version && $0.status == status }
          }
        }
        .map {
          Finding(
            "\(intent.id) \($0.id)", "\($0.type) at version \($0.version)",
            expected: "a state that existed")
        }
        return findings
      }
    },
    Check(
      "events_are_delivered", invariant: 19,
      "every event arrived at its merchant with the bytes that ListEvents shows"
    ) { evidence in
      let received = Dictionary(grouping: evidence.received, by: \.id)
      let intents = evidence.intents.flatMap { intent in
        intent.events.map {
          ("\(intent.id) \($0.id)", $0.id, ReceivedEvent(
            merchant: intent.merchant, type: $0.type, id: $0.id, body: $0.body))
        }
      }
      let refunds = evidence.refunds.flatMap { refund in
        refund.events.map {
          ("\(refund.intent) \(refund.id) \($0.id)", $0.id, ReceivedEvent(
            merchant: refund.merchant, type: $0.type, id: $0.id, body: $0.body))
        }
      }
      return (intents + refunds).compactMap { subject, id, event in
        let arrived = received[id] ?? []
        guard !arrived.isEmpty else {
          return Finding(subject, "never arrived", expected: "delivered")
        }
        return arrived.allSatisfy { $0 == event }
          ? nil
          : Finding(
            subject, "arrived with other bytes, or at another merchant",
            expected: "what ListEvents shows")
      }
    },
    Check(
      "events_match_states", invariant: 20,
      "bodies say what the payment was at that version; sequence numbers rise with versions"
    ) { evidence in
      evidence.intents.flatMap { intent -> [Finding] in
        let sequences = intent.events.sorted { $0.version < $1.version }.map(\.sequence)
        var findings: [Finding] = []
        if sequences != sequences.sorted() || Set(sequences).count != sequences.count {
          findings.append(
            Finding(intent.id, "sequences \(sequences) by version", expected: "rising"))
        }
        findings += intent.events.compactMap { event in
          let change = intent.changes.first { $0.version == event.version }
          let isTrue =
            change?.status == event.bodyStatus && event.bodyVersion == event.version
            && event.bodyAmountMinor == intent.amountMinor
            && (event.bodyStatus != "succeeded" || event.bodyCapturedMinor == intent.capturedMinor)
          return isTrue
            ? nil
            : Finding(
              "\(intent.id) \(event.id)",
              "\(event.bodyStatus), \(event.bodyCapturedMinor) of \(event.bodyAmountMinor) at "
                + "version \(event.bodyVersion)",
              expected: "\(change?.status ?? "no state") at version \(event.version)")
        }
        return findings
      }
    },
    Check(
      "webhooks_are_signed", invariant: 21,
      "the signature of every webhook verifies in its time"
    ) { evidence in
      evidence.refusedWebhooks.map {
        Finding("a webhook", "refused: \($0)", expected: "a signature that verifies")
      }
    },
    Check(
      "notifications_change_nothing", invariant: 22,
      "every notification of the gateways once more, the latest first, changes nothing"
    ) { evidence in
      evidence.beforeResend == evidence.afterResend
        ? []
        : [
          Finding(
            "every notification of the gateways, once more", "\(evidence.afterResend)",
            expected: "\(evidence.beforeResend)")
        ]
    },
  ]
}
