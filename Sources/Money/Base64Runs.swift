/// The search for card numbers inside base64, standard or url-safe, at any phase of a longer text.
enum Base64Runs {
  /// Thirteen bytes make eighteen characters.
  private static let lengthMin = 18

  static func holdCardNumber(_ text: Span<UInt8>) -> Bool {
    var run: [UInt8] = []
    var marks = 0
    for index in text.indices {
      let byte = text[index]
      if let sextet = sextet(byte) {
        run.append(sextet)
        marks += 12...14 ~= sextet ? 1 : 0
      } else if byte != 0x0A && byte != 0x0D {  // wrapped base64 goes on behind a line break
        if isHit(run, marks) { return true }
        run.removeAll(keepingCapacity: true)
        marks = 0
      }
    }
    return isHit(run, marks)
  }

  private static func isHit(_ run: [UInt8], _ marks: Int) -> Bool {
    guard run.count >= lengthMin, marks >= 3 else { return false }
    return (0..<4).contains { DigitRuns.holdCardNumber(decoded(run.dropFirst($0)).span) }
  }

  private static func sextet(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x41...0x5A: byte - 0x41
    case 0x61...0x7A: byte - 0x61 + 26
    case 0x30...0x39: byte - 0x30 + 52
    case 0x2B, 0x2D: 62
    case 0x2F, 0x5F: 63
    default: nil
    }
  }

  private static func decoded(_ sextets: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(sextets.count * 3 / 4)
    var (bits, count): (UInt32, UInt32) = (0, 0)
    for sextet in sextets {
      bits = bits << 6 | UInt32(sextet)
      count += 6
      if count >= 8 {
        count -= 8
        result.append(UInt8(truncatingIfNeeded: bits >> count))
      }
    }
    return result
  }
}
