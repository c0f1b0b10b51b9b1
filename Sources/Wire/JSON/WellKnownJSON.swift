internal import Money

// Messages of google.protobuf whose JSON is not an object of their fields.

extension GoogleProtobuf.Timestamp {
  package func writeFields(to json: inout JSONWriter) {}

  /// RFC 3339 in UTC with the decimals that the value needs: 0, 3, 6 or 9.
  package func writeValue(to json: inout JSONWriter) {
    // The seconds as the text of Money's timestamp, which ends in "Z"; the decimals to the
    // nanosecond.
    let whole = GoogleProtobuf.Timestamp(seconds: seconds, nanos: 0).timestamp.description
    json.string(whole.dropLast() + decimals(nanos) + "Z")
  }
}

extension GoogleProtobuf.Duration {
  package func writeFields(to json: inout JSONWriter) {}

  /// Seconds with decimals: `1.500s`.
  package func writeValue(to json: inout JSONWriter) {
    let sign = seconds < 0 || nanos < 0 ? "-" : ""
    json.string("\(sign)\(seconds.magnitude)\(decimals(Int32(clamping: nanos.magnitude)))s")
  }
}

extension GoogleProtobuf.AnyValue {
  package func writeFields(to json: inout JSONWriter) {
    json.field("@type", typeURL)
    json.field("value", value)
  }
}

private func decimals(_ nanos: Int32) -> String {
  guard nanos > 0 else { return "" }
  let digits = String(String(1_000_000_000 + nanos % 1_000_000_000).dropFirst())
  if nanos % 1_000_000 == 0 { return "." + digits.prefix(3) }
  if nanos % 1_000 == 0 { return "." + digits.prefix(6) }
  return "." + digits
}
