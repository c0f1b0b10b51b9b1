/// CSV as gateways write it (RFC 4180), a piece at a time and in bounded memory: commas, fields in
/// double quotes with "" for a quote, CR LF or LF, a byte order mark at the start.
package struct CSVReader: Sendable {
  package static let fieldBytesMax = 4_096
  package static let fieldsMax = 200
  package static let recordBytesMax = 65_536

  /// One record with the number of the line it began on.
  package typealias Handler = (_ fields: [String], _ line: Int) throws(ReportError) -> Void

  private enum State { case fieldStart, plain, quoted, quoteInQuoted, carriageReturn }

  private var state = State.fieldStart
  private var field: [UInt8] = []
  private var fields: [String] = []
  private var recordBytes = 0
  private var bytesSeen = 0
  private var line = 1
  private var recordLine = 1

  package init() {}

  /// - Throws: `recordTooLong`, `tooManyFields`, `quoteMisplaced`, `notUTF8`; what `handler` throws.
  package mutating func read(
    _ bytes: ArraySlice<UInt8>, _ handler: Handler
  ) throws(ReportError) {
    for byte in bytes {
      bytesSeen += 1
      if bytesSeen <= 3, field.count == bytesSeen - 1, byte == Self.mark[bytesSeen - 1],
        state != .quoted
      {
        // Part of the mark, or the beginning of a name with these very bytes: no column has one.
        field.append(byte)
        if bytesSeen == 3 { field = [] }
        continue
      }
      try read(byte, handler)
    }
  }

  /// The last record, which may lack its line's end.
  /// - Throws: `quoteMisplaced`, `notUTF8`; what `handler` throws.
  package mutating func finish(_ handler: Handler) throws(ReportError) {
    switch state {
    case .quoted: throw .quoteMisplaced(line: recordLine)
    case .carriageReturn: try endRecord(handler)
    case .fieldStart, .plain, .quoteInQuoted:
      if recordBytes > 0 { try endRecord(handler) }
    }
  }

  private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]

  private mutating func read(_ byte: UInt8, _ handler: Handler) throws(ReportError) {
    if state == .carriageReturn {
      guard byte == 0x0A else { throw .quoteMisplaced(line: recordLine) }
      return try endRecord(handler)
    }
    recordBytes += 1
    guard recordBytes <= Self.recordBytesMax else { throw .recordTooLong(line: recordLine) }
    switch (state, byte) {
    case (.quoted, 0x22): state = .quoteInQuoted
    case (.quoted, _):
      if byte == 0x0A { line += 1 }
      try append(byte)
    case (.fieldStart, 0x22): state = .quoted
    case (.quoteInQuoted, 0x22):
      state = .quoted
      try append(byte)
    case (_, 0x2C): try endField()
    case (_, 0x0D): state = .carriageReturn
    case (_, 0x0A): try endRecord(handler)
    case (.quoteInQuoted, _), (.plain, 0x22): throw .quoteMisplaced(line: recordLine)
    default:
      state = .plain
      try append(byte)
    }
  }

  private mutating func append(_ byte: UInt8) throws(ReportError) {
    guard field.count < Self.fieldBytesMax else { throw .recordTooLong(line: recordLine) }
    field.append(byte)
  }

  private mutating func endField() throws(ReportError) {
    guard fields.count < Self.fieldsMax else { throw .tooManyFields(line: recordLine) }
    guard let text = String(validating: field, as: UTF8.self) else {
      throw .notUTF8(line: recordLine)
    }
    fields.append(text)
    field.removeAll(keepingCapacity: true)
    state = .fieldStart
  }

  private mutating func endRecord(_ handler: Handler) throws(ReportError) {
    let isBlank = fields.isEmpty && field.isEmpty && recordBytes <= 2 && state != .quoteInQuoted
    try endField()
    let record = fields
    let began = recordLine
    fields.removeAll(keepingCapacity: true)
    recordBytes = 0
    line += 1
    recordLine = line
    if !isBlank { try handler(record, began) }
  }
}
