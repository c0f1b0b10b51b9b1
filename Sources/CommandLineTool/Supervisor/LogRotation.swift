import Glibc

/// Keeps logs bounded: a log that has grown too long is copied aside and emptied in place, since
/// its writer holds it open for appending.
struct LogRotation {
  static let limitBytes: Int64 = 16 << 20
  static let kept = 3

  let folder: String

  func run() {
    guard let directory = opendir(folder) else { return }
    defer { closedir(directory) }
    while let entry = readdir(directory) {
      let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
      }
      guard name.hasSuffix(".log") else { continue }
      let path = "\(folder)/\(name)"
      if let size = Files.size(path), size > Self.limitBytes { rotate(path, size: size) }
    }
  }

  private func rotate(_ path: String, size: Int64) {
    for number in stride(from: Self.kept - 1, to: 0, by: -1) {
      rename("\(path).\(number)", "\(path).\(number + 1)")
    }
    let from = open(path, O_RDWR | O_CLOEXEC)
    guard from >= 0 else { return }
    defer { close(from) }
    let to = open("\(path).1", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, Files.privateFile)
    guard to >= 0 else { return }
    defer { close(to) }
    var copied: off_t = 0
    while copied < size {
      let count = sendfile(to, from, &copied, Int(size) - Int(copied))
      // A full disk loses the old lines rather than filling further.
      guard count > 0 else { break }
    }
    ftruncate(from, 0)
  }
}
