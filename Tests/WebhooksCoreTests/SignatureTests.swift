import Money
import Seal
import Testing

@testable import WebhooksCore

struct SignatureTests {
  /// The vector that the libraries of Standard Webhooks are tested with.
  @Test func publishedVector() throws {
    let secret = try #require(EndpointSecret(text: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    let signature = StandardWebhooks.signature(
      id: "msg_p5jXN8AQM9LWM0D4loKWxJek", timestamp: 1_614_265_330,
      body: Array(#"{"test": 2432232314}"#.utf8), secret: secret)
    #expect(signature == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
  }

  @Test func secretsAreReadStrictly() throws {
    let secret = try EndpointSecret.make()
    #expect(secret.key.count == 32)
    #expect(EndpointSecret(text: secret.text)?.text == secret.text)
    #expect(EndpointSecret(text: "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw") == nil)
    #expect(EndpointSecret(text: "whsec_AAAA") == nil)
    #expect(EndpointSecret(text: "whsec_not base 64 but long enough to be one") == nil)
    #expect(!"\(secret)".contains("whsec_"))
  }

  @Test func severalSecretsSignInOneHeader() throws {
    let secrets = [try EndpointSecret.make(), try EndpointSecret.make()]
    let header = StandardWebhooks.signatures(id: "evt_a", timestamp: 1, body: [1], secrets: secrets)
    let parts = header.split(separator: " ")
    #expect(parts.count == 2 && parts.allSatisfy { $0.hasPrefix("v1,") } && parts[0] != parts[1])
  }

  @Test func aSealedSecretOpensInItsRowOnly() throws {
    let first = try #require(SealingKey(key: .random(count: 32)))
    let second = try #require(SealingKey(key: .random(count: 32)))
    let place = SealingKeys.Place(
      merchant: MerchantID(bits: 2), endpoint: EndpointID(bits: 3), secret: 4)
    let secret = try EndpointSecret.make()
    let sealed = try SealingKeys(first).seal(secret, at: place)
    #expect(SealingKeys(second, others: [first]).open(sealed, at: place)?.text == secret.text)
    #expect(SealingKeys(second).open(sealed, at: place) == nil)
    let others: [SealingKeys.Place] = [
      .init(merchant: MerchantID(bits: 4), endpoint: EndpointID(bits: 3), secret: 4),
      .init(merchant: MerchantID(bits: 2), endpoint: EndpointID(bits: 5), secret: 4),
      .init(merchant: MerchantID(bits: 2), endpoint: EndpointID(bits: 3), secret: 5),
    ]
    for other in others { #expect(SealingKeys(first).open(sealed, at: other) == nil) }
  }

  @Test(arguments: [
    ("", false), ("# only words\n", false), (String(repeating: "ab", count: 32), true),
    (String(repeating: "ab", count: 31), false), (String(repeating: "xy", count: 32), false),
    ("# two\n" + String(repeating: "ab", count: 32) + "\r\n" + String(repeating: "cd", count: 32), true),
  ])
  func keyFiles(_ text: String, _ isGood: Bool) {
    #expect((SealingKeys(fileText: text) != nil) == isGood)
  }
}

struct BodyTests {
  @Test func theBodyIsExact() {
    let id = EventID(bits: 7)
    let bytes = EventBody.bytes(
      type: "payment_intent.succeeded", id: id, createdAt: Timestamp(seconds: 1_768_478_400),
      sequence: 12, livemode: false, objectJSON: #"{"id":"pi_x","amount":1.50}"#)
    #expect(
      String(decoding: bytes, as: UTF8.self)
        == #"{"type":"payment_intent.succeeded","id":"\#(id)","created":1768478400,"#
        + #""sequence":12,"livemode":false,"data":{"object":{"id":"pi_x","amount":1.50}}}"#)
    #expect(JSONCheck.isObject(String(decoding: bytes, as: UTF8.self)))
  }

  @Test(arguments: [
    ("{}", true), (#" {"a":[1,-2.5e+3,true,false,null,"x\u00e9\n"]} "#, true), ("[]", false),
    ("", false), ("{", false), ("{}{}", false), (#"{"a":01}"#, false), (#"{"a":1,}"#, false),
    (#"{"a"}"#, false), (#"{"a":"\x"}"#, false), ("{\"a\":\"\n\"}", false), (#"{"a":nul}"#, false),
    (#"{"a":-}"#, false), (#"{"a":1.}"#, false),
    (String(repeating: #"{"a":"#, count: 40) + "1" + String(repeating: "}", count: 40), false),
  ])
  func jsonIsChecked(_ text: String, _ isObject: Bool) {
    #expect(JSONCheck.isObject(text) == isObject)
  }

  @Test(arguments: [
    (200, "abc", true), (200, " {\n \"challenge\" : \"abc\" }\n", true), (204, "abc", false),
    (200, "abcd", false), (200, "", false), (302, "abc", false),
    (200, #"{"challenge":"other"}"#, false),
  ])
  func challengeAnswers(_ status: Int, _ body: String, _ isAnswered: Bool) {
    #expect(
      Challenge.isAnswered(status: status, body: Array(body.utf8), value: "abc") == isAnswered)
  }
}
