import LedgerCore
import Money
import Outbox
import Postgres
import Seal

/// What people must know about seals.
struct SealAlerts: Sendable {
  private static let waits = "day_seal_waits"
  private static let file = "day_seal_file"
  private static let failed = "day_seal_failed"

  let database: PostgresClient

  func raise(
    _ producers: [LedgerProducer],
    keepOpen day: CivilDate,
    _ watermarks: [LedgerProducer: ProducerWatermark]
  ) async throws {
    try await database.transaction(
      batch: producers.map { producer in
        let told = watermarks[producer].map { watermark in
          "has told everything up to \(Timestamp(microseconds: watermark.throughMicroseconds)), "
            + "and spoke at \(Timestamp(microseconds: watermark.reportedAtMicroseconds))"
        }
        return Alerts.raise(
          Alert(
            .warning,
            kind: Self.waits,
            subject: producer.rawValue,
            message:
              "\(day) cannot be sealed: \(producer.rawValue) \(told ?? "has never told anything"). "
              + "See its outbox with `tender metrics`; if it will not come back, seal without it by "
              + "`tender ledger seal \(day) --without \(producer.rawValue)`, "
              + "\(DaySealRule.silenceHours) h after the day's end.",
            actor: PostingAlerts.actor
          )
        )
      }
    )
  }

  func raise(
    _ problem: SealFiles.Problem,
    of day: CivilDate,
    isSealed: Bool = false
  ) async throws {
    let what = isSealed ? "\(day) is sealed without its file" : "\(day) is not sealed"
    let message =
      switch problem {
      case .differs(let path):
        "\(what): \(path) says something else than the books. Somebody changed one of "
          + "them: run `tender ledger verify`, and compare with a backup before you move the file."
      case .failed(let path, let reason):
        "\(what): \(path) cannot be written (\(reason)). See the setting `seals.folder`."
      }
    _ = try await database.query(
      Alerts.raise(
        Alert(
          .critical,
          kind: Self.file,
          subject: day.description,
          message: message,
          actor: PostingAlerts.actor
        )
      )
    )
  }

  func raiseFailure(of day: CivilDate) async throws {
    _ = try await database.query(
      Alerts.raise(
        Alert(
          .critical,
          kind: Self.failed,
          subject: day.description,
          message: "\(day) is not sealed, though everything was told: the ledger's log says why, at "
            + "`a round failed`. `tender ledger verify` says whether the last seal is intact.",
          actor: PostingAlerts.actor
        )
      )
    )
  }

  /// The file is there.
  static func resolveFile(_ day: CivilDate) -> Statement {
    Alerts.resolve(dedupKeys: ["\(file):\(day)"], actor: PostingAlerts.actor)
  }

  /// The day is sealed, and its file is there.
  static func resolve(_ day: CivilDate) -> Statement {
    Alerts.resolve(
      dedupKeys: LedgerProducer.allCases.map { "\(waits):\($0.rawValue)" }
        + ["\(file):\(day)", "\(failed):\(day)"],
      actor: PostingAlerts.actor
    )
  }
}

extension DaySeal {
  var rootText: String { Hex.encode(root) }
}
