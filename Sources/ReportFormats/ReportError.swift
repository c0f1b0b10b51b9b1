import Money

/// Why a report is not taken. One bad line refuses the whole: a part of the truth would be booked as
/// all of it.
package enum ReportError: Error, Sendable, Hashable, CustomStringConvertible {
  case empty
  case tooManyLines(max: Int)
  case tooManyBatches(max: Int)
  case recordTooLong(line: Int)
  case tooManyFields(line: Int)
  case quoteMisplaced(line: Int)
  case notUTF8(line: Int)
  case columnMissing(String)
  case columnTwice(String)
  case fieldCount(line: Int, expected: Int, found: Int)
  case unknownType(line: Int, String)
  case amountInvalid(line: Int, column: String)
  case amountTooLarge(line: Int, column: String)
  case currencyUnknown(line: Int)
  case otherAccount(line: Int)
  /// Gross less fee is not net.
  case lineDoesNotAdd(line: Int)
  /// A batch's lines and its payout do not come to zero.
  case batchDoesNotAdd(batch: String)

  package var description: String {
    switch self {
    case .empty: "it has no header"
    case .tooManyLines(let max): "it has more than \(max) lines"
    case .tooManyBatches(let max): "it has more than \(max) batches"
    case .recordTooLong(let line): "line \(line) is too long"
    case .tooManyFields(let line): "line \(line) has more than \(CSVReader.fieldsMax) fields"
    case .quoteMisplaced(let line): "line \(line) is no CSV"
    case .notUTF8(let line): "line \(line) is not UTF-8"
    case .columnMissing(let name): "column \(name) is missing"
    case .columnTwice(let name): "column \(name) is there twice"
    case .fieldCount(let line, let expected, let found):
      "line \(line) has \(found) fields instead of \(expected)"
    case .unknownType(let line, let type): "line \(line) is of a type nobody knows: \(type)"
    case .amountInvalid(let line, let column): "line \(line) has no amount in \(column)"
    case .amountTooLarge(let line, let column):
      "line \(line) has more than \(ReportParser.amountMinorMax) minor units in \(column)"
    case .currencyUnknown(let line): "line \(line) has a currency nobody knows"
    case .otherAccount(let line): "line \(line) is about another account"
    case .lineDoesNotAdd(let line): "line \(line): gross less fee is not net"
    case .batchDoesNotAdd(let batch): "the lines of batch \(batch) and its payout do not come to zero"
    }
  }

  /// A text of the report as it may be said: not too much of it, and nothing that may be a card number.
  static func shown(_ text: String) -> String {
    CardNumberDetector.contains(text) ? "withheld" : String(text.prefix(64))
  }
}
