package import Seal

/// A key that wraps data keys. It comes from a provider outside the database and its backups.
package struct KeyEncryptionKey: Sendable {
  /// Names the key without telling it: the first 8 bytes of a hash of it, as hex.
  package let id: String
  package let key: SecretBytes

  package init(key: SecretBytes) throws(SealError) {
    guard key.count == AESGCM.keySize else { throw .wrongSize }
    self.key = key
    id = Hex.encode(HMACSHA256.code(Array("tender.kek.id.v1".utf8), key: key).prefix(8))
  }
}

/// Why a key file is not used, in order of precedence. Tells nothing of its content.
package enum KeyFileError: Error, Hashable, Sendable, CustomStringConvertible {
  case notARegularFile
  /// Group or others have rights on it: the mode's lowest nine bits.
  case readableByOthers(mode: UInt32)
  /// It belongs neither to the process's user nor to root.
  case foreignOwner
  case tooLarge
  case empty
  /// The number of the line, from 1.
  case malformed(line: Int)
  case tooManyKeys
  case duplicate(line: Int)

  package var description: String {
    switch self {
    case .notARegularFile: "the key file is not a regular file"
    case .readableByOthers(let mode):
      "the key file can be read by others (mode \(String(mode, radix: 8))); run chmod 600 on it"
    case .foreignOwner: "the key file belongs to another user"
    case .tooLarge: "the key file is larger than \(KeyFile.sizeMax) bytes"
    case .empty: "the key file holds no key"
    case .malformed(let line): "line \(line) of the key file is not 64 hexadecimal digits"
    case .tooManyKeys: "the key file holds more than \(KeyFile.keysMax) keys"
    case .duplicate(let line): "line \(line) of the key file repeats a key"
    }
  }
}

/// The file of key-encryption keys: one key a line, 64 hexadecimal digits; empty lines and lines
/// that begin with "#" do not count. The first key wraps, the others only unwrap: to replace a key,
/// put the new one on top, restart, and remove the old one when `Keys.ListKeys` shows that no data
/// key is wrapped by it.
package enum KeyFile {
  /// Largest file in bytes.
  package static let sizeMax = 4_096
  package static let keysMax = 8

  private static let typeMask: UInt32 = 0o170_000
  private static let regular: UInt32 = 0o100_000

  /// Whether a file with this `st_mode` and owner may be trusted by a process of `user`.
  package static func checkAccess(
    mode: UInt32,
    owner: UInt32,
    user: UInt32
  ) throws(KeyFileError) {
    guard mode & typeMask == regular else { throw .notARegularFile }
    guard mode & 0o077 == 0 else { throw .readableByOthers(mode: mode & 0o777) }
    guard owner == user || owner == 0 else { throw .foreignOwner }
  }

  /// The keys of a file's text, the wrapping one first.
  package static func parse(_ text: String) throws(KeyFileError) -> [KeyEncryptionKey] {
    guard text.utf8.count <= sizeMax else { throw .tooLarge }
    var keys: [KeyEncryptionKey] = []
    // A carriage return before the newline is one character with it.
    let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
    for (index, line) in lines.enumerated() {
      let trimmed = trim(line)
      if trimmed.isEmpty || trimmed.hasPrefix("#") { continue }
      guard let bytes = Hex.decode(trimmed),
        let key = try? KeyEncryptionKey(key: SecretBytes(bytes))
      else { throw .malformed(line: index + 1) }
      guard !keys.contains(where: { $0.id == key.id }) else { throw .duplicate(line: index + 1) }
      guard keys.count < keysMax else { throw .tooManyKeys }
      keys.append(key)
    }
    guard !keys.isEmpty else { throw .empty }
    return keys
  }

  private static func trim(_ line: Substring) -> String {
    var rest = line
    while let last = rest.last, last == " " || last == "\t" || last == "\r" { rest.removeLast() }
    while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
    return String(rest)
  }
}
