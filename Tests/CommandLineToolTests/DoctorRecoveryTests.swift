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
    let findings = Doctor.findings(Self.families([:]))
    #expect(findings.map(\.isFine) == [true] && findings[0].detail == "nothing is open")
  }

  @Test func whatIsYoungIsShownAndFine() {
    let findings = Doctor.findings(
      Self.families(["attempts_unknown": (2, 30), "reversals_pending": (1, 75)]))
    #expect(findings.map(\.isFine) == [true])
    #expect(
      findings[0].detail
        == "2 attempts unknown, the oldest 30 s; 1 reversals pending, the oldest 75 s")
  }

  @Test func whatIsOldOrUnprovenIsWrong() {
    let findings = Doctor.findings(
      Self.families(["captures_pending": (1, 3_600), "unproven": (1, 0), "refunds_pending": (3, 60)]))
    #expect(findings.map(\.isFine) == [false, false])
    #expect(findings.map(\.nextStep) == ["see the alerts below", "see tender recovery list"])
  }

  /// What the checks of gateways and notifications say is not said again.
  @Test func anAlertIsToldOnce() {
    let kinds = ["gateway_override", "notification_parked", "reversal_unproven"]
    let findings = Doctor.findings(kinds.map { CommonV1.Alert(severity: .critical, kind: $0) })
    #expect(findings.map(\.check) == ["reversal_unproven"])
  }
}
