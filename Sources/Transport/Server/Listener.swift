internal import Glibc
internal import Reactor

/// A socket could not be made or used. `errno` tells why.
package struct SocketError: Error, Hashable, CustomStringConvertible {
  package let call: String
  package let errno: Int32

  package var description: String { "\(call) failed (error \(errno))" }
}

/// Non-blocking sockets.
enum Socket {
  static let backlog: Int32 = 1024

  /// - Throws: `SocketError`.
  static func listen(at address: SocketAddress) throws(SocketError) -> Int32 {
    let fd = try open(address.family)
    var isOn: Int32 = 1
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<Int32>.size))
    if case .unix(let path) = address { unlink(path) }
    guard address.withSockaddr({ Glibc.bind(fd, $0, $1) }) == 0 else {
      throw failure("bind", closing: fd)
    }
    guard Glibc.listen(fd, backlog) == 0 else { throw failure("listen", closing: fd) }
    return fd
  }

  /// Starts to connect; the socket becomes writable when that has ended.
  /// - Throws: `SocketError`.
  static func connect(to address: SocketAddress) throws(SocketError) -> Int32 {
    let fd = try open(address.family)
    setNoDelay(fd, address)
    guard address.withSockaddr({ Glibc.connect(fd, $0, $1) }) == 0 || errno == EINPROGRESS else {
      throw failure("connect", closing: fd)
    }
    return fd
  }

  enum Accepted {
    case socket(Int32, SocketAddress?)
    /// Nobody waits.
    case none
    /// The process or the system has no descriptors left.
    case exhausted
  }

  static func accept(_ listener: Int32) -> Accepted {
    while true {
      let fd = Glibc.accept(listener, nil, nil)
      if fd >= 0 {
        guard fcntl(fd, F_SETFL, O_NONBLOCK) == 0, fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 else {
          close(fd)
          continue
        }
        let address = SocketAddress.peer(of: fd)
        setNoDelay(fd, address)
        return .socket(fd, address)
      }
      switch errno {
      case EINTR, ECONNABORTED: continue
      case EMFILE, ENFILE, ENOBUFS, ENOMEM: return .exhausted
      default: return .none
      }
    }
  }

  private static func open(_ family: Int32) throws(SocketError) -> Int32 {
    let type =
      Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let fd = socket(family, type, 0)
    guard fd >= 0 else { throw SocketError(call: "socket", errno: errno) }
    return fd
  }

  private static func setNoDelay(_ fd: Int32, _ address: SocketAddress?) {
    guard address?.ip != nil else { return }
    var isOn: Int32 = 1
    setsockopt(fd, Int32(IPPROTO_TCP), TCP_NODELAY, &isOn, socklen_t(MemoryLayout<Int32>.size))
  }

  private static func failure(_ call: String, closing fd: Int32) -> SocketError {
    let error = SocketError(call: call, errno: errno)
    close(fd)
    return error
  }
}
