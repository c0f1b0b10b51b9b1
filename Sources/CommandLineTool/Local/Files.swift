import Glibc

/// File operations whose failures are sentences.
enum Files {
  static let privateFile: mode_t = 0o600
  static let privateFolder: mode_t = 0o700

  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  static func isExecutable(_ path: String) -> Bool { access(path, X_OK) == 0 }

  /// The file's text, or nil where there is none.
  static func read(_ path: String) throws -> String? {
    try bytes(path, max: .max).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The file's bytes, or nil where there is none.
  /// - Throws: `Failure` also for a file that is longer.
  static func bytes(_ path: String, max: Int) throws -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw failure("cannot read \(path)")
    }
    defer { close(file) }
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 64 * 1024)
    while true {
      let count = Glibc.read(file, &buffer, buffer.count)
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw failure("cannot read \(path)") }
      if count == 0 { return bytes }
      guard count <= max - bytes.count else {
        throw Failure(
          "\(path) has more than \(max) bytes", next: "ask for a shorter one", status: .usage)
      }
      bytes += buffer[..<count]
    }
  }

  /// Writes the whole file or leaves the old one: a new file, made durable, takes its place.
  static func write(_ text: String, to path: String, mode: mode_t = privateFile) throws {
    let new = path + ".new"
    let file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard file >= 0 else { throw failure("cannot write \(path)") }
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      guard count > 0 else {
        let failure = failure("cannot write \(path)")
        close(file)
        unlink(new)
        throw failure
      }
      bytes = bytes.dropFirst(count)
    }
    let synced = fchmod(file, mode) == 0 && fsync(file) == 0
    guard close(file) == 0, synced, rename(new, path) == 0 else {
      throw failure("cannot write \(path)")
    }
  }

  /// Makes the folder where it is missing; its mode is set either way.
  static func makeFolder(_ path: String, mode: mode_t = privateFolder) throws {
    if mkdir(path, mode) != 0 && errno != EEXIST { throw failure("cannot make \(path)") }
    if chmod(path, mode) != 0 { throw failure("cannot set the mode of \(path)") }
  }

  /// Facts about a file that change whenever its content does, or nil where there is none.
  static func fingerprint(_ path: String) -> String? {
    var facts = stat()
    guard stat(path, &facts) == 0 else { return nil }
    return "\(facts.st_ino).\(facts.st_size).\(facts.st_mtim.tv_sec).\(facts.st_mtim.tv_nsec)"
  }

  static func size(_ path: String) -> Int64? {
    var facts = stat()
    return stat(path, &facts) == 0 ? Int64(facts.st_size) : nil
  }

  /// The user id that owns the file, or nil where there is none.
  static func owner(_ path: String) -> uid_t? {
    var facts = stat()
    return stat(path, &facts) == 0 ? facts.st_uid : nil
  }

  /// Free bytes for this user on the file system that holds `path`.
  static func freeBytes(_ path: String) -> Int64? {
    var facts = statvfs()
    guard statvfs(path, &facts) == 0 else { return nil }
    return Int64(facts.f_bavail) * Int64(facts.f_frsize)
  }

  /// The path without links, or nil where it does not exist.
  static func resolved(_ path: String) -> String? {
    guard let real = realpath(path, nil) else { return nil }
    defer { free(real) }
    return String(cString: real)
  }

  /// The sentence for `errno` as it stands.
  static func failure(_ what: String) -> Failure {
    let code = errno
    let reason = String(cString: strerror(code))
    let next =
      switch code {
      case ENOSPC, EDQUOT: "the disk is full; free some space and run it again"
      case EACCES, EPERM: "permission denied; run as the user who owns the checkout"
      case EROFS: "the file system is read-only"
      default: reason
      }
    return Failure(what, next: next)
  }
}
