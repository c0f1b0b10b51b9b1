import Glibc
import ServiceKit
import VaultCore

/// Reads the key file. Blocks: call it on `Workers`.
enum KeyFileReader {
  /// - Throws: `SettingsError`, which names the setting and what to do, never the content.
  static func read(_ path: String) throws(SettingsError) -> [KeyEncryptionKey] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else {
      throw SettingsError(
        "`vault.keyFile`: cannot open \(path): \(String(cString: strerror(errno)))."
      )
    }
    defer { close(descriptor) }
    do throws(KeyFileError) {
      // The open file is looked at, not the path: nobody can exchange it in between.
      var status = stat()
      guard fstat(descriptor, &status) == 0 else { throw .notARegularFile }
      try KeyFile.checkAccess(mode: status.st_mode, owner: status.st_uid, user: geteuid())
      guard status.st_size <= KeyFile.sizeMax else { throw .tooLarge }
      return try KeyFile.parse(text(of: descriptor))
    } catch {
      throw SettingsError("`vault.keyFile` (\(path)): \(error).")
    }
  }

  private static func text(of descriptor: Int32) throws(KeyFileError) -> String {
    var buffer = [UInt8](repeating: 0, count: KeyFile.sizeMax + 1)
    defer { explicit_bzero(&buffer, buffer.count) }
    var length = 0
    while length < buffer.count {
      let count = buffer.withUnsafeMutableBytes { bytes in
        Glibc.read(descriptor, bytes.baseAddress?.advanced(by: length), bytes.count - length)
      }
      guard count > 0 else { break }
      length += count
    }
    guard length <= KeyFile.sizeMax else { throw .tooLarge }
    return String(decoding: buffer[..<length], as: UTF8.self)
  }
}
