/// What callers were told, under which key.
extension Check {
  static let answers: [Check] = [
    Check("same_answer_per_key", invariant: 2) { evidence in
      evidence.byRequest.compactMap { request, calls -> Finding? in
        let answers = calls.compactMap(\.comparable)
        guard let first = answers.first, let other = answers.first(where: { $0 != first }) else {
          return nil
        }
        return Finding(
          request.text, "\(first.text), then \(other.text)", expected: "one answer for ever")
      }
    },
    Check("one_effect_per_key", invariant: 3) { evidence in
      evidence.asked.compactMap { asked in
        let made = evidence.intents.filter {
          $0.merchant == asked.merchant && $0.description == asked.description
        }
        let isAnswered = evidence.calls.contains { call in
          guard call.payment == asked.number, call.method == .create else { return false }
          if case .intent = call.answer { return true }
          return false
        }
        guard made.count > 1 || (isAnswered && made.isEmpty) else { return nil }
        return Finding(
          "key of payment \(asked.number)", "\(made.count) payments: "
            + made.map(\.id).joined(separator: ", "), expected: "one")
      }
    },
    Check("other_payload_is_refused", invariant: 4) { evidence in
      evidence.calls.filter { call in
        let asked = evidence.asked.first { $0.number == call.payment }
        return call.method == .create && call.isDefinite
          && call.payload != asked.map { "\($0.amountMinor)" }
      }
      .filter {
        $0.answer != .refused(code: "failedPrecondition", reason: "IDEMPOTENCY_KEY_REUSED")
      }
      .map {
        Finding("key \($0.key)", "\($0.answer)", expected: "IDEMPOTENCY_KEY_REUSED")
      }
        + evidence.intents.filter { intent in
          !evidence.asked.contains {
            $0.merchant == intent.merchant && $0.description == intent.description
              && $0.amountMinor == intent.amountMinor
          }
        }
        .map { Finding($0.id, "\($0.amountMinor) for \($0.description)", expected: "as asked") }
    },
    Check("acknowledged_is_kept", invariant: 0) { evidence in
      evidence.calls.compactMap { call in
        guard case .intent(let id, let status, let version, _, _) = call.answer else { return nil }
        let intent = evidence.intents.first { $0.id == id }
        let change = intent?.changes.first { $0.version == version }
        if let change, change.status == status { return nil }
        let now = change?.status ?? (intent == nil ? "gone" : "no such version")
        return Finding(
          "\(id) version \(version)", "acknowledged \(status), now \(now)", expected: "kept")
      }
    },
    Check("reads_go_forward", invariant: 15) { evidence in
      Dictionary(grouping: evidence.reads, by: \.intent).flatMap { id, reads -> [Finding] in
        let ordered = reads.sorted { $0.startedAt < $1.startedAt }
        let history = evidence.intents.first { $0.id == id }?.changes ?? []
        var findings = ordered.compactMap { read -> Finding? in
          let seen = ordered.filter { $0.endedAt < read.startedAt }.map(\.version).max() ?? 0
          return read.version < seen
            ? Finding(id, "version \(read.version) after \(seen)", expected: "no step back") : nil
        }
        findings += ordered.compactMap { read in
          history.contains { $0.version == read.version && $0.status == read.status }
            ? nil
            : Finding(
              id, "read \(read.status) at version \(read.version)",
              expected: "a state of its history")
        }
        return findings
      }
    },
    Check("merchants_do_not_meet", invariant: 24) { evidence in
      evidence.strangers.filter { $0.answer != "notFound" }.map {
        Finding($0.intent, "another merchant was told \($0.answer)", expected: "notFound")
      }
    },
  ]
}

/// A merchant's method, key and payload.
private struct RequestKey: Hashable {
  let merchant: Int
  let method: String
  let key: String
  let payload: String

  var text: String { "merchant \(merchant) \(method) \(key) (\(payload))" }
}

extension Evidence {
  fileprivate var byRequest: [(RequestKey, [CallRecord])] {
    Dictionary(grouping: calls) {
      RequestKey(
        merchant: $0.merchant, method: $0.method.rawValue, key: $0.key, payload: $0.payload)
    }
    .map { ($0.key, $0.value) }
  }
}

/// An answer without the replay header.
private struct ComparableAnswer: Equatable {
  let text: String
  let bytes: [UInt8]
}

extension CallRecord {
  fileprivate var comparable: ComparableAnswer? {
    switch answer {
    case .intent(let id, let status, let version, let bytes, _):
      ComparableAnswer(text: "\(id) \(status) version \(version)", bytes: bytes)
    case .refused(let code, let reason): ComparableAnswer(text: "\(code) \(reason)", bytes: [])
    case .unknown: nil
    }
  }
}
