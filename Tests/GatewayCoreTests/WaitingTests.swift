import Money
import Testing

@testable import GatewayCore

/// How long what is under way is waited for, and when it is looked at.
struct WaitingTests {
  // MARK: Bank days

  @Test(arguments: [
    (1970, 1, 1, false), (2026, 1, 1, false), (2026, 1, 2, true), (2026, 4, 2, true),
    (2026, 4, 3, false), (2026, 4, 5, false), (2026, 4, 6, false), (2026, 4, 7, true),
    (2026, 5, 1, false), (2026, 5, 14, true), (2026, 12, 24, true), (2026, 12, 25, false),
    (2028, 12, 26, false), (2026, 11, 28, false), (2026, 11, 29, false), (2026, 11, 30, true),
    (2027, 3, 26, false), (2027, 3, 29, false), (1969, 12, 31, true), (1969, 12, 28, false),
  ])
  func banksAreOpen(_ year: Int, _ month: Int, _ day: Int, _ isOpen: Bool) throws {
    let date = try #require(CivilDate(year: year, month: month, day: day))
    #expect(BankDays.isOpen(date) == isOpen)
  }

  @Test(arguments: [(1961, 4, 2), (2000, 4, 23), (2024, 3, 31), (2025, 4, 20), (2038, 4, 25)])
  func easter(_ year: Int, _ month: Int, _ day: Int) {
    #expect(BankDays.easterSunday(year) == CivilDate(year: year, month: month, day: day))
  }

  @Test func bankDaysSkipWhatIsClosed() throws {
    let thursday = Timestamp(try #require(CivilDate(year: 2026, month: 4, day: 2))) + .seconds(3_600)
    func day(_ days: Int) -> String { "\(BankDays.after(thursday, days: days).date)" }
    #expect([0, 1, 2, 5].map(day) == ["2026-04-02", "2026-04-07", "2026-04-08", "2026-04-13"])
    #expect(BankDays.after(thursday, days: 1).seconds % 86_400 == 3_600)
  }

  // MARK: Looks

  @Test func whatTheBankHasIsLookedAtSlowly() {
    let next = [0, 299, 300, 3_599, 3_600, 86_399, 86_400, 172_799, 172_800].map {
      LookSchedule.waitingOffset(after: $0)
    }
    #expect(
      next == [300, 300, 3_600, 3_600, 21_600, 86_400, 172_800, 172_800, 259_200])
    #expect([-1, 0, 1, 7, 99].map { LookSchedule.unknown(after: $0) } == [1, 1, 2, 300, 300])
  }

  /// An answer is stored under the key: the same request would only repeat it. A look at what waits
  /// is a read, or nothing.
  @Test(arguments: [
    (GatewayName.stripe, ProbeStep.get(reference: "pi_1"), ProbeStep.get(reference: "pi_1")),
    (.adyen, .wait, .wait),
  ])
  func whatWaitsIsNeverSentAgain(_ gateway: GatewayName, _ look: ProbeStep, _ last: ProbeStep) throws {
    for outcome in [Sample.bankPending, Sample.action] {
      let operation = Sample.operation(
        .automatic, [Sample.start(Sample.first, gateway), .outcome(Sample.first, outcome)])
      #expect(
        ProbeRule.step(
          for: Sample.first, in: operation, ageSeconds: 600, sendWindowIsOpen: true) == look)
      #expect(ProbeRule.lastLook(at: try #require(operation.attempts.first?.attempt)) == last)
    }
  }

  @Test func theLastLookIsReadOnly() {
    func look(_ gateway: GatewayName, _ evidence: Evidence, _ reference: String?) -> ProbeStep {
      ProbeRule.lastLook(
        at: Attempt(
          id: Sample.first, sequence: 1, gateway: gateway, account: "main", mode: .charge,
          evidence: evidence, reference: reference))
    }
    #expect(look(.stripe, .unknown, nil) == .find)
    #expect(look(.stripe, .sent, "pi_1") == .get(reference: "pi_1"))
    #expect(look(.adyen, .unknown, nil) == .wait)
    #expect(look(.stripe, .canceled, "pi_1") == .wait)
  }

  // MARK: Ends

  private static func operation(_ outcome: Outcome) -> Operation {
    Sample.operation(.automatic, [Sample.start(Sample.first), .outcome(Sample.first, outcome)])
  }

  @Test func onlyADebitThatTheBankHasIsWaitedForInBankDays() {
    // A Friday.
    let start = Timestamp(seconds: 1_795_737_600)
    func wait(_ outcome: Outcome, _ method: MethodType?, offSession: Bool = false) -> Int64 {
      let end = GiveUpLimits().deadline(
        of: Self.operation(outcome), createdAt: start, method: method, offSession: offSession)
      return end.seconds - start.seconds
    }
    #expect(wait(Sample.bankPending, .card) == 900)
    #expect(wait(Sample.bankPending, .card, offSession: true) == 259_200)
    #expect(wait(Sample.noAnswer, .sepaDebit) == 900)
    #expect(wait(Sample.action, nil) == 900)
    #expect(wait(Sample.bankPending, .sepaDebit) == 20 * 86_400)
    #expect(wait(Sample.bankPending, nil, offSession: true) == 20 * 86_400)
  }

  @Test func peopleHearByAge() {
    let start = Timestamp(seconds: 1_795_737_600)
    func late(_ evidence: Evidence, _ method: MethodType?, _ seconds: Int64) -> LookSchedule.Lateness? {
      LookSchedule.lateness(
        of: evidence, method: method, sentAt: start, now: start + .seconds(seconds))
    }
    #expect(late(.unknown, .card, 3_599) == nil && late(.unknown, .card, 3_600) == .outcomeUnknown)
    #expect(late(.sent, .sepaDebit, 3_600) == .outcomeUnknown)
    #expect(late(.pending, .card, 3_600) == .pendingLong)
    #expect(late(.pending, .sepaDebit, 9 * 86_400 - 1) == nil)
    #expect(late(.pending, .sepaDebit, 11 * 86_400) == .pendingLong)
    #expect(late(.requiresAction, .card, 99 * 86_400) == nil)
    #expect(late(.actionSubmitted, .card, 3_600) == .outcomeUnknown)
  }

  /// Nothing is sent any more when an operation is given up, whatever its caller has named.
  @Test func sendingEndsBeforeGivingUp() {
    let limits = GiveUpLimits()
    #expect(SendWindowLimits.payerPresentSeconds < limits.payerPresentSeconds)
    #expect(SendWindowLimits.offSessionSeconds < limits.offSessionSeconds)
  }
}
