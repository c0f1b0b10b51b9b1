import Synchronization

/// Looks on while the load runs, as anybody may: reads of payments, the state of the breakers, and
/// the ledger as it is in the middle of it.
final class LoadWatch: Sendable {
  static let readEvery: Duration = .milliseconds(100)
  static let breakersEvery: Duration = .milliseconds(80)
  /// When the ledger's rows are remembered.
  static let ledgerAt: Duration = .milliseconds(9_500)
  /// PostgreSQL may just be away.
  static let ledgerPause: Duration = .milliseconds(500)
  static let limit: Duration = .seconds(2)

  private struct Seen {
    var halfOpen = 0
    var ledger: LedgerPrefix?
  }

  let session: ServiceSession
  let reader: @Sendable (_ intent: String, _ merchant: Int) async -> Void
  let queries: EvidenceQueries
  let history: CallHistory
  let seed: UInt64
  private let seen = Mutex(Seen())

  init(
    session: ServiceSession, queries: EvidenceQueries, history: CallHistory, seed: UInt64,
    reader: @escaping @Sendable (_ intent: String, _ merchant: Int) async -> Void
  ) {
    (self.session, self.queries, self.history) = (session, queries, history)
    (self.seed, self.reader) = (seed, reader)
  }

  var halfOpenSeen: Int { seen.withLock { $0.halfOpen } }
  var ledger: LedgerPrefix? { seen.withLock { $0.ledger } }

  /// Until it is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await self.reads() }
      group.addTask { await self.breakers() }
      group.addTask { await self.ledgerOnce() }
    }
  }

  /// One payment after another, in an order of the seed's; each is read on.
  private func reads() async {
    var random = SeededRandom(seed: seed)
    while await pause(Self.readEvery) {
      let known = history.known.sorted { $0.key < $1.key }
      guard let (intent, merchant) = known.randomElement(using: &random) else { continue }
      await reader(intent, merchant)
    }
  }

  private func breakers() async {
    let states = BreakerStates(session: session)
    while await pause(Self.breakersEvery) {
      // gateway-router may be away, or stand still.
      guard let found = try? await states.read(within: Self.limit) else { continue }
      if found.contains("half_open") { seen.withLock { $0.halfOpen += 1 } }
    }
  }

  private func ledgerOnce() async {
    guard await pause(Self.ledgerAt) else { return }
    repeat {
      if let prefix = try? await queries.ledgerPrefix(upTo: nil) {
        seen.withLock { $0.ledger = prefix }
        return
      }
    } while await pause(Self.ledgerPause)
  }

  /// - Returns: false once it is cancelled.
  private func pause(_ time: Duration) async -> Bool {
    do {
      try await Task.sleep(for: time)
      return true
    } catch { return false }
  }
}
