import Configuration
import Glibc
import LedgerCore
import Money
import Reactor
import ServiceKit

/// Seals outside the database: one file a day, durable before the seal is, never overwritten.
///
/// - `seals.folder` (path, optional): where the files go; the folder must be there, the same one for all
///   replicas. Keep it on another disk than the database's, and copy it to where nobody who can change
///   the database can write. Without it there are no files.
struct SealFiles: Sendable {
  enum Problem: Error, Sendable, Hashable {
    /// The file of the day says something else.
    case differs(path: String)
    case failed(path: String, reason: String)
  }

  /// Readable by who may compare; nobody writes it again.
  private static let mode: mode_t = 0o440

  let folder: String?

  init(folder: String?) {
    self.folder = folder
  }

  /// A folder that is not there stops no booking: the day's seal waits for it, and people hear.
  init(_ settings: ServiceSettings) {
    folder = settings.config.string(forKey: "seals.folder")
  }

  func path(_ day: CivilDate) -> String? { folder.map { "\($0)/\(day).seal" } }

  /// Makes the day's file, or finds the same one there. Blocks: run it on workers.
  func write(_ document: String, of day: CivilDate) throws(Problem) {
    guard let folder, let path = path(day) else { return }
    BlockingGuard.check("seal file")
    // Whoever put it there may have died before its name was durable.
    if try isThere(path, document) { return try Self.sync(folder) }
    // A crash leaves at most a file of another name, which nobody reads.
    let new = "\(path).\(getpid()).\(UInt32.random(in: 0...UInt32.max)).new"
    let file = open(new, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, Self.mode)
    guard file >= 0 else { throw Self.failed(new) }
    defer { unlink(new) }
    do throws(Problem) {
      try Self.fill(file, Array(document.utf8), new)
    } catch {
      close(file)
      throw error
    }
    guard close(file) == 0 else { throw Self.failed(new) }
    // Unlike a rename, it does not replace what is there.
    if link(new, path) != 0 {
      guard errno == EEXIST, try isThere(path, document) else { throw Self.failed(path) }
    }
    try Self.sync(folder)
  }

  /// What the day's file says; nil without one, or if it is no seal. Blocks: run it on workers.
  func read(_ day: CivilDate) throws(Problem) -> DaySeal? {
    guard let path = path(day) else { return nil }
    BlockingGuard.check("seal file")
    return try Self.bytes(path).flatMap { DaySeal(document: String(decoding: $0, as: UTF8.self)) }
  }

  /// - Throws: also if what is there is something else.
  private func isThere(_ path: String, _ document: String) throws(Problem) -> Bool {
    guard let bytes = try Self.bytes(path) else { return false }
    guard bytes == Array(document.utf8) else { throw .differs(path: path) }
    return true
  }

  /// What is there, and of a file that is too long for a seal more than any seal has; nil: nothing.
  private static func bytes(_ path: String) throws(Problem) -> [UInt8]? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else {
      if errno == ENOENT { return nil }
      throw failed(path)
    }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: DaySeal.bytesMax + 1)
    var count = 0
    while count < bytes.count {
      let more = bytes.withUnsafeMutableBytes {
        Glibc.read(file, $0.baseAddress?.advanced(by: count), $0.count - count)
      }
      if more < 0, errno == EINTR { continue }
      guard more >= 0 else { throw failed(path) }
      if more == 0 { break }
      count += more
    }
    return Array(bytes[..<count])
  }

  private static func fill(_ file: Int32, _ bytes: [UInt8], _ path: String) throws(Problem) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failed(path) }
      rest = rest.dropFirst(count)
    }
    guard fsync(file) == 0 else { throw failed(path) }
  }

  /// Makes the name durable too.
  private static func sync(_ folder: String) throws(Problem) {
    let file = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard file >= 0 else { throw failed(folder) }
    defer { close(file) }
    guard fsync(file) == 0 else { throw failed(folder) }
  }

  private static func failed(_ path: String) -> Problem {
    .failed(path: path, reason: String(cString: strerror(errno)))
  }
}
