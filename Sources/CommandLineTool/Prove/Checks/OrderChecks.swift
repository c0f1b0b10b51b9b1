/// What may not happen any more once something else has.
extension Check {
  /// A request that was sent before the next attempt began has reached the gateway by then.
  static let arrivalMilliseconds: Int64 = 2_000
  /// Recovery takes a claim over no earlier than 5 s after its holder's last word; a live call's
  /// first attempt follows its payment within milliseconds.
  static let aloneMilliseconds: Int64 = 4_000

  static let order: [Check] = [
    Check(
      "nothing_sent_after_second", invariant: 0,
      "no gateway gets a request for the first attempt once there is a second one"
    ) { evidence in
      evidence.intents.flatMap { intent in
        intent.operations.flatMap { operation -> [Finding] in
          let attempts = operation.attempts.sorted { $0.createdAt < $1.createdAt }
          return zip(attempts, attempts.dropFirst()).flatMap { first, second in
            evidence.charges.filter {
              $0.operation == operation.id && $0.gateway == first.gateway
                && first.gateway != second.gateway
                && $0.created > second.createdAt + arrivalMilliseconds
            }
            .map {
              Finding(
                "\(intent.id) \($0.gateway) \($0.id)",
                "made \($0.created - second.createdAt) ms after attempt \(second.id) began",
                expected: "no request for the first attempt once there is a second")
            }
          }
        }
      }
    },
    Check(
      "nobody_charged_who_left", invariant: 0,
      "no attempt begins for a payer who has gone"
    ) { evidence in
      evidence.asked.filter(\.leaves).flatMap { asked in
        evidence.intents.filter {
          $0.merchant == asked.merchant && $0.description == asked.description
        }
        .flatMap { intent in
          intent.operations.flatMap(\.attempts).filter {
            $0.createdAt > intent.createdAt + aloneMilliseconds
          }
          .map {
            Finding(
              "\(intent.id) attempt \($0.id)",
              "begun \($0.createdAt - intent.createdAt) ms after the payer asked",
              expected: "nothing begun for a payer who has left")
          }
        }
      }
    },
    Check(
      "departure_stops_nothing", invariant: 0,
      "a payment is finished by the process that began it, though its caller leaves"
    ) { evidence in
      evidence.asked.filter(\.departs).flatMap { asked -> [Finding] in
        let intent = evidence.intent(ofPayment: asked.number)?.id ?? "no payment"
        var findings: [Finding] = []
        if evidence.database.takenOverKeys.contains(asked.key) {
          findings.append(
            Finding(
              "\(intent) key \(asked.key)", "its claim was taken over, though nobody had died",
              expected: "finished by its first holder"))
        }
        let replays = evidence.calls.filter { $0.payment == asked.number && $0.isReplay }
        findings += replays.compactMap { replay -> Finding? in
          guard case .intent(_, let status, _, _, _) = replay.answer, status != "succeeded" else {
            return nil
          }
          return Finding(
            "\(intent) key \(asked.key)", "its stored answer is \(status)",
            expected: "succeeded, as the gateway answered")
        }
        return findings
      }
    },
  ]
}
