import Glibc
import InboundHTTP

/// The append-only file under the books: one line per group of changes that belong together.
///
/// A line is a checksum, a blank and a JSON array of records. Whoever waits for the disk first
/// writes for all who appended meanwhile, with one fdatasync; the next one then writes for the
/// rest. A torn last line, from a power cut or kill -9, is cut off at the next start; damage before
/// it is an error, because money would be missing.
final class Journal: Sendable {
  private struct State {
    var pending: [UInt8] = []
    /// Groups appended, and groups that survive.
    var appended: UInt64 = 0
    var durable: UInt64 = 0
    var isWriting = false
    /// The disk failed or the file is closed: nothing more becomes durable.
    var hasEnded = false
  }

  /// A killed predecessor may need this long to let go of the file.
  private static let lockMilliseconds: Int64 = 5000

  private let descriptor: Int32
  private let syncs: Bool
  private let state = Monitor(State())

  /// Opens or creates `path`, hands every record in it to `replay`, and goes on after it.
  init(path: String, syncs: Bool, replay: (Record) -> Void) throws {
    self.syncs = syncs
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError("open \(path)") }
    let limit = machineMilliseconds() + Journal.lockMilliseconds
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      let error = SystemError("lock \(path) (does another gateway-sim use it?)")
      guard machineMilliseconds() < limit else {
        close(descriptor)
        throw error
      }
      sleepMilliseconds(20)
    }
    let content = try Journal.readAll(descriptor)
    let valid = try Journal.replayLines(content, path: path, replay)
    if valid < content.count, ftruncate(descriptor, off_t(valid)) != 0 {
      throw SystemError("truncate \(path)")
    }
    guard lseek(descriptor, off_t(valid), SEEK_SET) >= 0 else { throw SystemError("seek \(path)") }
  }

  /// Queues one group; the caller holds the lock under which the books changed, so that the file
  /// has the order of the changes. An empty group is a ticket for everything before it.
  func append(_ records: [Record]) -> UInt64 {
    guard !records.isEmpty else { return state.withLock { $0.appended } }
    var writer = JSONWriter()
    writer.array(nil) { out in for record in records { record.write(to: &out) } }
    let line = writer.bytes
    let checksum = line.withUnsafeBytes(Journal.checksum)
    return state.withLock { state in
      state.pending.append(contentsOf: checksum)
      state.pending.append(UInt8(ascii: " "))
      state.pending.append(contentsOf: line)
      state.pending.append(UInt8(ascii: "\n"))
      state.appended += 1
      return state.appended
    }
  }

  private enum Turn {
    case done(Bool)
    case write([UInt8], last: UInt64)
  }

  /// Waits until the group is on disk, or writes it. False if the disk failed: then nothing may be
  /// answered.
  func wait(_ ticket: UInt64) -> Bool {
    while true {
      let turn = state.wait { state -> Turn? in
        if state.durable >= ticket { return .done(true) }
        if state.hasEnded { return .done(false) }
        if state.isWriting { return nil }
        state.isWriting = true
        defer { state.pending = [] }
        return .write(state.pending, last: state.appended)
      }
      switch turn {
      case .done(let isDurable): return isDurable
      case .write(let bytes, let last): writeBatch(bytes, last)
      case nil: return false
      }
    }
  }

  private func writeBatch(_ bytes: [UInt8], _ last: UInt64) {
    let isWritten = Journal.writeAll(descriptor, bytes) && (!syncs || fdatasync(descriptor) == 0)
    state.change { state in
      state.isWriting = false
      if isWritten { state.durable = last } else { state.hasEnded = true }
    }
  }

  /// Writes what is pending and closes the file.
  func stop() {
    _ = wait(append([]))
    let mayClose = state.wait { state -> Bool? in
      if state.isWriting { return nil }
      defer { state.hasEnded = true }
      return !state.hasEnded
    }
    if mayClose == true { close(descriptor) }
    state.wakeAll()
  }

  private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        let count = Glibc.write(
          descriptor,
          buffer.baseAddress?.advanced(by: written),
          buffer.count - written
        )
        if count > 0 {
          written += count
        } else if errno != EINTR {
          return false
        }
      }
      return true
    }
  }

  private static func readAll(_ descriptor: Int32) throws(SystemError) -> [UInt8] {
    var content: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      if count == 0 { return content }
      guard count > 0 else { throw SystemError("read the books") }
      content.append(contentsOf: chunk[..<count])
    }
  }

  private static func checksum(_ line: UnsafeRawBufferPointer) -> [UInt8] {
    let text = String(checksum64(line), radix: 16)
    return Array((String(repeating: "0", count: 16 - text.utf8.count) + text).utf8)
  }

  /// Returns the length of the part that is whole.
  private static func replayLines(
    _ content: [UInt8],
    path: String,
    _ replay: (Record) -> Void
  ) throws(BooksDamaged) -> Int {
    var start = 0
    while let end = content[start...].firstIndex(of: UInt8(ascii: "\n")) {
      guard let records = records(content[start..<end]) else {
        if content[(end + 1)...].contains(UInt8(ascii: "\n")) {
          throw BooksDamaged(path: path, offset: start)
        }
        return start
      }
      for record in records { replay(record) }
      start = end + 1
    }
    return start
  }

  private static func records(_ line: ArraySlice<UInt8>) -> [Record]? {
    guard line.count > 17 else { return nil }
    let body = line.dropFirst(17)
    guard line.prefix(16).elementsEqual(body.withUnsafeBytes(checksum)),
      let json = JSON(parsing: Array(body)),
      let items = json.items
    else { return nil }
    let records = items.compactMap(Record.init)
    return records.count == items.count ? records : nil
  }
}

/// The books cannot be trusted: a line before the last one does not match its checksum.
package struct BooksDamaged: Error, CustomStringConvertible {
  let path: String
  let offset: Int
  package var description: String {
    "the books \(path) are damaged at byte \(offset): move the file away to start with empty books"
  }
}
