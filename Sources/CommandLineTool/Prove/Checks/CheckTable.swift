/// Which check proves which invariant, for people and programs.
enum CheckTable {
  struct Row: Encodable, Sendable, Equatable {
    /// 0 for a promise beside the numbered ones.
    let invariant: Int
    let check: String
    let proves: String

    /// The numbered ones first.
    fileprivate var order: Int { invariant == 0 ? .max : invariant }
  }

  static var rows: [Row] {
    Check.all.map { Row(invariant: $0.invariant, check: $0.name, proves: $0.proves) }
      .sorted { $0.order < $1.order }
  }

  static var lines: [String] {
    Table.lines(
      ["invariant", "check", "proves"],
      rows.map { [$0.invariant == 0 ? "" : "\($0.invariant)", $0.check, $0.proves] })
  }
}
