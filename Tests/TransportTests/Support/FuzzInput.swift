import Foundation
import TestSupport

/// Inputs that a parser has met before, kept as hexadecimal text with `#` comments, and mutations of
/// them, repeatable by seed.
struct FuzzCorpus {
  let entries: [[UInt8]]

  /// - Parameter name: a folder under `Corpus`; every file in it is one input.
  init(_ name: String) throws {
    let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().appendingPathComponent("Corpus/\(name)")
    entries = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
      .filter { $0.hasSuffix(".hex") }
      .map { try Self.parse(String(contentsOf: folder.appendingPathComponent($0), encoding: .utf8)) }
  }

  private static func parse(_ text: String) -> [UInt8] {
    let digits = text.split(separator: "\n").filter { !$0.hasPrefix("#") }.joined()
      .compactMap(\.hexDigitValue)
    return stride(from: 0, to: digits.count - 1, by: 2).map { UInt8(digits[$0] << 4 | digits[$0 + 1]) }
  }

  /// An entry with up to eight changes.
  func mutated(_ random: inout SeededRandom) -> [UInt8] {
    var bytes = entries.randomElement(using: &random) ?? []
    for _ in 0..<Int.random(in: 0...8, using: &random) { mutate(&bytes, &random) }
    return bytes
  }

  private func mutate(_ bytes: inout [UInt8], _ random: inout SeededRandom) {
    let at = Int.random(in: 0...bytes.count, using: &random)
    switch Int.random(in: 0..<7, using: &random) {
    case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8.random(in: 0..<8, using: &random)
    case 1 where at < bytes.count: bytes[at] = .random(in: 0...255, using: &random)
    case 2 where at < bytes.count:
      // Lengths and limits live at the edges.
      bytes[at] = [0x00, 0x01, 0x7F, 0x80, 0xFF].randomElement(using: &random) ?? 0
    case 3: bytes.removeSubrange(at..<min(bytes.count, at + Int.random(in: 0..<16, using: &random)))
    case 4:
      let added = (0..<Int.random(in: 0..<16, using: &random)).map { _ in
        UInt8.random(in: 0...255, using: &random)
      }
      bytes.insert(contentsOf: added, at: at)
    case 5:
      let other = entries.randomElement(using: &random) ?? []
      let from = Int.random(in: 0...other.count, using: &random)
      bytes.insert(contentsOf: other[from...].prefix(512), at: at)
    default:
      let end = min(bytes.count, at + Int.random(in: 0..<64, using: &random))
      bytes.insert(contentsOf: bytes[at..<end], at: at)
    }
  }
}

/// Cuts bytes into chunks of random sizes.
func chunks(of bytes: [UInt8], _ random: inout SeededRandom) -> [[UInt8]] {
  var rest = bytes[...]
  var chunks: [[UInt8]] = []
  while !rest.isEmpty {
    let count = min(rest.count, Int.random(in: 1...40, using: &random))
    chunks.append(Array(rest.prefix(count)))
    rest = rest.dropFirst(count)
  }
  return chunks
}
