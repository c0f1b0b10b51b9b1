import Money

/// Amounts as people write them: `49.99 EUR`.
enum AmountArgument {
  /// - Throws: `Failure` (64) that says what is wrong, in one line.
  static func parse(_ number: String, _ code: String) throws -> Amount {
    guard let currency = Currency(code) else {
      throw Failure(
        "\(code) is no currency", next: "three capital letters of ISO 4217, such as EUR",
        status: .usage)
    }
    let amount: Amount
    do {
      amount = try Amount.parse(number, currency)
    } catch {
      throw Failure(
        "\(number) \(code) is no amount", next: "\(error)", status: .usage)
    }
    guard amount.minor > 0 else {
      throw Failure("an amount must be above zero", next: "write 0.01 or more", status: .usage)
    }
    return amount
  }

  /// The same, given as one text or two.
  static func parse(_ words: [String]) throws -> Amount {
    let parts = words.flatMap { $0.split(separator: " ").map(String.init) }
    guard parts.count == 2 else {
      throw Failure(
        "an amount is a number and a currency", next: "such as 9.99 EUR", status: .usage)
    }
    return try parse(parts[0], parts[1])
  }
}
