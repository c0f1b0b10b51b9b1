internal import CTLS
package import Reactor
internal import Synchronization

/// Certificates or keys could not be loaded. The text names the file's part, never its content.
package struct TLSError: Error, Hashable, CustomStringConvertible {
  package let description: String
}

/// A certificate chain, its key and the authority that peers must come from, read from PEM files.
/// Connections made after `reload(on:)` use the new files; those open keep theirs until they age out.
package final class TLSIdentity: Sendable {
  private let chainPath: String
  private let keyPath: String
  private let authorityPath: String
  private let loaded: Mutex<Loaded>

  private struct Loaded: Sendable {
    var server: TLSContext
    var client: TLSContext
    var generation: Int
  }

  /// Reads the files; blocks, so not on an event loop's thread once it runs.
  /// - Throws: `TLSError` when a file is missing or malformed or the key is another's.
  package init(chain: String, key: String, authority: String) throws(TLSError) {
    chainPath = chain
    keyPath = key
    authorityPath = authority
    let server = try TLSContext(isServer: true, chain: chain, key: key, authority: authority)
    let client = try TLSContext(isServer: false, chain: chain, key: key, authority: authority)
    loaded = Mutex(Loaded(server: server, client: client, generation: 1))
  }

  /// Reads the files again, on a worker, and uses them for new connections.
  /// - Throws: `TLSError`, `WorkersError`; what was loaded before stays in use.
  package func reload(on workers: Workers) async throws {
    try await workers.run { try self.readAgain() }
  }

  private func readAgain() throws(TLSError) {
    BlockingGuard.check("certificate files")
    let server = try TLSContext(
      isServer: true, chain: chainPath, key: keyPath, authority: authorityPath)
    let client = try TLSContext(
      isServer: false, chain: chainPath, key: keyPath, authority: authorityPath)
    loaded.withLock { loaded in
      loaded = Loaded(server: server, client: client, generation: loaded.generation + 1)
    }
  }

  /// How often files were loaded.
  package var generation: Int { loaded.withLock { $0.generation } }

  func context(isServer: Bool) -> TLSContext {
    loaded.withLock { isServer ? $0.server : $0.client }
  }
}

/// OpenSSL's settings for one role. Immutable once made, so any thread may use it.
final class TLSContext: @unchecked Sendable {
  let handle: OpaquePointer

  init(isServer: Bool, chain: String, key: String, authority: String) throws(TLSError) {
    var message = [CChar](repeating: 0, count: 256)
    guard
      let handle = ctls_context_new(isServer, chain, key, authority, &message, message.count)
    else { throw TLSError(description: TLSContext.text(message)) }
    self.handle = handle
  }

  deinit {
    ctls_context_free(handle)
  }

  static func text(_ message: [CChar]) -> String {
    String(decoding: message.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
