import Money

/// Reads a report a piece at a time: columns by the header's names, in any order. Unknown columns are
/// kept; an unknown type, another account or a sum that is wrong refuses the report.
package struct ReportParser: Sendable {
  private let kind: ReportKind
  private let account: String
  private let layout: ReportLayout
  private var csv = CSVReader()
  private var columns: ReportColumns?
  private var batches: [ReportBatch: Int64] = [:]

  /// Batches of one report whose sums are kept.
  package static let batchesMax = 10_000
  /// Of one amount, either way: nobody moves so much at once, and sums of lines stay far from 64 bits.
  package static let amountMinorMax: Int64 = 1_000_000_000_000_000

  /// - Parameter account: whose report it must be; lines that name an account name this one.
  package init(_ kind: ReportKind, account: String) {
    self.kind = kind
    self.account = account
    layout = ReportLayout.of(kind)
  }

  /// - Throws: what is wrong with the piece; then the report is refused.
  package mutating func read(
    _ bytes: ArraySlice<UInt8>, _ handler: (ReportRow) -> Void
  ) throws(ReportError) {
    var rows: [ReportRow] = []
    var (columns, batches) = (columns, batches)
    var csv = csv
    try csv.read(bytes) { (fields, line) throws(ReportError) in
      try take(fields, line, &columns, &batches, &rows)
    }
    (self.columns, self.batches, self.csv) = (columns, batches, csv)
    rows.forEach(handler)
  }

  /// - Throws: what is wrong with the last line or with the whole.
  package mutating func finish(_ handler: (ReportRow) -> Void) throws(ReportError) {
    var rows: [ReportRow] = []
    var (columns, batches) = (columns, batches)
    var csv = csv
    try csv.finish { (fields, line) throws(ReportError) in
      try take(fields, line, &columns, &batches, &rows)
    }
    guard columns != nil else { throw .empty }
    // Everything that was settled and the payout of it: Adyen's own control total.
    if kind == .settlementDetail {
      for (batch, sum) in batches.sorted(by: { $0.key.number < $1.key.number }) where sum != 0 {
        throw .batchDoesNotAdd(batch: ReportError.shown(batch.number))
      }
    }
    rows.forEach(handler)
  }

  private func take(
    _ fields: [String], _ line: Int, _ columns: inout ReportColumns?,
    _ batches: inout [ReportBatch: Int64], _ rows: inout [ReportRow]
  ) throws(ReportError) {
    guard let known = columns else {
      columns = try ReportColumns(fields, required: layout.required)
      return
    }
    guard fields.count == known.names.count else {
      throw .fieldCount(line: line, expected: known.names.count, found: fields.count)
    }
    let row = try layout.row(ReportRecord(known, fields, line), kind, account)
    if let net = row.net, kind == .settlementDetail {
      let batch = ReportBatch(number: row.batch, currency: net.currency)
      guard batches.count < Self.batchesMax || batches[batch] != nil else {
        throw .tooManyBatches(max: Self.batchesMax)
      }
      let sum = (batches[batch] ?? 0).addingReportingOverflow(net.minor)
      guard !sum.overflow else { throw .amountInvalid(line: line, column: "net") }
      batches[batch] = sum.partialValue
    }
    rows.append(row)
  }
}

struct ReportBatch: Sendable, Hashable {
  var number: String
  var currency: Currency
}

/// The header.
struct ReportColumns: Sendable {
  let names: [String]
  private let places: [String: Int]

  init(_ names: [String], required: [String]) throws(ReportError) {
    var places: [String: Int] = [:]
    for (place, name) in names.enumerated() where !name.isEmpty {
      // Adyen fills up with columns of one name.
      guard places[name] == nil || !required.contains(name) else { throw .columnTwice(name) }
      places[name] = places[name] ?? place
    }
    for name in required where places[name] == nil { throw .columnMissing(name) }
    self.names = names
    self.places = places
  }

  func place(_ name: String) -> Int? { places[name] }
}

/// One line under its header.
struct ReportRecord {
  private let columns: ReportColumns
  private let fields: [String]
  let line: Int

  init(_ columns: ReportColumns, _ fields: [String], _ line: Int) {
    self.columns = columns
    self.fields = fields
    self.line = line
  }

  /// Empty for a column that is not there.
  subscript(name: String) -> String { columns.place(name).map { fields[$0] } ?? "" }

  func others(besides known: Set<String>) -> [String: String] {
    var result: [String: String] = [:]
    for (name, field) in zip(columns.names, fields) where !known.contains(name) && !field.isEmpty {
      result[name] = field
    }
    return result
  }

  func currency(_ name: String) throws(ReportError) -> Currency {
    guard let currency = Currency(self[name].uppercased()) else {
      throw .currencyUnknown(line: line)
    }
    return currency
  }

  /// "-49.99" with a decimal point; zeros behind what the currency has are allowed, an empty field is
  /// nil.
  func amount(_ name: String, _ currency: Currency) throws(ReportError) -> Amount? {
    let text = self[name]
    guard !text.isEmpty else { return nil }
    let isNegative = text.hasPrefix("-")
    var digits = isNegative ? text.dropFirst() : text[...]
    if let point = digits.firstIndex(of: ".") {
      let exponent = currency.exponent
      while digits.hasSuffix("0"), digits.distance(from: point, to: digits.endIndex) - 1 > exponent {
        digits.removeLast()
      }
      if digits.hasSuffix(".") { digits.removeLast() }
    }
    let amount: Amount
    do throws(AmountParseError) {
      amount = try Amount.parse(String(digits), currency)
    } catch {
      throw error == .overflow
        ? .amountTooLarge(line: line, column: name) : .amountInvalid(line: line, column: name)
    }
    guard amount.minor <= ReportParser.amountMinorMax else {
      throw .amountTooLarge(line: line, column: name)
    }
    return Amount(currency, minor: isNegative ? -amount.minor : amount.minor)
  }
}
