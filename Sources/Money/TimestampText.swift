/// RFC 3339: "2026-03-01T12:34:56.789Z".
extension Timestamp: LosslessStringConvertible {
  /// Always UTC; 0, 3 or 6 decimals, as few as the value needs.
  package var description: String {
    let seconds = self.seconds
    let days = seconds.flooredQuotient(86_400)
    let secondOfDay = Int(seconds - days * 86_400)
    let micros = Int(nanosecondsOfSecond) / 1_000
    let fraction =
      switch micros {
      case 0: ""
      case _ where micros % 1_000 == 0: "." + padded(micros / 1_000, 3)
      default: "." + padded(micros, 6)
      }
    return "\(date)T\(padded(secondOfDay / 3_600, 2)):\(padded(secondOfDay / 60 % 60, 2)):"
      + "\(padded(secondOfDay % 60, 2))\(fraction)Z"
  }

  /// The day in UTC.
  package var date: CivilDate {
    CivilDate(daysSince1970: Int(seconds.flooredQuotient(86_400)))
  }

  /// Midnight UTC at the start of a day.
  package init(_ date: CivilDate) {
    self.init(seconds: Int64(date.daysSince1970) * 86_400)
  }

  /// Reads RFC 3339 with "Z" or a numeric offset and up to nine decimals (cut to six). Leap seconds
  /// (":60") are refused; years 1 to 9999.
  package init?(_ text: String) {
    var reader = DigitReader(bytes: Array(text.utf8))
    guard let year = reader.number(4), reader.skip("-"), let month = reader.number(2),
      reader.skip("-"), let day = reader.number(2),
      let date = CivilDate(year: year, month: month, day: day),
      reader.skip("T") || reader.skip("t") || reader.skip(" "),
      let hour = reader.number(2), hour < 24, reader.skip(":"),
      let minute = reader.number(2), minute < 60, reader.skip(":"),
      let second = reader.number(2), second < 60,
      let micros = reader.fraction(), let offset = reader.offset(), reader.isAtEnd
    else { return nil }
    let local = date.daysSince1970 * 86_400 + hour * 3_600 + minute * 60 + second
    self.init(microseconds: Int64(local - offset) * 1_000_000 + Int64(micros))
  }
}

private struct DigitReader {
  let bytes: [UInt8]
  var position = 0

  var isAtEnd: Bool { position == bytes.count }

  mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard position < bytes.count, UInt32(bytes[position]) == character.value else { return false }
    position += 1
    return true
  }

  mutating func digit() -> Int? {
    guard position < bytes.count, 0x30...0x39 ~= bytes[position] else { return nil }
    defer { position += 1 }
    return Int(bytes[position]) - 0x30
  }

  mutating func number(_ width: Int) -> Int? {
    var value = 0
    for _ in 0..<width {
      guard let digit = digit() else { return nil }
      value = value * 10 + digit
    }
    return value
  }

  /// Microseconds of an optional fraction.
  mutating func fraction() -> Int? {
    guard skip(".") else { return 0 }
    var (micros, count) = (0, 0)
    while let digit = digit() {
      count += 1
      guard count <= 9 else { return nil }
      if count <= 6 { micros = micros * 10 + digit }
    }
    guard count > 0 else { return nil }
    for _ in min(count, 6)..<6 { micros *= 10 }
    return micros
  }

  /// Seconds east of UTC.
  mutating func offset() -> Int? {
    if skip("Z") || skip("z") { return 0 }
    let sign = skip("+") ? 1 : skip("-") ? -1 : 0
    guard sign != 0, let hours = number(2), hours < 24, skip(":"), let minutes = number(2),
      minutes < 60
    else { return nil }
    return sign * (hours * 3_600 + minutes * 60)
  }
}
