/// The ledger: balanced, unchanged, equal to what the gateways hold.
extension Check {
  static let captureKind = "capture"

  static let books: [Check] = [
    Check(
      "ledger_balances", invariant: 5,
      "debits equal credits per transaction and currency, and the trial balance is equal"
    ) { evidence in
      evidence.database.unbalancedTransactions.map {
        Finding($0, "debits and credits differ", expected: "equal")
      }
        + evidence.intents.flatMap { intent in
          intent.postings.filter { $0.debitMinor != $0.creditMinor }.map {
            Finding(
              $0.id, "debits \($0.debitMinor), credits \($0.creditMinor)", expected: "equal")
          }
        }
        + evidence.trial.filter {
          $0.debitsMinor != $0.creditsMinor || $0.entriesDebitsMinor != $0.debitsMinor
            || $0.entriesCreditsMinor != $0.creditsMinor
        }
        .map {
          Finding(
            "trial balance of merchant \($0.merchant) in \($0.currency)",
            "\($0.debitsMinor) and \($0.creditsMinor), from entries \($0.entriesDebitsMinor) and "
              + "\($0.entriesCreditsMinor)", expected: "four equal sums")
        }
    },
    Check(
      "ledger_is_immutable", invariant: 6,
      "rows of the middle of the load are the same at the end; no service may change them"
    ) { evidence in
      var findings = evidence.database.ledgerRights.map {
        Finding($0, "granted", expected: "no way to change a row")
      }
      if evidence.ledgerBefore != evidence.ledgerAfter {
        findings.append(
          Finding(
            "rows up to batch \(evidence.ledgerBefore.batch)",
            "\(evidence.ledgerAfter)", expected: "\(evidence.ledgerBefore)"))
      }
      return findings
    },
    Check(
      "ledger_matches_gateways", invariant: 7,
      "the books of each gateway account are what the gateway keeps, to the cent"
    ) { evidence in
      let accounts = Set(
        evidence.clearing.map { MerchantGateway(merchant: $0.merchant, gateway: $0.gateway) }
          + evidence.charges.compactMap { charge in
            evidence.intents.first { $0.id == charge.intent }.map {
              MerchantGateway(merchant: $0.merchant, gateway: charge.gateway)
            }
          })
      return accounts.compactMap { account in
        let booked = evidence.clearing.filter {
          $0.merchant == account.merchant && $0.gateway == account.gateway
        }
        .reduce(0) { $0 + $1.balanceMinor }
        let held = evidence.charges.filter { charge in
          charge.gateway == account.gateway
            && evidence.intents.contains {
              $0.id == charge.intent && $0.merchant == account.merchant
            }
        }
        .reduce(0) { $0 + $1.netMinor }
        return booked == held
          ? nil
          : Finding(
            "merchant \(account.merchant) at \(account.gateway)", "\(booked) booked",
            expected: "\(held), as the gateway's books")
      }
    },
    Check(
      "one_posting_per_movement", invariant: 8,
      "each capture is booked once, each movement under its own reference"
    ) { evidence in
      evidence.intents.flatMap { intent -> [Finding] in
        let captures = intent.postings.filter { $0.kind == captureKind }
        let charged = evidence.charges(of: intent.id).filter { intent.keeps($0) }
        var findings: [Finding] = []
        if captures.map(\.debitMinor).sorted() != charged.map(\.captured).sorted() {
          findings.append(
            Finding(
              intent.id, "captures booked: \(captures.map(\.debitMinor))",
              expected: "\(charged.map(\.captured)), as the gateways' books"))
        }
        let references = intent.postings.map { "\($0.kind) \($0.externalReference)" }
        if Set(references).count != references.count {
          findings.append(
            Finding(
              intent.id, "booked: \(references.joined(separator: ", "))",
              expected: "each movement once"))
        }
        return findings
      }
    },
  ]
}

private struct MerchantGateway: Hashable {
  let merchant: Int
  let gateway: String
}
