import LedgerCore
import Money
import Synchronization

/// Remembers the ids of accounts and which of them exist, so that a batch names only new ones.
final class AccountDirectory: Sendable {
  /// Most accounts remembered; beyond, it starts afresh.
  static let accountsMax = 100_000

  private struct State {
    var ids: [AccountKey: AccountID] = [:]
    var existing: Set<AccountID> = []
  }

  private let state = Mutex(State())

  /// The account's id: it derives from merchant, code and currency.
  func id(of entry: BookableEntry, of merchant: MerchantID) -> AccountID {
    let key = AccountKey(
      merchant: merchant,
      code: entry.account.description,
      currency: entry.currency
    )
    return state.withLock { state in
      if let id = state.ids[key] { return id }
      if state.ids.count >= Self.accountsMax { state.ids.removeAll(keepingCapacity: true) }
      let id = key.id
      state.ids[key] = id
      return id
    }
  }

  func exists(_ account: AccountID) -> Bool {
    state.withLock { $0.existing.contains(account) }
  }

  /// The accounts' rows are committed.
  func commit(_ accounts: [AccountID]) {
    guard !accounts.isEmpty else { return }
    state.withLock { state in
      if state.existing.count + accounts.count > Self.accountsMax {
        state.existing.removeAll(keepingCapacity: true)
      }
      state.existing.formUnion(accounts)
    }
  }

  /// An account that should exist does not.
  func forget() {
    state.withLock { $0.existing.removeAll(keepingCapacity: true) }
  }
}
