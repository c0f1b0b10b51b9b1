/// What gateways hold and have taken, beside what Tender says of it.
extension Check {
  static let money: [Check] = [
    Check(
      "no_double_capture", invariant: 1,
      "at most one charge of a payment keeps money, over all gateways, and at most its amount"
    ) { evidence in
      evidence.intents.flatMap { intent -> [Finding] in
        let live = evidence.charges(of: intent.id).filter { intent.keeps($0) }
        let taken = live.reduce(0) { $0 + $1.captured }
        let ids = live.map { "\($0.gateway) \($0.id)" }.joined(separator: ", ")
        var findings: [Finding] = []
        if live.count > 1 {
          findings.append(
            Finding(intent.id, "\(live.count) live charges (\(ids))", expected: "at most one"))
        }
        if taken > intent.amountMinor {
          findings.append(
            Finding(
              intent.id, "\(taken) captured (\(ids))", expected: "at most \(intent.amountMinor)"))
        }
        return findings
      }
    },
    Check(
      "captures_within_authorization", invariant: 9,
      "in the gateways' books refunded ≤ captured ≤ authorised"
    ) { evidence in
      evidence.charges.filter {
        $0.captured > max($0.authorized, $0.amount) || $0.refunded > $0.captured
      }
      .map {
        Finding(
          "\($0.gateway) \($0.id)",
          "authorized \($0.authorized) of \($0.amount), captured \($0.captured), refunded "
            + "\($0.refunded)", expected: "refunded ≤ captured ≤ authorized")
      }
    },
    Check(
      "no_orphan_authorization", invariant: 10,
      "whatever a gateway still holds belongs to a payment that may take it"
    ) { evidence in
      evidence.charges.filter(\.isHeld).compactMap { charge in
        let owner = evidence.intents.first { $0.id == charge.intent }
        let isOwned =
          owner.map {
            ["requires_capture", "processing"].contains($0.status)
              && ($0.gatewayReference == charge.id || $0.status == "processing")
          } ?? false
        return isOwned
          ? nil
          : Finding(
            "\(charge.gateway) \(charge.id)",
            "\(charge.status) for \(charge.intent ?? "nobody"), which is "
              + (owner?.status ?? "no payment"), expected: "voided, refunded or owned")
      }
    },
    Check(
      "succeeded_is_captured", invariant: 11,
      "a succeeded payment is captured with its amount where it says"
    ) { evidence in
      evidence.intents.filter { $0.status == "succeeded" }.compactMap { intent in
        let charge = evidence.charges.first {
          $0.gateway == intent.gateway && $0.id == intent.gatewayReference
        }
        if let charge, charge.captured == intent.capturedMinor, charge.captured > 0 { return nil }
        return Finding(
          intent.id,
          charge.map { "\($0.captured) captured as \($0.gateway) \($0.id)" }
            ?? "nothing captured as \(intent.gateway) \(intent.gatewayReference)",
          expected: "\(intent.capturedMinor) captured there")
      }
    },
    Check(
      "captured_has_owner", invariant: 12,
      "whatever a gateway keeps belongs to a succeeded payment that names it"
    ) { evidence in
      evidence.charges.filter { $0.netMinor > 0 }.compactMap { charge in
        let owner = evidence.intents.first { $0.id == charge.intent }
        if let owner, owner.status == "succeeded", owner.gatewayReference == charge.id {
          return nil
        }
        return Finding(
          "\(charge.gateway) \(charge.id)",
          "\(charge.netMinor) captured for \(charge.intent ?? "nobody"), which is "
            + (owner?.status ?? "no payment"),
          expected: "a succeeded payment that names it, or a compensation")
      }
    },
    Check(
      "ended_without_money", invariant: 13,
      "no payment failed or was canceled while an attempt is open or a gateway holds money"
    ) { evidence in
      evidence.intents.filter { ["failed", "canceled"].contains($0.status) }.flatMap { intent in
        let open = intent.operations.flatMap(\.attempts).filter {
          ["sent", "unknown", "pending", "authorized", "captured"].contains($0.evidence)
        }
        .map { "attempt \($0.id) is \($0.evidence)" }
        let held = evidence.charges(of: intent.id).filter { $0.isHeld || $0.netMinor > 0 }
          .map { "\($0.gateway) \($0.id) is \($0.status), \($0.netMinor) captured" }
        return (open + held).map {
          Finding(intent.id, "\(intent.status), while \($0)", expected: "evidence before an end")
        }
      }
    },
    Check(
      "one_winner", invariant: 16,
      "an operation has at most one winner, in rows and answers"
    ) { evidence in
      evidence.database.severalWinners.map { Finding($0, "several winners", expected: "one") }
        + evidence.intents.flatMap { intent in
          intent.operations.filter { $0.attempts.count { $0.disposition == "winner" } > 1 }.map {
            Finding("\(intent.id) \($0.id)", "several winners", expected: "one")
          }
        }
    },
    Check(
      "no_money_alert", invariant: 0,
      "no alert that says money moved wrongly is open"
    ) { evidence in
      evidence.database.moneyAlerts.map {
        Finding($0, "an open alert", expected: "none of its kind")
      }
    },
  ]
}
