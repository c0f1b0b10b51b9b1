package import Money

/// The name of a request or an object towards gateways: reference and idempotency key in one. Derived,
/// never random, so that a repetition has the same name; letters and digits only, because gateways
/// split at "-" and limit to 64.
///
/// `t`, a letter for the kind, the 28 letters of the id, and the number of the try.
package struct GatewayReference: Hashable, Sendable, CustomStringConvertible {
  package enum Kind: UInt8, Sendable, Hashable, CaseIterable {
    /// An authorisation or charge; the id is the attempt's.
    case authorize = 0x61  // a
    /// The id is the capture's.
    case capture = 0x63  // c
    /// What a payer brought back; the id is the attempt's; a new try only after one that was proven
    /// without effect.
    case details = 0x64  // d
    /// The id is the attempt's; a new try each time.
    case get = 0x67  // g
    /// The id is the refund's.
    case refund = 0x72  // r
    /// The set-up of a payment method; the id is the setup intent's; one try for ever.
    case setup = 0x73  // s
    /// Cancel or reversal; the id is the attempt's; a new try each time.
    case cancel = 0x78  // x
    /// Refund of an orphan; the id is the attempt's; one try for ever.
    case compensate = 0x7A  // z
  }

  package static let lengthMax = 64
  package static let tryMax = 9_999
  /// A fence within a call has a key that no job's tries reach.
  package static let fenceTry = tryMax

  package let kind: Kind
  // Halves, not one UInt128: see `EntityID`.
  private let high: UInt64
  private let low: UInt64
  /// 1 to `tryMax`.
  package let attempt: Int

  private init(_ kind: Kind, _ bits: UInt128, _ attempt: Int) {
    self.kind = kind
    high = UInt64(truncatingIfNeeded: bits >> 64)
    low = UInt64(truncatingIfNeeded: bits)
    self.attempt = min(max(attempt, 1), Self.tryMax)
  }

  package static func authorize(_ id: AttemptID) -> GatewayReference {
    GatewayReference(.authorize, id.bits, 1)
  }
  package static func get(_ id: AttemptID, try number: Int) -> GatewayReference {
    GatewayReference(.get, id.bits, number)
  }
  package static func details(_ id: AttemptID, try number: Int) -> GatewayReference {
    GatewayReference(.details, id.bits, number)
  }
  package static func cancel(_ id: AttemptID, try number: Int) -> GatewayReference {
    GatewayReference(.cancel, id.bits, number)
  }
  package static func compensate(_ id: AttemptID) -> GatewayReference {
    GatewayReference(.compensate, id.bits, 1)
  }
  /// A further try only after a look has shown that the one before is undone.
  package static func capture(_ id: CaptureID, try number: Int) -> GatewayReference {
    GatewayReference(.capture, id.bits, number)
  }
  /// One try for ever.
  package static func refund(_ id: RefundID) -> GatewayReference {
    GatewayReference(.refund, id.bits, 1)
  }

  /// One try for ever.
  package static func setup(_ id: SetupIntentID) -> GatewayReference {
    GatewayReference(.setup, id.bits, 1)
  }

  package var bits: UInt128 { UInt128(high) << 64 | UInt128(low) }

  package var text: String {
    "t" + String(UnicodeScalar(kind.rawValue)) + EntityIDText.letters(of: bits) + String(attempt)
  }

  package var description: String { text }

  /// Reads exactly what `text` writes.
  package init?(_ text: String) {
    let bytes = text.utf8.span
    let head = 2 + EntityIDText.letterCount
    guard bytes.count > head, bytes.count <= head + 4, bytes[0] == UInt8(ascii: "t"),
      let kind = Kind(rawValue: bytes[1]),
      let bits = EntityIDText.bits(ofLetters: bytes.extracting(2..<head)),
      bytes[head] != UInt8(ascii: "0")
    else { return nil }
    var number = 0
    for index in head..<bytes.count {
      guard 0x30...0x39 ~= bytes[index] else { return nil }
      number = number * 10 + Int(bytes[index] - 0x30)
    }
    self.init(kind, bits, number)
  }

  /// The attempt, where the kind names one.
  package var attemptID: AttemptID? {
    switch kind {
    case .authorize, .details, .get, .cancel, .compensate: AttemptID(bits: bits)
    case .capture, .refund, .setup: nil
    }
  }

  /// The setup intent, where the kind names one.
  package var setupIntentID: SetupIntentID? {
    kind == .setup ? SetupIntentID(bits: bits) : nil
  }
}
