/// What callers were told, under which key.
extension Check {
  static let answers: [Check] = [
    Check(
      "same_answer_per_key", invariant: 2,
      "all answers to one key and payload are equal, byte by byte"
    ) { evidence in
      evidence.byRequest.compactMap { request, calls -> Finding? in
        let answers = calls.compactMap(\.comparable)
        guard let first = answers.first, let other = answers.first(where: { $0 != first }) else {
          return nil
        }
        return Finding(
          request.text, "\(first.text), then \(other.text)", expected: "one answer for ever")
      }
    },
    Check(
      "one_effect_per_key", invariant: 3,
      "one key makes one payment, however many ask"
    ) { evidence in
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
    Check(
      "other_payload_is_refused", invariant: 4,
      "a key with another payload is refused and makes nothing"
    ) { evidence in
      evidence.calls.filter { call in
        guard call.isDefinite, let asked = evidence.askedMinor(call) else { return false }
        return call.payload != "\(asked)"
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
    Check(
      "acknowledged_is_kept", invariant: 0,
      "what a caller was told is in the history at that version"
    ) { evidence in
      evidence.calls.compactMap { call in
        let (id, status, version): (String, String, UInt64)
        let then: String?
        switch call.answer {
        case .intent(let intent, let told, let number, _, _):
          (id, status, version) = (intent, told, number)
          let found = evidence.intents.first { $0.id == id }
          then = found?.changes.first { $0.version == version }?.status
        case .refund(let refund, let told, _, let number, _, _):
          (id, status, version) = (refund, told, number)
          let found = evidence.refunds.first { $0.id == id }
          then = found?.events.first { $0.version == version }?.bodyStatus
        case .refused, .unknown: return nil
        }
        return then == status
          ? nil
          : Finding(
            "\(id) version \(version)", "acknowledged \(status), now \(then ?? "gone")",
            expected: "kept")
      }
    },
    Check(
      "reads_go_forward", invariant: 15,
      "no read shows an older version than an earlier one, or a state that never was"
    ) { evidence in
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
    Check(
      "merchants_do_not_meet", invariant: 24,
      "a merchant neither reads nor refunds another's payment, whatever the key"
    ) { evidence in
      evidence.misuses.filter { $0.kind.isStranger && $0.answer != $0.kind.refusal }.map {
        Finding(
          "\($0.intent) \($0.kind.rawValue)", "another merchant was told \($0.answer)",
          expected: $0.kind.refusal)
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
  /// What the plan asks for under the call's key; nil for keys without an amount of their own.
  fileprivate func askedMinor(_ call: CallRecord) -> Int64? {
    switch call.method {
    case .create: asked.first { $0.number == call.payment }?.amountMinor
    case .refund:
      askedRefunds.first { $0.key == call.key && $0.merchant == call.merchant }?.amountMinor
    case .confirm, .capture, .cancel: nil
    }
  }

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
    case .refund(let id, let status, _, let version, let bytes, _):
      ComparableAnswer(text: "\(id) \(status) version \(version)", bytes: bytes)
    case .refused(let code, let reason): ComparableAnswer(text: "\(code) \(reason)", bytes: [])
    case .unknown: nil
    }
  }
}
