import Glibc

/// Sends all bytes on a blocking socket; false when the peer has hung up.
func sendAll(_ fd: Int32, _ bytes: [UInt8]) -> Bool {
  var sent = 0
  while sent < bytes.count {
    let count = bytes[sent...].withUnsafeBytes {
      send(fd, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
    }
    guard count > 0 else { return false }
    sent += count
  }
  return true
}

/// Reads until the peer hangs up; false when the socket's time-out passes first.
func readsEnd(_ fd: Int32) -> Bool {
  var buffer = [UInt8](repeating: 0, count: 4096)
  while true {
    let count = recv(fd, &buffer, buffer.count, 0)
    if count == 0 { return true }
    if count < 0 { return errno == ECONNRESET }
  }
}
