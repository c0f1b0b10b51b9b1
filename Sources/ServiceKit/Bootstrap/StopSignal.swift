import CProcess
import Glibc
import Reactor

/// SIGTERM and SIGINT end the process, SIGHUP reloads. Touched only on the loop.
final class StopSignal: @unchecked Sendable {
  private var isRaised = false
  private var waiter: CheckedContinuation<Void, Never>?
  private var onReload: (() -> Void)?
  private var registration: Registration?

  func watch(_ descriptor: Int32, on loop: EventLoop) {
    guard descriptor >= 0 else { return }
    registration = try? loop.add(fd: descriptor, .read) { [self] _ in
      while true {
        let signal = tender_signal_next(descriptor)
        if signal == 0 { return }
        if signal == SIGHUP { onReload?() } else { raise() }
      }
    }
  }

  func raise() {
    isRaised = true
    waiter?.resume()
    waiter = nil
  }

  func wait(reload: @escaping () -> Void) async {
    onReload = reload
    guard !isRaised else { return }
    await withCheckedContinuation { waiter = $0 }
  }
}
