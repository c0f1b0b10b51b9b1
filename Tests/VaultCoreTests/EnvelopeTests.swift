import Money
import Seal
import Testing
import VaultCore

@Suite struct EnvelopeTests {
  let merchant = MerchantID(bits: 2)
  let token = PaymentMethodID(bits: 11)

  func place(
    merchant: UInt128 = 2,
    token: UInt128 = 11,
    column: String = "reference:stripe",
    version: Int32 = 1
  ) -> SealedPlace {
    SealedPlace(
      merchant: MerchantID(bits: merchant),
      paymentMethod: PaymentMethodID(bits: token),
      column: column,
      keyVersion: version
    )
  }

  @Test func opensOnlyWhereItWasSealed() throws {
    let key = try Envelope.makeKey()
    let clear = ClearReference(reference: "pm_1Nabcdefgh", customerReference: "cus_x")
    let sealed = try Envelope.seal(clear.plaintext, at: place(), with: key)
    #expect(try ClearReference(plaintext: Envelope.open(sealed, at: place(), with: key)) == clear)
    for other in [
      place(merchant: 4), place(token: 12), place(column: "reference:adyen"), place(version: 2),
    ] {
      #expect(throws: SealError.notAuthentic) { try Envelope.open(sealed, at: other, with: key) }
    }
    let foreign = try Envelope.makeKey()
    #expect(throws: SealError.notAuthentic) {
      try Envelope.open(sealed, at: place(), with: foreign)
    }
  }

  @Test func everyChangedByteIsNoticed() throws {
    let key = try Envelope.makeKey()
    let clear = ClearReference(reference: "pm_1", customerReference: "")
    let sealed = try Envelope.seal(clear.plaintext, at: place(), with: key)
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      #expect(throws: SealError.notAuthentic) {
        try Envelope.open(changed, at: place(), with: key)
      }
    }
    #expect(throws: SealError.wrongSize) {
      try Envelope.open(Array(sealed.prefix(27)), at: place(), with: key)
    }
  }

  @Test func sealingTwiceGivesDifferentBytes() throws {
    let key = try Envelope.makeKey()
    let clear = ClearReference(reference: "pm_1", customerReference: "")
    let sealed = try (0..<100).map { _ in
      try Envelope.seal(clear.plaintext, at: place(), with: key)
    }
    #expect(Set(sealed).count == sealed.count)
  }

  @Test func aDataKeyUnwrapsOnlyUnderItsNameAndItsWrappingKey() throws {
    let wrapping = try KeyEncryptionKey(key: .random(count: 32))
    let other = try KeyEncryptionKey(key: .random(count: 32))
    let name = KeyName(merchant: merchant, purpose: .data, version: 3)
    let key = try Envelope.makeKey()
    let wrapped = try Envelope.wrap(key, as: name, with: wrapping)
    #expect(wrapped.count == 60)
    #expect(ConstantTime.equals(try Envelope.unwrap(wrapped, as: name, with: wrapping), key))
    for wrong in [
      KeyName(merchant: MerchantID(bits: 4), purpose: .data, version: 3),
      KeyName(merchant: merchant, purpose: .fingerprint, version: 3),
      KeyName(merchant: merchant, purpose: .data, version: 4),
    ] {
      #expect(throws: SealError.notAuthentic) {
        try Envelope.unwrap(wrapped, as: wrong, with: wrapping)
      }
    }
    #expect(throws: SealError.notAuthentic) {
      try Envelope.unwrap(wrapped, as: name, with: other)
    }
  }

  @Test(arguments: [
    ("", ""), ("pm_1", ""), ("8415-ä", "shopper"), (String(repeating: "x", count: 255), "y"),
  ])
  func referencesSurvive(_ reference: String, _ customer: String) {
    let clear = ClearReference(reference: reference, customerReference: customer)
    #expect(ClearReference(plaintext: clear.plaintext) == clear)
    var bytes = clear.plaintext.copyBytes()
    bytes.append(0)
    #expect(ClearReference(plaintext: SecretBytes(bytes)) == nil)
    #expect(ClearReference(plaintext: SecretBytes(Array(bytes.dropLast(2)))) == nil)
  }

  @Test func nothingSecretPrints() throws {
    let clear = ClearReference(reference: "pm_1Nsecretsecret", customerReference: "cus_secret")
    let key = try KeyEncryptionKey(key: SecretBytes(Array(repeating: 0x41, count: 32)))
    for text in [
      "\(clear)", String(reflecting: clear), "\(key)", String(reflecting: key),
      "\([clear])", "\(clear.plaintext)",
    ] {
      #expect(!text.contains("Nsecret") && !text.contains("cus_") && !text.contains("AAAA"))
      #expect(!text.contains("65, 65"))
    }
    #expect(Mask.tail("pm_1Nsecretsecret") == "…cret")
    #expect(Mask.tail("short") == "…")
  }
}
