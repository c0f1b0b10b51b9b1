/// The shard of the books: everything a transaction touches lies in one, and each has one writer at
/// a time. Today there is one; the column is in every key, so that there can be more.
enum LedgerShard {
  static let only: Int16 = 0
  static let all = [only]
}
