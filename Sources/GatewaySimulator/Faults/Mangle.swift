/// What a wrong echo changes in an answer that is otherwise true.
enum Mangling: Sendable {
  case amount, currency, reference
  /// What a payment or refund has come to.
  case state
}

/// `body` with every amount, currency or reference in it changed, at any depth.
func mangled(_ body: [UInt8], _ mangling: Mangling) -> [UInt8] {
  guard let json = JSON(parsing: body) else { return body }
  var writer = JSONWriter()
  write(json, nil, mangling, inMetadata: false, to: &writer)
  return writer.bytes
}

private let amountNames: Set<String> = [
  "amount", "amount_received", "amount_capturable", "amount_captured", "value",
]
private let referenceNames: Set<String> = [
  "merchantReference", "reference", "paymentReference", "originalReference",
]

extension JSON {
  /// As `JSONWriter` writes it: what came from there comes back byte for byte.
  var bytes: [UInt8] {
    var writer = JSONWriter()
    write(self, nil, nil, inMetadata: false, to: &writer)
    return writer.bytes
  }
}

private func write(
  _ json: JSON,
  _ name: String?,
  _ mangling: Mangling?,
  inMetadata: Bool,
  to writer: inout JSONWriter
) {
  switch json {
  case .null: writer.null(name)
  case .bool(let value): writer.flag(name, value)
  case .int(let value):
    let isHit = mangling == .amount && value > 0 && amountNames.contains(name ?? "")
    writer.number(name, isHit ? value + 1 : value)
  case .double(let value): writer.raw(name, Array("\(value)".utf8))
  case .text(let value):
    let isReference = inMetadata || referenceNames.contains(name ?? "")
    if mangling == .state, name == "status" || name == "resultCode" {
      writer.text(name, "teleported")
    } else if mangling == .currency, name == "currency" {
      let other = value.uppercased() == "USD" ? "EUR" : "USD"
      writer.text(name, value.first?.isLowercase == true ? other.lowercased() : other)
    } else {
      writer.text(name, mangling == .reference && isReference ? "other" + value : value)
    }
  case .array(let items):
    writer.array(name) { out in
      for item in items { write(item, nil, mangling, inMetadata: inMetadata, to: &out) }
    }
  case .object(let members):
    writer.object(name) { out in
      for member in members {
        write(
          member.value,
          member.name,
          mangling,
          inMetadata: inMetadata || name == "metadata",
          to: &out
        )
      }
    }
  }
}
