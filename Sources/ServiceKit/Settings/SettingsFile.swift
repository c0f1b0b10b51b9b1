import FoundationEssentials
import Glibc

/// Small files that a service reads at its start: settings, passwords, endpoints.
package enum SettingsFile {
  package static func bytes(
    _ path: String, bytesMax: Int
  ) throws(SettingsError) -> [UInt8] {
    let data: Data
    do {
      data = try Data(contentsOf: URL(filePath: path))
    } catch {
      throw SettingsError("Cannot read \(path). Check that the file is there and readable.")
    }
    guard data.count <= bytesMax else {
      throw SettingsError("\(path) is larger than \(bytesMax) bytes.")
    }
    return Array(data)
  }

  package static func read(_ path: String, bytesMax: Int) throws(SettingsError) -> String {
    guard let text = String(validating: try bytes(path, bytesMax: bytesMax), as: UTF8.self) else {
      throw SettingsError("\(path) is not UTF-8.")
    }
    return text
  }

  /// A secret's file: refused when others can read it.
  package static func secret(_ path: String) throws(SettingsError) -> String {
    var status = stat()
    guard stat(path, &status) == 0 else {
      throw SettingsError("Cannot read \(path). Check that the file is there and readable.")
    }
    let permissions = status.st_mode
    guard permissions & 0o077 == 0 else {
      throw SettingsError("Others can read \(path). Run `chmod 600 \(path)`.")
    }
    var text = try read(path, bytesMax: 4_096)
    while text.last?.isNewline == true { text.removeLast() }
    return text
  }
}
