import Money
import Seal
import Synchronization
import VaultCore

/// The keys in memory: the key-encryption keys of the file, and unwrapped keys of merchants.
final class KeyRing: Sendable {
  /// Most unwrapped keys kept; beyond, the cache starts afresh.
  static let cachedMax = 10_000

  /// The one that wraps.
  let wrapping: KeyEncryptionKey
  fileprivate let byID: [String: KeyEncryptionKey]
  private let cache = Mutex<[KeyName: SecretBytes]>([:])

  /// Why a key cannot be used. Tells nothing of it.
  enum KeyError: Error, Hashable, Sendable {
    /// The key file lacks the key that wrapped it.
    case wrappingKeyAbsent(id: String)
    /// What the table holds is not what was wrapped.
    case notAuthentic
    case destroyed
  }

  /// - Parameter keys: the wrapping one first; at least one.
  init?(_ keys: [KeyEncryptionKey]) {
    guard let first = keys.first else { return nil }
    wrapping = first
    byID = Dictionary(keys.map { ($0.id, $0) }) { first, _ in first }
  }

  /// The key in the clear, from the cache or from its wrapped form.
  func key(
    _ name: KeyName,
    wrappedBy id: String,
    wrapped: [UInt8]?
  ) throws(KeyError) -> SecretBytes {
    if let key = cache.withLock({ $0[name] }) { return key }
    guard let wrapped else { throw .destroyed }
    guard let outer = byID[id] else { throw .wrappingKeyAbsent(id: id) }
    guard let key = try? Envelope.unwrap(wrapped, as: name, with: outer) else {
      throw .notAuthentic
    }
    cache.withLock { cache in
      if cache.count >= Self.cachedMax { cache.removeAll(keepingCapacity: true) }
      cache[name] = key
    }
    return key
  }

  /// A fresh key and its wrapped form. It is not cached: the transaction may not commit.
  func make(_ name: KeyName) throws(SealError) -> [UInt8] {
    try Envelope.wrap(Envelope.makeKey(), as: name, with: wrapping)
  }

  func wrap(_ key: SecretBytes, as name: KeyName) throws(SealError) -> [UInt8] {
    try Envelope.wrap(key, as: name, with: wrapping)
  }

  /// A destroyed key leaves memory too.
  func forget(_ name: KeyName) {
    cache.withLock { $0[name] = nil }
  }
}

extension KeyRing {
  /// The keys of the file that only unwrap.
  var otherIDs: [String] { byID.keys.filter { $0 != wrapping.id }.sorted() }
}
