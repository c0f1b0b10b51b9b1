import GRPCCore
import Testing

@testable import Transport

struct CodingTests {
  @Test(arguments: [
    ("1n", 1), ("1u", 1000), ("5m", 5_000_000), ("2S", 2_000_000_000), ("99999999n", 99_999_999),
    ("1M", 60_000_000_000), ("24H", 86_400_000_000_000), ("99999999H", 86_400_000_000_000),
    ("0S", 0), ("", nil), ("1", nil), ("S", nil), ("-1S", nil), ("1s", nil), ("123456789S", nil),
    ("1.5S", nil), ("१S", nil),
  ] as [(String, Int64?)])
  func timeoutsAreParsed(_ text: String, _ nanoseconds: Int64?) {
    #expect(GRPCTimeout.parse(Array(text.utf8)) == nanoseconds)
  }

  @Test(arguments: [
    (0, "0n"), (-5, "0n"), (99_999_999, "99999999n"), (100_000_000, "100000u"),
    (100_000_001, "100001u"), (3_600_000_000_000, "3600000m"), (.max, "9223372037S"),
  ] as [(Int64, String)])
  func timeoutsAreFormatted(_ nanoseconds: Int64, _ text: String) {
    let formatted = GRPCTimeout.format(nanoseconds: nanoseconds)
    if nanoseconds == .max {
      #expect(formatted.utf8.count <= 9)
    } else {
      #expect(formatted == text)
    }
  }

  @Test func aFormattedTimeoutIsNeverShorter() {
    var generator = SystemRandomNumberGenerator()
    let seed = UInt64.random(in: 0...(.max), using: &generator)
    for step in 0..<1000 {
      let value = Int64((seed &* UInt64(step + 1)) % 80_000_000_000_000)
      let parsed = GRPCTimeout.parse(Array(GRPCTimeout.format(nanoseconds: value).utf8))
      #expect(parsed.map { $0 >= value } == true, "seed \(seed), value \(value)")
    }
  }

  @Test(arguments: ["", "plain", "100 %", "ünïcode\n", "%41 stays", "tab\t", "~ !"])
  func percentEncodingRoundTrips(_ text: String) {
    let encoded = PercentEncoding.encode(text)
    #expect(encoded.allSatisfy { $0 >= 0x20 && $0 <= 0x7E })
    #expect(PercentEncoding.decode(encoded) == text)
  }

  @Test(arguments: [("%", "%"), ("%4", "%4"), ("%zz", "%zz"), ("%41", "A"), ("a%", "a%")])
  func malformedEscapesStandForThemselves(_ encoded: String, _ text: String) {
    #expect(PercentEncoding.decode(encoded.utf8) == text)
  }

  @Test func base64RoundTripsWithAndWithoutPadding() {
    for size in 0..<50 {
      let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 200) }
      let encoded = BinaryHeader.encode(bytes)
      #expect(BinaryHeader.decode(encoded) == bytes)
      let padding = [UInt8](repeating: UInt8(ascii: "="), count: (4 - encoded.count % 4) % 4)
      #expect(BinaryHeader.decode(encoded + padding) == bytes)
    }
  }

  @Test(arguments: ["a", "ab=", "=", "====", "a b", "ab-_", "abc=d"])
  func malformedBase64IsRefused(_ text: String) {
    #expect(BinaryHeader.decode(Array(text.utf8)) == nil)
  }

  @Test(arguments: [
    ("0", 0), ("16", 16), ("5", 5), ("17", 2), ("", 2), ("-1", 2), ("a", 2), ("001", 2),
    ("99999999999999999999999999999999", 2), ("9223372036854775808", 2),
  ])
  func statusesOfAnyLengthAreRead(_ text: String, _ code: Int) {
    #expect(StatusCoding.parse(Array(text.utf8)).rawValue == code)
  }

  @Test func messagesAreCutFromAnyChunks() throws {
    let seed = UInt64.random(in: 1...(.max))
    var state = seed
    func random(_ bound: Int) -> Int {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Int((state >> 33) % UInt64(bound))
    }
    for _ in 0..<200 {
      let messages = (0..<random(6)).map { _ in [UInt8](repeating: UInt8(random(256)), count: random(300)) }
      var buffer = OutboundBuffer()
      for message in messages { buffer.append(message: message) }
      var deframer = MessageDeframer(limit: 300)
      var received: [[UInt8]] = []
      var chunk = [UInt8](repeating: 0, count: 64)
      while !buffer.isEmpty {
        let size = 1 + random(64)
        let taken = chunk.withUnsafeMutableBytes {
          buffer.take(into: UnsafeMutableRawBufferPointer(rebasing: $0[..<size]))
        }
        try chunk[..<taken].withUnsafeBytes { try deframer.append($0) { received.append($0) } }
      }
      #expect(received == messages, "seed \(seed)")
      #expect(deframer.isBetweenMessages)
    }
  }

  @Test(arguments: [
    ("spiffe://tender/service/ledger", PeerIdentity.service("ledger")),
    ("spiffe://tender/merchant/mt_ab/pos-1", .merchant(id: "mt_ab", client: "pos-1")),
    ("spiffe://tender/operator/ada", .operator("ada")), ("spiffe://tender/auditor/k", .auditor("k")),
    ("spiffe://tender/service/", nil), ("spiffe://tender/service/a/", nil),
    ("spiffe://tender/service/..", nil), ("spiffe://tender/service/a%2Fb", nil),
    ("SPIFFE://tender/service/a", nil), ("spiffe://tender/service/a\u{0}b", nil), ("", nil),
    ("spiffe://tender/merchant/a", nil), ("spiffe://tender.evil/service/a", nil),
  ] as [(String, PeerIdentity?)])
  func identitiesAreRead(_ uri: String, _ identity: PeerIdentity?) {
    #expect(PeerIdentity(uri: uri) == identity)
    if let identity { #expect(identity.uri == uri) }
  }
}
