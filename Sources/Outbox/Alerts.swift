import Money
package import Postgres

/// Something that an operator must see.
package struct Alert: Sendable, Hashable {
  package enum Severity: String, Sendable, Hashable {
    case info, warning, critical
  }

  package var severity: Severity
  /// The rule that noticed, such as `outbox.stuck`.
  package var kind: String
  /// What it is about: an id or a name, never a secret.
  package var subject: String
  package var message: String
  package var merchant: UUIDBits?
  package var actor: String
  /// Alerts of one key are one row.
  package var dedupKey: String

  /// - Parameter dedupKey: kind and subject, unless given.
  package init(
    _ severity: Severity,
    kind: String,
    subject: String,
    message: String,
    actor: String,
    merchant: UUIDBits? = nil,
    dedupKey: String? = nil
  ) {
    self.severity = severity
    self.kind = kind
    self.subject = subject
    self.message = message
    self.actor = actor
    self.merchant = merchant
    self.dedupKey = dedupKey ?? "\(kind):\(subject)"
  }
}

/// Statements over the service's `alert` table; run them in the transaction that found the cause.
package enum Alerts {
  /// Opens the alert, opens it again, or counts it.
  package static func raise(_ alert: Alert) -> Statement {
    """
    insert into alert as a
      (dedup_key, id, merchant_id, severity, kind, subject, message, actor)
    values (\(alert.dedupKey), gen_random_uuid(), \(alert.merchant), \(alert.severity.rawValue),
      \(alert.kind), \(alert.subject), \(alert.message), \(alert.actor))
    on conflict (dedup_key) do update set
      severity = excluded.severity, message = excluded.message, actor = excluded.actor,
      count = case when a.state = 'open' then a.count + 1 else 1 end,
      first_seen = case when a.state = 'open' then a.first_seen else now() end,
      last_seen = now(), state = 'open', resolved_at = null
    """
  }

  /// Ends open alerts; does nothing where there is none.
  package static func resolve(dedupKeys: [String], actor: String) -> Statement {
    """
    update alert set state = 'resolved', resolved_at = now(), actor = \(actor)
    where dedup_key = any(\(dedupKeys)) and state = 'open'
    """
  }

  /// severity, kind, subject, message, first_seen, last_seen, count, dedup_key, of what is open.
  package static func open(limit: Int = 100) -> Statement {
    """
    select severity, kind, subject, message, first_seen, last_seen, count, dedup_key
    from alert where state = 'open'
    order by array_position(array['critical', 'warning', 'info'], severity), first_seen
    limit \(limit)
    """
  }
}
