package import Money

/// The newest restore as far as it decides what may be sent.
package struct RestoreGate: Sendable, Hashable {
  package var isClosed: Bool
  /// When it was closed: what was sent before may have been followed by what the restore has lost.
  package var begunAt: Timestamp?

  package init(isClosed: Bool, begunAt: Timestamp?) {
    self.isClosed = isClosed
    self.begunAt = begunAt
  }

  /// Never restored.
  package static let open = RestoreGate(isClosed: false, begunAt: nil)

  /// Whether a payment request may be repeated under its key. Never while it is closed, and never
  /// of an attempt from before the restore: another gateway may have been asked after it, which
  /// nobody here remembers.
  package func mayRepeat(sentAt: Timestamp) -> Bool {
    !isClosed && begunAt.map { sentAt > $0 } ?? true
  }
}
