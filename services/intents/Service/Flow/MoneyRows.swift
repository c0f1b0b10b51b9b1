import IntentsCore
import Money
import Wire

/// The rows that say what an intent's money did, as facts change them in memory: captures, and what
/// payers' banks took back. Every amount is a sum of them.
struct MoneyRows: Sendable {
  private(set) var captures: [CaptureRow]
  private(set) var returns: [ReturnRow]
  /// What has changed of them, to be written.
  private(set) var decided: [CaptureID] = []
  private(set) var taken: [ReturnRow] = []

  init(captures: [CaptureRow] = [], returns: [ReturnRow] = []) {
    self.captures = captures
    self.returns = returns
  }

  var capturedMinor: Int64 {
    captures.filter { $0.state == .captured }.reduce(0) { $0 + $1.amountMinor }
  }
  var returnedMinor: Int64 { returns.reduce(0) { $0 + $1.amountMinor } }

  /// When money was taken last: until when it can come back counts from there.
  var capturedAt: Timestamp? {
    captures.filter { $0.state == .captured }.compactMap(\.decidedAt).max()
  }

  func isCaptured(_ id: CaptureID) -> Bool {
    captures.contains { $0.id == id && $0.state == .captured }
  }

  /// A capture that nobody here asked for gets its row all the same.
  mutating func decide(
    _ id: CaptureID, of operation: OperationID, _ state: CaptureRow.State, amountMinor: Int64,
    at now: Timestamp
  ) {
    let row = CaptureRow(
      id: id, operation: operation, amountMinor: amountMinor, state: state, decidedAt: now)
    if let index = captures.firstIndex(where: { $0.id == id }) {
      captures[index] = row
    } else {
      captures.append(row)
    }
    if !decided.contains(id) { decided.append(id) }
  }

  /// The operation is over: what was asked of it and never done will not be done by another.
  mutating func dropAsked(of operation: OperationID, at now: Timestamp) {
    for row in captures where row.operation == operation && row.state == .asked {
      decide(row.id, of: operation, .failed, amountMinor: row.amountMinor, at: now)
    }
  }

  /// - Returns: false when this movement was told before.
  mutating func take(_ row: ReturnRow) -> Bool {
    guard !returns.contains(where: { $0.movement == row.movement }) else { return false }
    returns.append(row)
    taken.append(row)
    return true
  }

  /// The rows of `decided`.
  var changedCaptures: [CaptureRow] { captures.filter { decided.contains($0.id) } }
}
