import Reactor
import Testing

@testable import Outbound

@Suite struct AddressPolicyTests {
  @Test(arguments: [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.9.9.9",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.1.1.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:8.8.8.8", "::8.8.8.8",
    "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1", "2001::1", "2001:10::1", "2001:db8::1",
    "2002:7f00:1::", "3fff::1", "4000::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fec0::1",
    "ff02::1",
  ])
  func denied(text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(AddressPolicy.publicOnly.denial(of: address) != nil)
  }

  @Test(arguments: [
    "1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1",
    "192.167.0.1", "223.255.255.255", "2606:4700::1111", "2a00:1450:4001::1",
    "2001:4860:4860::8888",
  ])
  func allowed(text: String) throws {
    let address = try #require(IPAddress(text))
    #expect(AddressPolicy.publicOnly.denial(of: address) == nil)
  }

  @Test func everyRuleIsRead() {
    for (text, _) in AddressPolicy.deniedV4Table + AddressPolicy.deniedV6Table {
      #expect(Network(text) != nil, "\(text)")
    }
  }

  @Test(arguments: ["10.0.0.0", "10.0.0.0/33", "10.0.0.1/8", "::/129", "a/8", "10.0.0.0/+8", "/8"])
  func refusesTheNetwork(text: String) {
    #expect(Network(text) == nil)
  }

  @Test func theAllowListOpensOneNetworkOnly() throws {
    let policy = AddressPolicy(allowed: [try #require(Network("127.0.0.0/8"))])
    #expect(policy.denial(of: try #require(IPAddress("127.0.0.1"))) == nil)
    #expect(policy.denial(of: try #require(IPAddress("10.0.0.1"))) != nil)
    #expect(policy.denial(of: try #require(IPAddress("::ffff:127.0.0.1"))) != nil)
  }

  @Test func aDeniedAddressIsNotDialled() async throws {
    let server = try RawServer([[.answer(okay)]])
    defer { server.stop() }
    let port = server.address.port ?? 0
    let hosts = [
      "rebound.test", "127.0.0.1", "2130706433", "0x7f.1", "0177.0.0.1", "127.1",
      "[::ffff:127.0.0.1]", "[::1]",
    ]
    try await withClient(names: ["rebound.test": ["127.0.0.1"]]) { harness in
      for host in hosts {
        let report = await harness.client.send(
          OutboundRequest(
            .post, "http://\(host):\(port)/", body: [1], timeout: .seconds(60),
            addressPolicy: .publicOnly))
        #expect(report.sendProof == .notSent(.addressDenied), "\(host)")
      }
      #expect(server.connections == 0)
    }
  }

  @Test func onlyTheAllowedAddressesOfAHostAreDialled() async throws {
    let server = try RawServer([[.answer(okay)]])
    defer { server.stop() }
    let policy = AddressPolicy(allowed: [try #require(Network("127.0.0.1/32"))])
    let names = ["both.test": ["127.0.0.2", "127.0.0.1"]]
    try await withClient(names: names) { harness in
      let report = await harness.client.send(
        OutboundRequest(
          .post, "http://both.test:\(server.address.port ?? 0)/", body: [1], timeout: .seconds(60),
          addressPolicy: policy))
      #expect(report.sendProof == .answered(status: 200))
      #expect(report.connectionsMade == 1)
    }
  }
}
