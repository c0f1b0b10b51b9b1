import Money

/// What a payer has to do before a payment goes on: go to an address and authenticate there. Whoever has
/// the address can act as the payer does, so that it is printed nowhere.
package struct PayerAction: Sendable, Hashable {
  package enum Method: String, Sendable, Hashable, CaseIterable {
    case get = "GET"
    case post = "POST"
  }

  /// One field of the form that the payer's browser submits.
  package struct Field: Sendable, Hashable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) {
      self.name = name
      self.value = value
    }
  }

  /// Address and fields together.
  package static let bytesMax = 16_384
  package static let fieldsMax = 20
  package static let fieldNameBytesMax = 128

  /// Nil when the gateway's own library drives the step, or its address cannot be used.
  package let redirectURL: String?
  package let method: Method
  /// Only for a form; in the order of their names.
  package let fields: [Field]

  /// An action without an address, or with one that is used as it is given.
  package init(redirectURL: String?, method: Method = .get, fields: [Field] = []) {
    self.redirectURL = redirectURL
    self.method = method
    self.fields = fields
  }

  /// What a gateway answered, as far as a payer can be sent there: an https address (or one on this
  /// machine), by a method that browsers have, within the limits. Otherwise an action without an
  /// address.
  package init(answered url: String?, method name: String?, data: [String: String]) {
    let none = PayerAction(redirectURL: nil)
    let fields = data.sorted { $0.key < $1.key }.map { Field($0.key, $0.value) }
    let method = name.map { Method(rawValue: $0.uppercased()) } ?? .get
    guard let url, let method, let address = WebAddress(url),
      address.isSecure || address.isLoopback, method == .post || fields.isEmpty,
      fields.count <= Self.fieldsMax,
      fields.allSatisfy({ 1...Self.fieldNameBytesMax ~= $0.name.utf8.count }),
      fields.reduce(url.utf8.count, { $0 + $1.name.utf8.count + $1.value.utf8.count })
        <= Self.bytesMax
    else {
      self = none
      return
    }
    self.init(redirectURL: url, method: method, fields: fields)
  }
}

extension PayerAction: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { redirectURL == nil ? "no address" : "an address" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// What the payer brought back from the gateway's page, to be handed to the gateway: opaque, good for one
/// use, and printed nowhere.
package struct RedirectResult: Sendable, Hashable {
  /// As Adyen publishes it.
  package static let bytesMax = 20_000

  package let text: String

  /// Nil unless it is 1 to 20,000 bytes of visible ASCII: a decoded query parameter is nothing else.
  package init?(_ bytes: [UInt8]) {
    guard 1...Self.bytesMax ~= bytes.count, bytes.allSatisfy({ 0x21...0x7E ~= $0 }) else {
      return nil
    }
    text = String(decoding: bytes, as: UTF8.self)
  }
}

extension RedirectResult: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "(redirect result)" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}
