#if TENDER_FAULTS
import Glibc

/// A service's folder of files through which crashes are armed and the clock is shifted while its
/// processes run. The process that dies renames its order first: each order is one crash, however
/// many processes the service has and however often they start.
package struct FaultBoard: Sendable, Equatable {
  private static let clockName = "clock_shift"
  private static let firedSuffix = ".fired"
  private static let textBytesMax = 64

  package let folder: String

  /// - Parameter root: of all services.
  package init(root: String, service: String) { folder = "\(root)/\(service)" }

  private func path(_ point: CrashPoint) -> String { "\(folder)/\(point.rawValue)" }
  private func firedPath(_ point: CrashPoint) -> String { path(point) + Self.firedSuffix }
  private var clockPath: String { "\(folder)/\(Self.clockName)" }

  // MARK: Who breaks

  /// - Returns: whether the order is written.
  package func arm(_ point: CrashPoint, passage: Int) -> Bool {
    unlink(firedPath(point))
    return write("\(passage)", to: path(point))
  }

  /// Takes the order back, and says whether it was carried out before.
  package func settle(_ point: CrashPoint) -> Bool {
    unlink(path(point))
    return unlink(firedPath(point)) == 0
  }

  /// - Parameter seconds: 0 ends it.
  package func shiftClock(seconds: Int64) -> Bool {
    if seconds == 0 { return unlink(clockPath) == 0 || errno == ENOENT }
    return write("\(seconds)", to: clockPath)
  }

  // MARK: Who is broken

  package func hasFired(_ point: CrashPoint) -> Bool { access(firedPath(point), F_OK) == 0 }

  /// - Returns: false when the order is gone: another process of the service has died of it, or it
  ///   was taken back.
  func fire(_ point: CrashPoint) -> Bool { rename(path(point), firedPath(point)) == 0 }

  /// The same for a crash of the settings, which has no file.
  /// - Returns: false when its mark is there.
  func mark(_ point: CrashPoint) -> Bool {
    mkdir(folder, 0o700)
    let mark = open(firedPath(point), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    if mark >= 0 { close(mark) }
    return mark >= 0
  }

  /// The orders that stand. Blocking.
  package func crashes() -> [CrashPoint: Int] {
    var found: [CrashPoint: Int] = [:]
    guard access(folder, F_OK) == 0 else { return found }
    for point in CrashPoint.allCases {
      if let passage = number(at: path(point)), passage > 0 { found[point] = Int(passage) }
    }
    return found
  }

  package func clockShiftSeconds() -> Int64 { number(at: clockPath) ?? 0 }

  // MARK: Files

  private func write(_ text: String, to path: String) -> Bool {
    mkdir(folder, 0o700)
    let new = path + ".new"
    let file = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard file >= 0 else { return false }
    let bytes = Array(text.utf8)
    let isWhole = Glibc.write(file, bytes, bytes.count) == bytes.count
    return close(file) == 0 && isWhole && rename(new, path) == 0
  }

  private func number(at path: String) -> Int64? {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: Self.textBytesMax)
    let count = read(file, &bytes, bytes.count)
    return count > 0 ? Int64(String(decoding: bytes[..<count], as: UTF8.self)) : nil
  }
}
#endif
