import Testing
import Wire

@testable import CommandLineTool

/// What doctor says of recovery's numbers.
struct DoctorRecoveryTests {
  private static func families(_ values: [String: (count: Double, age: Double)]) -> [CommonV1.MetricFamily] {
    func family(_ name: String, _ value: ((count: Double, age: Double)) -> Double) -> CommonV1.MetricFamily {
      CommonV1.MetricFamily(
        name: name, type: .gauge,
        series: values.map { kind, numbers in
          CommonV1.MetricSeries(
            labels: [CommonV1.MetricLabel(name: "kind", value: kind)], value: value(numbers))
        })
    }
    return [family(Doctor.itemsMetric) { $0.count }, family(Doctor.ageMetric) { $0.age }]
  }

  @Test func nothingIsOpen() {
    let findings = Doctor.recoveryFindings(Self.families([:]))
    #expect(findings.map(\.isFine) == [true] && findings[0].detail == "nothing is open")
  }

  @Test func whatIsYoungIsShownAndFine() {
    let findings = Doctor.recoveryFindings(
      Self.families(["attempts_unknown": (2, 30), "reversals_pending": (1, 75)]))
    #expect(findings.map(\.isFine) == [true])
    #expect(
      findings[0].detail
        == "2 attempts unknown, the oldest 30 s; 1 reversals pending, the oldest 75 s")
  }

  @Test func whatIsOldOrUnprovenIsWrong() {
    let findings = Doctor.recoveryFindings(
      Self.families(["captures_pending": (1, 3_600), "unproven": (1, 0), "refunds_pending": (3, 60)]))
    #expect(findings.map(\.isFine) == [false, false])
    #expect(findings.map(\.nextStep) == ["see the alerts below", "see tender recovery list"])
  }

  /// What the checks of gateways and notifications say is not said again.
  @Test func anAlertIsToldOnce() {
    let kinds = ["gateway_override", "notification_parked", "reversal_unproven"]
    let findings = Doctor.recoveryFindings(
      kinds.map { CommonV1.Alert(severity: .critical, kind: $0) })
    #expect(findings.map(\.check) == ["reversal_unproven"])
  }

  @Test(arguments: ["setup_answer_conflicts", "setup_money_conflicts"])
  func aContradictedSetUpNamesItsEnd(kind: String) {
    let found = Doctor.recoveryFindings([CommonV1.Alert(severity: .warning, kind: kind)])
    #expect(found.map { $0.nextStep.hasSuffix("tender setup resolve") } == [true])
  }

  /// One answer of gateway-router is told in three places, each alert in exactly one.
  @Test func everyAlertHasItsPlace() {
    let alerts = ["gateway_override", "notification_parked", "reversal_unproven"].map {
      CommonV1.Alert(severity: .critical, kind: $0, subject: "s")
    }
    let gateways = Doctor.gatewayFindings(alerts, log: "log")
    let notifications = Doctor.notificationFindings(alerts)
    #expect(gateways.map(\.check) == ["gateway s"] && !gateways[0].isFine)
    #expect(notifications.map(\.check) == ["notifications of s"] && !notifications[0].isFine)
    #expect(Doctor.gatewayFindings([], log: "log").map(\.isFine) == [true])
    #expect(Doctor.notificationFindings([]).map(\.isFine) == [true])
  }
}
