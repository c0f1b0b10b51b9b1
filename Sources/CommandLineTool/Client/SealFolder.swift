import Glibc
import Seal
import Wire

/// The files of sealed days, held against what the ledger's tables say.
struct SealFolder {
  /// As any seal may be, and more files than there are days in 27 years.
  static let fileBytesMax = 65_536
  static let filesMax = 10_000
  static let suffix = ".seal"

  struct Finding: Equatable {
    let kind: String
    let day: String
    let what: String
  }

  /// Content by name, such as `2026-11-28.seal`.
  let files: [String: [UInt8]]

  init(files: [String: [UInt8]]) {
    self.files = files
  }

  /// - Throws: `Failure` where the folder or a file cannot be read.
  init(reading folder: String) throws {
    guard let directory = opendir(folder) else { throw Files.failure("cannot read \(folder)") }
    defer { closedir(directory) }
    var files: [String: [UInt8]] = [:]
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasSuffix(Self.suffix) else { continue }
      guard files.count < Self.filesMax else {
        throw Failure("\(folder) has more than \(Self.filesMax) seals", next: "name another folder")
      }
      let path = "\(folder)/\(name)"
      var facts = stat()
      // What is longer than a seal may be differs from every one.
      let isTooLong = stat(path, &facts) == 0 && facts.st_size > Self.fileBytesMax
      files[name] = isTooLong ? [] : try Files.bytes(path, max: Self.fileBytesMax) ?? []
    }
    self.init(files: files)
  }

  /// What differs, by day.
  func findings(_ seals: [LedgerV1.DaySeal]) -> [Finding] {
    var findings: [Finding] = []
    var previous = String(repeating: "0", count: 2 * SHA256.size)
    var rest = files
    for seal in seals {
      if Hex.encode(SHA256.hash(seal.document)) != seal.root {
        findings.append(
          Finding(kind: "seal_changed", day: seal.day, what: "root: not that of document"))
      }
      if seal.previousRoot != previous {
        findings.append(
          Finding(
            kind: "seal_changed", day: seal.day,
            what: "previous_root: not the root of the seal before"))
      }
      previous = seal.root
      guard let file = rest.removeValue(forKey: seal.day + Self.suffix) else {
        findings.append(
          Finding(kind: "seal_file_missing", day: seal.day, what: "the folder has no such file"))
        continue
      }
      if file != Array(seal.document.utf8) {
        findings.append(
          Finding(
            kind: "seal_file_differs", day: seal.day,
            what: Self.difference(String(decoding: file, as: UTF8.self), seal.document)))
      }
    }
    return findings
      + rest.keys.sorted().map {
        Finding(
          kind: "seal_missing", day: String($0.dropLast(Self.suffix.utf8.count)),
          what: "there is a file, and no seal in the tables")
      }
  }

  /// The first lines that differ.
  private static func difference(_ file: String, _ table: String) -> String {
    let left = file.split(separator: "\n", omittingEmptySubsequences: false)
    let right = table.split(separator: "\n", omittingEmptySubsequences: false)
    let index =
      zip(left, right).enumerated().first { $0.element.0 != $0.element.1 }?.offset
      ?? min(left.count, right.count)
    func line(_ lines: [Substring]) -> String {
      let text = index < lines.count ? lines[index] : ""
      return text.isEmpty ? "nothing" : "`\(text.prefix(200))`"
    }
    return "the file says \(line(left)), the tables \(line(right))"
  }
}
