/// The tables that a service's migration makes in its own schema, as its owner. The text is copied
/// into `up.sql`, so that a migration never changes with the code.
package enum OutboxSchema {
  /// A row that exists is unsent; acknowledged rows are deleted. `sequence` orders the rows of one
  /// key; `id` is what the receiver deduplicates by. Neither lease nor time is indexed, so that
  /// claiming stays a heap-only update.
  package static func outbox(serviceRole: String) -> String {
    """
    create table outbox (
      destination text not null,
      distribution_key uuid not null,
      sequence bigint generated always as identity,
      id uuid not null,
      merchant_id uuid not null,
      payload bytea not null,
      actor text not null,
      trace_id bytea,
      created_at timestamptz not null default now(),
      not_before timestamptz not null default now(),
      lease_until timestamptz,
      fence bigint not null default 0,
      attempts integer not null default 0,
      last_error text,
      primary key (distribution_key, destination, sequence)
    ) with (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02);
    create index outbox_in_order on outbox (destination, sequence);
    grant select, insert, update, delete on outbox to \(serviceRole);
    """
  }

  /// What an operator must see, one row per deduplication key.
  package static func alert(serviceRole: String) -> String {
    """
    create table alert (
      dedup_key text primary key,
      id uuid not null,
      merchant_id uuid,
      severity text not null check (severity in ('info', 'warning', 'critical')),
      kind text not null,
      subject text not null,
      message text not null,
      state text not null default 'open' check (state in ('open', 'resolved')),
      first_seen timestamptz not null default now(),
      last_seen timestamptz not null default now(),
      count bigint not null default 1,
      resolved_at timestamptz,
      actor text not null
    );
    create index alert_open on alert (severity, first_seen) where state = 'open';
    grant select, insert, update on alert to \(serviceRole);
    """
  }
}
