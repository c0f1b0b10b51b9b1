import Testing

@testable import Reactor

@Suite struct SocketAddressTests {
  @Test(arguments: [
    "127.0.0.1:80", "0.0.0.0:0", "255.255.255.255:65535", "[::1]:443", "[2001:db8::7]:1",
    "unix:/run/tender.sock",
  ])
  func readsWhatItPrints(text: String) {
    let address = SocketAddress(text)
    #expect(address?.description == text)
    #expect(address?.withSockaddr { SocketAddress($0, length: $1) } == address)
  }

  @Test(arguments: [
    "", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:65536", "127.0.0.1:-1", "127.0.0.1:+1",
    "127.1:80", "::1:80", "[127.0.0.1]:80", "localhost:80", "unix:", "[::1%lo]:1",
    "unix:/" + String(repeating: "a", count: 107),
  ])
  func refuses(text: String) {
    #expect(SocketAddress(text) == nil)
  }

  @Test func addressesAreNumbers() {
    #expect(IPAddress("127.0.0.1") == .v4(0x7F00_0001))
    #expect(IPAddress("::1") == .v6(high: 0, low: 1))
    #expect(IPAddress("2001:db8::")?.description == "2001:db8::")
  }
}
