package import Money

/// The newest restore as far as it decides what may be sent.
package struct RestoreGate: Sendable, Hashable {
  package var isClosed: Bool
  /// When it was closed: what was sent before may have been followed by what the restore has lost.
  package var begunAt: Timestamp?
  /// A list is not read to its end, or something that was found holds its payment.
  package var mayHold: Bool

  package init(isClosed: Bool, begunAt: Timestamp?, mayHold: Bool = false) {
    self.isClosed = isClosed
    self.begunAt = begunAt
    self.mayHold = mayHold
  }

  /// Never restored.
  package static let open = RestoreGate(isClosed: false, begunAt: nil)

  /// Whether what was done then may have been followed by what the newest restore has lost.
  package func mayHaveLost(after time: Timestamp) -> Bool { begunAt.map { time <= $0 } ?? false }

  /// Whether a payment request may be repeated under its key. Never while it is closed, and never
  /// of an attempt from before the restore: another gateway may have been asked after it, which
  /// nobody here remembers.
  package func mayRepeat(sentAt: Timestamp) -> Bool {
    !isClosed && begunAt.map { sentAt > $0 } ?? true
  }
}
