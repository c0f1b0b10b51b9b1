/// What somebody does whose report the ledger has refused. Nothing of it is kept: every way
/// on begins from the file.
enum ReportAdvice {
  static let next: [String: String] = [
    "REPORT_HASH_DIFFERS":
      "it is not the file that --sha256 means: fetch it again, or compare with tender reports list",
    "REPORT_ENCODING_INVALID":
      "import it as the gateway gave it, not as another program has saved it",
    "REPORT_TRUNCATED": "it is not whole: fetch it again",
    "REPORT_MALFORMED":
      "fetch it again; if it is the same, check that it is a report of this --gateway and --kind",
    "REPORT_TYPE_UNKNOWN":
      "fetch it again; if it is the same, the gateway has a type that this version does not know",
    "REPORT_ACCOUNT_DIFFERS": "name the account that it is of with --gateway",
    "REPORT_CURRENCY_DIFFERS": "check --currency, and that it is the right file",
    "REPORT_TOTAL_DIFFERS":
      "lines are missing, or the total is mistyped: fetch it again, or mend --payout",
    "REPORT_DUPLICATE": "nothing is to do: it has been imported",
    "REPORT_REENCODED": "nothing is to do: its lines have been imported from another file",
    "BOOKS_UNKNOWN": "name the right books: with --live, or without",
    "PART_KEY_DIFFERS": "send it as a whole again, with another --key",
  ]

  /// The same failure with what to do, and the reason behind it; nil for reasons of other kinds.
  static func failure(_ failure: Failure, _ reason: String) -> Failure? {
    next[reason].map {
      Failure(failure.message, next: "\($0) (\(reason))", status: failure.status)
    }
  }
}
