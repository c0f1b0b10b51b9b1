import Testing

@testable import Seal

struct DigestTests {
  @Test(arguments: [
    ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
    ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
  ])
  func sha256(text: String, hex: String) throws {
    #expect(Hex.encode(SHA256.hash(text)) == hex)
    var state = try SHA256()
    for byte in text.utf8 { state.update([byte]) }
    #expect(Hex.encode(state.finish()) == hex)
  }

  @Test func hmacVectors() {
    // RFC 4231, cases 1, 2 and 6 (a key longer than a block).
    let one = HMACSHA256.code(
      Array("Hi There".utf8),
      key: SecretBytes([UInt8](repeating: 0x0B, count: 20))
    )
    #expect(Hex.encode(one) == "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7")
    let two = HMACSHA256.code(
      Array("what do ya want for nothing?".utf8),
      key: SecretBytes(text: "Jefe")
    )
    #expect(Hex.encode(two) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    let six = HMACSHA256.code(
      Array("Test Using Larger Than Block-Size Key - Hash Key First".utf8),
      key: SecretBytes([UInt8](repeating: 0xAA, count: 131))
    )
    #expect(Hex.encode(six) == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    let empty = HMACSHA256.code([], key: SecretBytes([]))
    #expect(Hex.encode(empty) == "b613679a0814d9ec772f95d778c35fc5ff1697c493715653c6c712144292c5ad")
  }

  @Test func adyenNotificationVector() throws {
    let key = try #require(
      Hex.decode("44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056")
    )
    let text =
      "7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true"
    let code = HMACSHA256.code(Array(text.utf8), key: SecretBytes(key))
    #expect(Base64.encode(code) == "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0=")
  }

  @Test func standardWebhooksVector() throws {
    let key = try #require(Base64.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"))
    let text = #"msg_p5jXN8AQM9LWM0D4loKWxJek.1614265330.{"test": 2432232314}"#
    let code = HMACSHA256.code(Array(text.utf8), key: SecretBytes(key))
    #expect(Base64.encode(code) == "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    #expect(HMACSHA256.verify(Array(text.utf8), key: SecretBytes(key), expected: code))
    #expect(!HMACSHA256.verify(Array(text.utf8), key: SecretBytes(text: "x"), expected: code))
  }
}

struct CipherTests {
  /// From McGrew and Viega, the AES-256 test case 16.
  @Test func gcmVector() throws {
    let key = try #require(
      Hex.decode("feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308")
    )
    let nonce = try #require(Hex.decode("cafebabefacedbaddecaf888"))
    let aad = try #require(Hex.decode("feedfacedeadbeeffeedfacedeadbeefabaddad2"))
    let plain = try #require(
      Hex.decode(
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
          + "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
      )
    )
    let sealed = try AESGCM.seal(plain, key: SecretBytes(key), nonce: nonce, aad: aad)
    #expect(
      Hex.encode(sealed)
        == "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
        + "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"
    )
    let opened = try AESGCM.open(sealed, key: SecretBytes(key), nonce: nonce, aad: aad)
    #expect(opened.copyBytes() == plain)
  }

  @Test func anyChangeIsNoticed() throws {
    let key = try SecretBytes.random(count: 32)
    let nonce = try RandomBytes.make(count: 12)
    let sealed = try AESGCM.seal([1, 2, 3], key: key, nonce: nonce, aad: [9])
    #expect(try AESGCM.open(sealed, key: key, nonce: nonce, aad: [9]).copyBytes() == [1, 2, 3])
    for index in sealed.indices {
      var changed = sealed
      changed[index] ^= 1
      #expect(throws: SealError.notAuthentic) {
        try AESGCM.open(changed, key: key, nonce: nonce, aad: [9])
      }
    }
    #expect(throws: SealError.notAuthentic) {
      try AESGCM.open(sealed, key: key, nonce: nonce, aad: [])
    }
    #expect(throws: SealError.notAuthentic) {
      try AESGCM.open(sealed, key: SecretBytes.random(count: 32), nonce: nonce, aad: [9])
    }
    #expect(throws: SealError.wrongSize) {
      try AESGCM.open([1, 2], key: key, nonce: nonce, aad: [9])
    }
    #expect(throws: SealError.wrongSize) {
      try AESGCM.seal([1], key: key, nonce: [1], aad: [])
    }
    #expect(throws: SealError.wrongSize) {
      try AESGCM.seal([1], key: SecretBytes([1]), nonce: nonce, aad: [])
    }
    let empty = try AESGCM.seal([UInt8](), key: key, nonce: nonce, aad: [])
    #expect(try AESGCM.open(empty, key: key, nonce: nonce, aad: []).count == 0)
  }
}

struct SignatureTests {
  /// RFC 8032, section 7.1, tests 1 and 2.
  @Test(arguments: [
    (
      "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
      "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
      "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
        + "b46bd25bf5f0595bbe24655141438e7a100b"
    ),
    (
      "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
      "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
      "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
        + "1d8c387b2eaeb4302aeeb00d291612bb0c00"
    ),
  ])
  func ed25519(seed: String, publicKey: String, message: String, signature: String) throws {
    let key = try Ed25519.PrivateKey(seed: SecretBytes(#require(Hex.decode(seed))))
    let bytes = try #require(Hex.decode(message))
    #expect(Hex.encode(key.publicKey.bytes) == publicKey)
    let signed = try key.sign(bytes)
    #expect(Hex.encode(signed) == signature)
    #expect(key.publicKey.verify(signed, of: bytes))
    #expect(!key.publicKey.verify(signed, of: bytes + [0]))
    #expect(!key.publicKey.verify(Array(signed.dropLast()), of: bytes))
    #expect(try !Ed25519.PrivateKey.generate().publicKey.verify(signed, of: bytes))
  }
}

struct SecretBytesTests {
  @Test func doesNotPrint() throws {
    let secret = SecretBytes(text: "sk_test_hush")
    var dumped = ""
    dump(secret, to: &dumped)
    for text in [
      "\(secret)", String(reflecting: secret), dumped, "\([secret])", "\(Optional(secret) as Any)",
    ] {
      #expect(!text.contains("hush") && !text.contains("104"), "\(text)")
    }
  }

  @Test func isZeroedAtTheEnd() {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 8, alignment: 8)
    defer { memory.deallocate() }
    memory.copyBytes(from: [1, 2, 3, 4, 5, 6, 7, 8])
    nonisolated(unsafe) let base = memory.baseAddress.unsafelyUnwrapped
    do {
      let secret = SecretBytes(count: 8, storage: base) { _ in }
      #expect(secret.copyBytes() == [1, 2, 3, 4, 5, 6, 7, 8])
    }
    #expect(Array(memory) == [UInt8](repeating: 0, count: 8))
  }

  @Test func comparesInConstantTime() throws {
    #expect(ConstantTime.equals([1, 2], [1, 2]))
    #expect(!ConstantTime.equals([1, 2], [1, 3]))
    #expect(!ConstantTime.equals([1, 2], [1, 2, 3]))
    #expect(ConstantTime.equals([], []))
    #expect(ConstantTime.equals(SecretBytes([7]), SecretBytes([7])))
    #expect(!ConstantTime.equals(SecretBytes([7]), SecretBytes([8])))
    #expect(try RandomBytes.make(count: 16) != RandomBytes.make(count: 16))
  }
}

struct EncodingTests {
  @Test(arguments: [
    ("", "", ""), ("f", "Zg==", "Zg"), ("fo", "Zm8=", "Zm8"), ("foo", "Zm9v", "Zm9v"),
    ("foob", "Zm9vYg==", "Zm9vYg"), ("fooba", "Zm9vYmE=", "Zm9vYmE"),
    ("foobar", "Zm9vYmFy", "Zm9vYmFy"),
    ("~~?>", "fn4/Pg==", "fn4_Pg"),
  ])
  func base64(text: String, standard: String, url: String) {
    #expect(Base64.encode(Array(text.utf8)) == standard)
    #expect(Base64.encode(Array(text.utf8), .url) == url)
    #expect(Base64.decode(standard) == Array(text.utf8))
    #expect(Base64.decode(url, .url) == Array(text.utf8))
  }

  @Test(arguments: ["Zg", "Zg=", "Zh==", "Z===", "====", "Zg== ", "Zm9v\n", "fn4_Pg==", "Zm8=Zm8="])
  func base64Refuses(text: String) {
    #expect(Base64.decode(text) == nil)
  }

  @Test func hex() {
    #expect(Hex.encode([0, 15, 255]) == "000fff")
    #expect(Hex.decode("000FfF") == [0, 15, 255])
    for bad in ["0", "0g", "é0", " 00"] { #expect(Hex.decode(bad) == nil) }
  }
}
