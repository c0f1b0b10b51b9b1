import Money
import Seal
import Testing
import VaultCore

@Suite struct KeyFileTests {
  static let first = String(repeating: "0a", count: 32)
  static let second = String(repeating: "B7", count: 32)

  @Test(
    arguments: [
      (0o100_600, 10, 10, nil), (0o100_400, 0, 10, nil), (0o100_600, 0, 0, nil),
      (0o040_700, 10, 10, .notARegularFile), (0o120_777, 10, 10, .notARegularFile),
      (0o100_640, 10, 10, .readableByOthers(mode: 0o640)),
      (0o100_604, 10, 10, .readableByOthers(mode: 0o604)),
      (0o100_610, 10, 10, .readableByOthers(mode: 0o610)),
      (0o100_644, 11, 10, .readableByOthers(mode: 0o644)),
      (0o100_600, 11, 10, .foreignOwner), (0o100_600, 10, 0, .foreignOwner),
    ] as [(UInt32, UInt32, UInt32, KeyFileError?)]
  )
  func access(_ mode: UInt32, _ owner: UInt32, _ user: UInt32, _ expected: KeyFileError?) {
    do throws(KeyFileError) {
      try KeyFile.checkAccess(mode: mode, owner: owner, user: user)
      #expect(expected == nil)
    } catch {
      #expect(error == expected)
    }
  }

  @Test func theFirstKeyWraps() throws {
    let keys = try KeyFile.parse("# keys\n\n  \(Self.first)\r\n\(Self.second)\n")
    #expect(keys.count == 2)
    #expect(keys[0].key.copyBytes() == Array(repeating: 0x0A, count: 32))
    #expect(keys[0].id != keys[1].id && keys[0].id.count == 16)
    #expect(!Self.first.contains(keys[0].id))
  }

  @Test(
    arguments: [
      ("", .empty), ("# nothing\n", .empty), ("0a0a", .malformed(line: 1)),
      ("\(first)\nnot hex", .malformed(line: 2)), ("\(first)00", .malformed(line: 1)),
      ("\(first)\n\(first)", .duplicate(line: 2)),
      (String(repeating: "#", count: 4_097), .tooLarge),
      (
        (0..<9).map { String(repeating: "0\($0)", count: 32) }.joined(separator: "\n"), .tooManyKeys
      ),
    ] as [(String, KeyFileError)]
  )
  func malformed(_ text: String, _ expected: KeyFileError) {
    do throws(KeyFileError) {
      _ = try KeyFile.parse(text)
      Issue.record("parsed")
    } catch {
      #expect(error == expected)
      #expect(!error.description.contains("0a0a"))
    }
  }
}

@Suite struct MethodRulesTests {
  struct Row: Sendable, CustomTestStringConvertible {
    var name: String
    var type: MethodType? = .card
    var gateways = ["stripe"]
    var card = CardDescription()
    var alias = ""
    var expected: RegistrationRefusal?
    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(name: "bare"),
    Row(name: "two gateways", gateways: ["stripe", "adyen"]),
    Row(
      name: "everything",
      card: CardDescription(
        brand: "visa",
        last4: "4242",
        expiryMonth: 12,
        expiryYear: 2030,
        country: "DE"
      ),
      alias: "card_visa"
    ),
    Row(name: "sepa", type: .sepaDebit, gateways: ["adyen"]),
    Row(name: "no type", type: nil, gateways: [], expected: .typeRequired),
    Row(name: "no reference", gateways: [], expected: .referenceRequired),
    Row(name: "another gateway", gateways: ["paypal"], expected: .gatewayUnknown),
    Row(name: "capitals", gateways: ["Stripe"], expected: .gatewayUnknown),
    Row(name: "twice", gateways: ["stripe", "stripe"], expected: .gatewayDuplicate),
    Row(name: "three digits", card: CardDescription(last4: "424"), expected: .last4Invalid),
    Row(name: "letters", card: CardDescription(last4: "42a2"), expected: .last4Invalid),
    Row(name: "full-width", card: CardDescription(last4: "４２４２"), expected: .last4Invalid),
    Row(name: "month alone", card: CardDescription(expiryMonth: 5), expected: .expiryInvalid),
    Row(name: "year alone", card: CardDescription(expiryYear: 2030), expected: .expiryInvalid),
    Row(
      name: "month 13",
      card: CardDescription(expiryMonth: 13, expiryYear: 2030),
      expected: .expiryInvalid
    ),
    Row(
      name: "year 30",
      card: CardDescription(expiryMonth: 1, expiryYear: 30),
      expected: .expiryInvalid
    ),
    Row(name: "brand", card: CardDescription(brand: "vi<sa"), expected: .brandInvalid),
    Row(name: "country", card: CardDescription(country: "de"), expected: .countryInvalid),
    Row(name: "alias with a space", alias: "card visa", expected: .aliasInvalid),
    Row(name: "alias like an id", alias: "tok_abc", expected: .aliasInvalid),
    Row(name: "long alias", alias: String(repeating: "a", count: 65), expected: .aliasInvalid),
    Row(
      name: "precedence",
      gateways: ["paypal"],
      card: CardDescription(last4: "1"),
      alias: " ",
      expected: .gatewayUnknown
    ),
  ]

  @Test(arguments: rows) func check(_ row: Row) {
    do throws(RegistrationRefusal) {
      let gateways = try MethodRules.check(
        type: row.type,
        gateways: row.gateways,
        card: row.card,
        alias: row.alias
      )
      #expect(row.expected == nil)
      #expect(gateways.map(\.rawValue) == row.gateways)
    } catch {
      #expect(error == row.expected)
    }
  }

  @Test func fingerprintsAreKeyedPerMerchant() throws {
    let (mine, yours) = (try Envelope.makeKey(), try Envelope.makeKey())
    let card = MethodRules.fingerprint(of: "Xt5EWLLDS7FJjR1c", key: mine)
    #expect(card?.count == 32)
    #expect(card == MethodRules.fingerprint(of: "Xt5EWLLDS7FJjR1c", key: mine))
    #expect(card != MethodRules.fingerprint(of: "Xt5EWLLDS7FJjR1c", key: yours))
    #expect(card != MethodRules.fingerprint(of: "Xt5EWLLDS7FJjR1d", key: mine))
    #expect(MethodRules.fingerprint(of: "", key: mine) == nil)
  }
}
