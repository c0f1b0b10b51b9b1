import CPostgres

extension ServerFields {
  /// Reads the fields of an error or a notice. Without a code it is libpq that speaks of a broken
  /// connection: fatal.
  init(_ result: OpaquePointer) {
    severity = Self.field(result, "V") ?? "FATAL"
    state = SQLState(Self.field(result, "C") ?? "08006")
    primary = Self.field(result, "M") ?? "connection lost"
    constraint = Self.field(result, "n")
    table = Self.field(result, "t")
    column = Self.field(result, "c")
  }

  private static func field(_ result: OpaquePointer, _ code: Unicode.Scalar) -> String? {
    guard let text = PQresultErrorField(result, Int32(code.value)) else { return nil }
    return String(cString: text)
  }
}

/// Hands libpq's notices to a closure. The owner keeps it alive as long as the connection.
final class NoticeReceiver {
  let handler: (@Sendable (PostgresNotice) -> Void)?

  init(_ handler: (@Sendable (PostgresNotice) -> Void)?) {
    self.handler = handler
  }

  /// Without this libpq prints to standard error.
  func attach(to handle: OpaquePointer) {
    let context = Unmanaged.passUnretained(self).toOpaque()
    PQsetNoticeReceiver(
      handle,
      { context, result in
        guard let context, let result else { return }
        let receiver = Unmanaged<NoticeReceiver>.fromOpaque(context).takeUnretainedValue()
        guard let handler = receiver.handler else { return }
        let fields = ServerFields(result)
        handler(
          PostgresNotice(severity: fields.severity, sqlState: fields.state, text: fields.primary)
        )
      },
      context
    )
  }
}
