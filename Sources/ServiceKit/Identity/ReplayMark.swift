import Synchronization

/// Whether this call's answer is a replay of a stored one.
package final class ReplayMark: Sendable {
  private let marked = Atomic<Bool>(false)

  package init() {}

  package func set() { marked.store(true, ordering: .relaxed) }
  package var isSet: Bool { marked.load(ordering: .relaxed) }
}
