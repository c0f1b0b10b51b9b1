import Glibc

/// The append-only file under the books: one line per group of changes that belong together.
///
/// A line is a checksum, a blank and a JSON array of records. One thread writes what came since its
/// last write and calls fdatasync once for all of it; `wait` returns when that covered a ticket. A
/// torn last line, from a power cut or kill -9, is cut off at the next start; damage before it is
/// an error, because money would be missing.
final class Journal: Sendable {
  /// Only the writing thread waits on this.
  private struct Queue {
    var pending: [UInt8] = []
    var appended: UInt64 = 0
    var isClosing = false
  }

  /// The requests wait on this; it changes once per write, not once per request.
  private struct Progress {
    var durable: UInt64 = 0
    /// The disk failed or the file is closed: nothing more becomes durable.
    var hasEnded = false
  }

  private let descriptor: Int32
  private let queue = Monitor(Queue())
  private let progress = Monitor(Progress())

  /// Opens or creates `path`, hands every record in it to `replay`, and starts writing after it.
  init(path: String, replay: (Record) -> Void) throws {
    descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw SystemError("open \(path)") }
    guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
      let error = SystemError("lock \(path) (does another gateway-sim use it?)")
      close(descriptor)
      throw error
    }
    let content = try Journal.readAll(descriptor)
    let valid = try Journal.replayLines(content, path: path, replay)
    if valid < content.count, ftruncate(descriptor, off_t(valid)) != 0 {
      throw SystemError("truncate \(path)")
    }
    guard lseek(descriptor, off_t(valid), SEEK_SET) >= 0 else { throw SystemError("seek \(path)") }
    guard startThread({ self.writeLoop() }) else {
      throw SystemError("start a thread", code: EAGAIN)
    }
  }

  /// Queues one group; the caller holds the lock under which the books changed, so that the file
  /// has the order of the changes. An empty group is a ticket for everything before it.
  func append(_ records: [Record]) -> UInt64 {
    guard !records.isEmpty else { return queue.withLock { $0.appended } }
    var writer = JSONWriter()
    writer.array(nil) { out in for record in records { record.write(to: &out) } }
    let line = writer.bytes
    let checksum = Journal.checksum(line)
    return queue.change { queue in
      queue.pending.append(contentsOf: checksum)
      queue.pending.append(UInt8(ascii: " "))
      queue.pending.append(contentsOf: line)
      queue.pending.append(UInt8(ascii: "\n"))
      queue.appended += 1
      return queue.appended
    }
  }

  /// Waits until the group is on disk. False if the disk failed: then nothing may be answered.
  func wait(_ ticket: UInt64) -> Bool {
    progress.wait { progress -> Bool? in
      if progress.durable >= ticket { return true }
      return progress.hasEnded ? false : nil
    } ?? false
  }

  /// Writes what is pending and closes the file.
  func stop() {
    queue.change { $0.isClosing = true }
    _ = progress.wait { $0.hasEnded ? true : nil }
  }

  private func writeLoop() {
    while true {
      let batch = queue.wait { queue -> (bytes: [UInt8], last: UInt64)? in
        guard !queue.pending.isEmpty || queue.isClosing else { return nil }
        defer { queue.pending = [] }
        return (queue.pending, queue.appended)
      }
      guard let batch, !batch.bytes.isEmpty, Journal.writeAll(descriptor, batch.bytes),
        fdatasync(descriptor) == 0
      else { break }
      progress.change { $0.durable = batch.last }
    }
    close(descriptor)
    progress.change { $0.hasEnded = true }
  }

  private static func writeAll(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    bytes.withUnsafeBytes { buffer in
      var written = 0
      while written < buffer.count {
        let count = write(
          descriptor, buffer.baseAddress?.advanced(by: written), buffer.count - written)
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

  private static func checksum(_ line: some Sequence<UInt8>) -> [UInt8] {
    let text = String(hash64(line), radix: 16)
    return Array((String(repeating: "0", count: 16 - text.utf8.count) + text).utf8)
  }

  /// Returns the length of the part that is whole.
  private static func replayLines(
    _ content: [UInt8], path: String, _ replay: (Record) -> Void
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
    guard line.prefix(16).elementsEqual(checksum(body)), let json = JSON(parsing: Array(body)),
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
