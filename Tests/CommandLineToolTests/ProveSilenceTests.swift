import Testing

@testable import CommandLineTool

/// What silence of a gateway allows, and what it does not.
extension ProveCheckTests {
  @Test("a payment that no gateway knows of may stay processing; one that a gateway knows may not")
  func silence() {
    var evidence = ProveEvidence.good
    evidence.intents[2].status = "processing"
    evidence.intents[2].changes = ProveEvidence.changes("processing", "processing")
    evidence.intents[2].operations[0].state = "open"
    evidence.intents[2].operations[0].attempts[0].evidence = "unknown"
    evidence.intents[2].events = []
    #expect(!Check.violations(in: evidence).isEmpty)
    evidence.charges.remove(at: 2)
    #expect(Check.violations(in: evidence) == [])
    // Sent when its process died, and never answered.
    evidence.intents[2].operations[0].attempts[0].evidence = "sent"
    #expect(Check.violations(in: evidence) == [])
    // Being canceled: the winner is given back, of the attempt beside it nothing was heard.
    evidence.intents[2].operations[0].state = "won"
    evidence.intents[2].operations[0].attempts.append(
      .init(id: "at_9", gateway: "adyen", disposition: "winner", evidence: "canceled", reference: ""))
    #expect(Check.violations(in: evidence) == [])
    evidence.intents[2].operations[0].attempts[0].evidence = "pending"
    #expect(!Check.violations(in: evidence).isEmpty)
  }

  @Test("given up or canceled without evidence, it stays processing just as well")
  func silenceAfterItsOperation() {
    for reason in ["gave_up", "canceled"] {
      var evidence = ProveEvidence.good
      evidence.intents[2].status = "processing"
      evidence.intents[2].changes = ProveEvidence.changes("processing", "processing")
      evidence.intents[2].operations[0].closeReason = reason
      evidence.intents[2].operations[0].attempts[0].evidence = "unknown"
      evidence.intents[2].events = []
      evidence.charges.remove(at: 2)
      #expect(Check.violations(in: evidence) == [])
      // Evidence has come: nobody may sit on it.
      var told = evidence
      told.intents[2].operations[0].attempts[0].evidence = "declined"
      #expect(!Check.violations(in: told).isEmpty)
      var held = evidence
      held.charges.append(ProveEvidence.charge("pi_3", "ch_3", "requires_capture", 9_000))
      #expect(!Check.violations(in: held).isEmpty)
    }
  }

  @Test("canceled after another gateway had won: it waits for word of the first attempt")
  func silenceBesideAWinner() {
    var evidence = ProveEvidence.good
    evidence.intents[1].status = "processing"
    evidence.intents[1].changes = ProveEvidence.changes(
      "processing", "requires_capture", "processing", "processing")
    evidence.intents[1].events = []
    evidence.intents[1].operations[0] = ProveEvidence.operation("won", "winner", "canceled", "ch_2")
    // Every attempt has evidence: it is canceled, and must say so.
    #expect(!Check.violations(in: evidence).isEmpty)
    var first = evidence.intents[1].operations[0].attempts[0]
    (first.id, first.disposition, first.evidence, first.reference) = (
      "at_first", "condemned", "unknown", ""
    )
    evidence.intents[1].operations[0].attempts.append(first)
    #expect(Check.violations(in: evidence) == [])
    evidence.intents[1].operations[0].attempts[0].evidence = "authorized"
    #expect(!Check.violations(in: evidence).isEmpty)
  }

  @Test("confirmed again after a decline and silent since: the first try's object is known")
  func silenceAfterADecline() {
    var evidence = ProveEvidence.good
    evidence.intents[2].status = "processing"
    evidence.intents[2].changes = ProveEvidence.changes("processing", "failed", "processing")
    evidence.intents[2].version = 3
    evidence.intents[2].operations.append(
      ProveEvidence.operation("open", "open", "unknown", ""))
    #expect(Check.violations(in: evidence) == [])
    evidence.charges.append(ProveEvidence.charge("pi_3", "ch_9", "canceled", 9_000))
    #expect(!Check.violations(in: evidence).isEmpty)
  }
}
