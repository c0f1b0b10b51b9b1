import GatewayCore
import Money
import Outbox
import Postgres
import ServiceKit

/// What became of a word about a contradicted set-up.
struct SetupReview: Sendable {
  /// None of its alerts is open any more.
  var isOver: Bool
  /// Who has looked, whoever said so first in front.
  var people: [String]
}

extension SetupFlow {
  /// One operator says that a contradiction was looked at. Within the claim's transaction.
  /// - Throws: SETUP_INTENT_NOT_FOUND, SETUP_NOT_CONTRADICTED, SECOND_PERSON_REQUIRED.
  func review(
    _ id: SetupIntentID, _ words: String, in transaction: borrowing Transaction
  ) async throws -> SetupReview {
    let stamp = environment.stamp
    // Whoever raises or ends its alerts holds the set-up's row.
    let rows = try await transaction.query(SetupStatements.lock(id))
    guard let row = rows.first, rows.count == 1 else {
      throw RPCFailure.notFound("SETUP_INTENT_NOT_FOUND", "There is no setup intent \(id).")
    }
    let merchant = try SetupRecord(row).merchant
    let open = try await transaction.query(SetupReviewStatements.open(about: id))
      .decode((String, [String]).self)
    guard !open.isEmpty else {
      throw RPCFailure.failedPrecondition(
        "SETUP_NOT_CONTRADICTED",
        "No alert about a contradiction of \(id) is open: there is nothing to end.")
    }
    let answers = open.compactMap { kind, people in
      SetupConflict(rawValue: kind).map { conflict in
        (conflict, SetupReviewRule.answer(to: stamp.actor, about: conflict, after: people))
      }
    }
    let news = answers.filter { $0.1 != .secondPersonRequired }.map(\.0)
    guard !news.isEmpty else {
      throw RPCFailure.failedPrecondition(
        "SECOND_PERSON_REQUIRED", "You have said so already: another operator ends it.")
    }
    let ended = answers.filter { $0.1 == .ended }.map { $0.0.alertKey(about: id) }
    _ = try await transaction.batch([
      SetupReviewStatements.say(words, about: news, of: id, merchant, stamp),
      Alerts.resolve(dedupKeys: ended, actor: stamp.actor),
    ])
    let earlier = open.flatMap(\.1).filter { $0 != stamp.actor }
    return SetupReview(
      isOver: ended.count == answers.count,
      people: earlier.reduce(into: []) { if !$0.contains($1) { $0.append($1) } } + [stamp.actor])
  }
}
