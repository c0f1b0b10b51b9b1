import CLinux
import Glibc

/// A place for a registration. The generation tells an event that was read before a removal from
/// one of the place's next user.
struct Slot {
  static let wakeupToken = UInt64.max

  var registration: Registration?
  var generation: UInt32 = 0

  func token(index: Int) -> UInt64 { UInt64(generation) << 32 | UInt64(UInt32(index)) }
}

extension EventLoop {
  /// Watches a descriptor, on the loop only. Level-triggered. The handler may remove this or any
  /// other registration.
  /// - Throws: `LoopError.stopped`; `.system` (EBADF, EPERM for files, ENOSPC, ENOMEM).
  package func add(
    fd: Int32, _ interest: Interest, _ handler: @escaping (Readiness) -> Void
  ) throws(LoopError) -> Registration {
    preconditionCurrent()
    guard epoll >= 0 else { throw .stopped }
    let index = freeSlots.last ?? slots.count
    let generation = index < slots.count ? slots[index].generation : 0
    let registration = Registration(
      fd: fd, interest: interest, slot: index, loop: self, handler: handler)
    let slot = Slot(registration: registration, generation: generation)
    if !interest.isEmpty {
      let token = slot.token(index: index)
      guard tender_epoll_set(epoll, fd, interest.rawValue, token, false) == 0 else {
        throw .system(call: "epoll_ctl", errno: errno)
      }
    }
    if index < slots.count {
      freeSlots.removeLast()
      slots[index] = slot
    } else {
      slots.append(slot)
    }
    return registration
  }

  func update(_ registration: Registration, _ interest: Interest) throws(LoopError) {
    preconditionCurrent()
    guard epoll >= 0 else { throw .stopped }
    if interest.isEmpty {
      tender_epoll_remove(epoll, registration.fd)
    } else {
      let token = slots[registration.slot].token(index: registration.slot)
      let known = !registration.interest.isEmpty
      guard tender_epoll_set(epoll, registration.fd, interest.rawValue, token, known) == 0 else {
        throw .system(call: "epoll_ctl", errno: errno)
      }
    }
    registration.interest = interest
  }

  func remove(_ registration: Registration) {
    preconditionCurrent()
    let index = registration.slot
    guard index < slots.count, slots[index].registration === registration else { return }
    slots[index].registration = nil
    slots[index].generation &+= 1
    freeSlots.append(index)
    if epoll >= 0, !registration.interest.isEmpty { tender_epoll_remove(epoll, registration.fd) }
  }

  func registration(for token: UInt64) -> Registration? {
    let index = Int(token & 0xFFFF_FFFF)
    guard index < slots.count, slots[index].generation == UInt32(token >> 32) else { return nil }
    return slots[index].registration
  }
}
