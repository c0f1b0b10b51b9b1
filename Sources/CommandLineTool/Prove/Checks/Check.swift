/// One thing that must not be, seen all the same.
struct Violation: Sendable, Equatable, Codable {
  let check: String
  /// Ids of what it is about.
  let subject: String
  let found: String
  let expected: String

  var line: String { "\(check): \(subject): \(found); expected \(expected)" }
}

/// One promise, judged over the evidence of a seed.
struct Check: Sendable {
  struct Finding: Sendable {
    let subject: String
    let found: String
    let expected: String

    init(_ subject: String, _ found: String, expected: String) {
      (self.subject, self.found, self.expected) = (subject, found, expected)
    }
  }

  let name: String
  /// Its number in the list of invariants; 0 for one that is beside it.
  let invariant: Int
  /// What holds where it finds nothing, in words.
  let proves: String
  let judge: @Sendable (Evidence) -> [Finding]

  init(
    _ name: String, invariant: Int, _ proves: String,
    _ judge: @escaping @Sendable (Evidence) -> [Finding]
  ) {
    (self.name, self.invariant, self.proves, self.judge) = (name, invariant, proves, judge)
  }

  static let all: [Check] = money + answers + books + refunds + states + order + events

  static func violations(in evidence: Evidence) -> [Violation] {
    all.flatMap { check in
      check.judge(evidence).map {
        Violation(
          check: check.name, subject: $0.subject, found: $0.found, expected: $0.expected)
      }
    }
  }
}

extension Evidence {
  func charges(of intent: String) -> [GatewayCharge] { charges.filter { $0.intent == intent } }
}
