import CLinux

/// What a descriptor is ready for, or what its owner wants to hear of. A hang-up or an error shows
/// as both, whatever was asked for: the next read or write tells which.
package struct Readiness: OptionSet, Sendable, Hashable {
  package let rawValue: UInt32

  package init(rawValue: UInt32) {
    self.rawValue = rawValue
  }

  package static let read = Readiness(rawValue: UInt32(tender_event_read))
  package static let write = Readiness(rawValue: UInt32(tender_event_write))
}

package typealias Interest = Readiness

/// A watched descriptor. Touch it only on its loop. The owner closes the descriptor, after
/// `remove()`.
package final class Registration: @unchecked Sendable {
  package let fd: Int32
  package internal(set) var interest: Interest
  let slot: Int
  var handler: ((Readiness) -> Void)?
  weak var loop: EventLoop?

  init(
    fd: Int32, interest: Interest, slot: Int, loop: EventLoop,
    handler: @escaping (Readiness) -> Void
  ) {
    self.fd = fd
    self.interest = interest
    self.slot = slot
    self.loop = loop
    self.handler = handler
  }

  /// Changes what is watched; level-triggered, so what is already true is reported next turn. With
  /// an empty interest nothing is reported, not even a hang-up.
  /// - Throws: `LoopError.system` (the descriptor is closed); `.removed`.
  package func update(_ interest: Interest) throws(LoopError) {
    guard interest != self.interest else { return }
    guard handler != nil, let loop else { throw .removed }
    try loop.update(self, interest)
  }

  /// The handler is not called again, even if an event was already read. Idempotent.
  package func remove() {
    guard handler != nil else { return }
    handler = nil
    loop?.remove(self)
  }
}

package enum LoopError: Error, Sendable, Hashable {
  /// The loop was shut down, or not started.
  case stopped
  /// The registration was removed before.
  case removed
  /// A system call failed.
  case system(call: String, errno: Int32)
}
