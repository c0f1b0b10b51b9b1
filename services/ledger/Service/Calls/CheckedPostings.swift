import LedgerCore
import Money
import ServiceKit
import Wire

/// The commands of one request, checked by the rules that need no table, in order.
struct CheckedPostings: Sendable {
  private enum Place: Sendable {
    /// Position among the bookable.
    case bookable(Int)
    case refused(PostingRefusal)
  }

  private var ids: [String] = []
  private var places: [Place] = []
  private(set) var bookable: [PendingPosting] = []
  /// Facts that cannot be booked: somebody must act, for what happened is not in the books.
  private(set) var refusedFacts: [(command: PostingCommand, reason: String)] = []

  /// - Parameter isOperator: one person sends it, whom nobody has approved.
  /// - Throws: INVALID_ARGUMENT for an id that is no `ltx_` id.
  init(
    _ commands: [LedgerV1.PostingCommand],
    actor: String,
    traceID: [UInt8]?,
    isOperator: Bool
  ) throws(RPCFailure) {
    ids.reserveCapacity(commands.count)
    var checked: [Result<BookablePosting, PostingRefusal>] = []
    checked.reserveCapacity(commands.count)
    let links = PostingChain.links(commands.map(\.linked))
    for (index, wire) in commands.enumerated() {
      guard let id = LedgerTransactionID(wire.transactionID) else {
        throw RPCFailure.invalid(
          "commands[\(index)].transaction_id",
          "ID_INVALID",
          "The id is not an `ltx_` id."
        )
      }
      ids.append(wire.transactionID)
      let command = PostingCommand(wire, id: id)
      do throws(PostingRefusal) {
        let posting = try PostingRules.check(command, link: links[index])
        if isOperator, PostingTable.needsTwoPeople(posting) { throw .kindNeedsApproval }
        checked.append(.success(posting))
      } catch {
        checked.append(.failure(error))
        // Giving something up is a decision: nothing has happened that the books would lack.
        if command.recordsFact, error != .kindNeedsApproval {
          refusedFacts.append((command, error.rawValue))
        }
      }
    }
    // Nothing of a chain is booked if one of it can never be.
    for chain in PostingChain.ranges(commands.map(\.linked)) {
      let isBroken = checked[chain].contains { if case .failure = $0 { true } else { false } }
      guard isBroken else { continue }
      for index in chain {
        if case .success = checked[index] { checked[index] = .failure(.linkedTransactionFailed) }
      }
    }
    places.reserveCapacity(commands.count)
    bookable.reserveCapacity(commands.count)
    for (result, command) in zip(checked, commands) {
      switch result {
      case .success(let posting):
        places.append(.bookable(bookable.count))
        bookable.append(
          PendingPosting(
            posting: posting,
            actor: actor,
            traceID: traceID,
            isLinked: command.linked
          )
        )
      case .failure(let refusal): places.append(.refused(refusal))
      }
    }
  }

  /// One result per command, in the commands' order.
  func results(with outcomes: [PostingOutcome]) -> [LedgerV1.PostingResult] {
    zip(ids, places).map { id, place in
      switch place {
      case .refused(let refusal):
        LedgerV1.PostingResult(transactionID: id, status: .rejected, reason: refusal.rawValue)
      case .bookable(let index):
        switch outcomes[index] {
        case .created: LedgerV1.PostingResult(transactionID: id, status: .created)
        case .exists: LedgerV1.PostingResult(transactionID: id, status: .exists)
        case .differs(let field):
          LedgerV1.PostingResult(
            transactionID: id,
            status: .existsWithDifference,
            difference: field
          )
        case .rejected(let reason):
          LedgerV1.PostingResult(transactionID: id, status: .rejected, reason: reason)
        }
      }
    }
  }
}
