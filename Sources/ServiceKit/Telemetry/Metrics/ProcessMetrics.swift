import CProcess
import Logging
import Money
import Postgres
import Reactor

/// What is read when somebody asks: the process, its loop, its database client, queues and alerts.
enum ProcessMetrics {
  static func add<Service: TenderService>(
    _ environment: ServiceEnvironment, _ service: Service, startedAt: Timestamp
  ) {
    let registry = environment.metrics
    registry.add("process") { try await process(environment, startedAt) }
    registry.add("reactor") { reactor(environment.loop.statistics) }
    registry.add("database") { database(await environment.database.statistics()) }
    registry.add("queues") { queues(try await service.queues()) }
    registry.add("alerts") { try await alerts(environment.database) }
  }

  private static func process(
    _ environment: ServiceEnvironment, _ startedAt: Timestamp
  ) async throws -> [MetricFamily] {
    let descriptors = try await environment.workers.run { tender_open_descriptors() }
    return [
      MetricFamily(
        "process_cpu_seconds_total", .counter, "User and system CPU time.",
        Double(tender_cpu_microseconds()) / 1e6),
      MetricFamily(
        "process_resident_memory_bytes", .gauge, "Resident memory.",
        Double(tender_resident_bytes())),
      MetricFamily("process_open_fds", .gauge, "Open file descriptors.", Double(descriptors)),
      MetricFamily(
        "process_start_time_seconds", .gauge, "When the process began, in seconds since 1970.",
        Double(startedAt.seconds)),
      MetricFamily(
        "tender_build_info", .gauge, "1; the label names the release.",
        [MetricSeries([MetricLabel("version", TenderVersion.text)], .number(1))]),
    ]
  }

  static func reactor(_ loop: LoopStatistics) -> [MetricFamily] {
    [
      MetricFamily(
        "tender_reactor_busy_seconds_total", .counter, "Time in which the loop worked.",
        Double(loop.busyNanoseconds) / 1e9),
      MetricFamily(
        "tender_reactor_jobs_total", .counter, "Task steps, closures and timers that ran.",
        Double(loop.jobs)),
      MetricFamily(
        "tender_reactor_events_total", .counter, "Calls of descriptor handlers.",
        Double(loop.events)),
      MetricFamily(
        "tender_reactor_long_jobs_total", .counter,
        "Pieces of work that held the loop longer than its limit (5 ms).", Double(loop.longJobs)),
      MetricFamily(
        "tender_reactor_longest_turn_seconds", .gauge,
        "The longest turn since the start: what an event waited at worst.",
        Double(loop.longestTurnNanoseconds) / 1e9),
      MetricFamily(
        "tender_reactor_blocking_calls_total", .counter,
        "Blocking calls on the loop's thread; must stay 0.", Double(loop.blockingCalls)),
    ]
  }

  static func database(_ client: PostgresStatistics) -> [MetricFamily] {
    func levels(_ label: String, _ values: [(String, Int)]) -> [MetricSeries] {
      values.map { MetricSeries([MetricLabel(label, $0.0)], .number(Double($0.1))) }
    }
    func total(_ name: String, _ help: String, _ value: UInt64) -> MetricFamily {
      MetricFamily("tender_database_\(name)_total", .counter, help, Double(value))
    }
    return [
      MetricFamily(
        "tender_database_connections", .gauge,
        "Open connections: pipelined, pooled and idle, pooled and busy.",
        levels("state", [
          ("pipelined", client.pipelinedConnections), ("pooled_idle", client.pooledIdle),
          ("pooled_busy", client.pooledLeased),
        ])),
      MetricFamily(
        "tender_database_waiting", .gauge,
        "Who waits: transactions for a pooled connection, statements for a pipelined one.",
        levels("queue", [("pool", client.poolWaiting), ("pipeline", client.queryWaiting)])),
      MetricFamily(
        "tender_database_in_flight", .gauge, "Statements out on pipelined connections.",
        Double(client.inFlight)),
      total("statements", "Statements sent through pipelined connections.", client.queries),
      total("transactions", "Transactions begun.", client.transactions),
      total("commits", "Commits that the server confirmed.", client.commits),
      total("rollbacks", "Transactions rolled back.", client.rollbacks),
      total("commits_unknown", "Connections lost during a commit.", client.commitsUnknown),
      total("retries", "Transactions tried again (40001, 40P01).", client.transactionRetries),
      total(
        "lock_detours", "Statements that met a lock and were repeated in the pool.",
        client.lockDetours),
      total("refused", "Refused because a queue was full.", client.refused),
      total("timeouts", "Statements and waits that took too long.", client.timeouts),
      total("connections_opened", "Connections opened.", client.connectionsOpened),
      total("connections_lost", "Connections that ended by themselves.", client.connectionsLost),
    ]
  }

  static func queues(_ queues: [QueueReport]) -> [MetricFamily] {
    func series(_ value: (QueueReport) -> Int64) -> [MetricSeries] {
      queues.map { MetricSeries([MetricLabel("queue", $0.name)], .number(Double(value($0)))) }
    }
    return [
      MetricFamily(
        "tender_queue_length", .gauge, "What waits, by queue; `outbox.` and a destination.",
        series(\.length)),
      MetricFamily(
        "tender_queue_oldest_age_seconds", .gauge, "Age of a queue's oldest entry; 0 when empty.",
        series(\.oldestAgeSeconds)),
    ]
  }

  private static func alerts(_ database: PostgresClient) async throws -> [MetricFamily] {
    let rows = try await database.query(
      "select severity, count(*) from alert where state = 'open' group by severity")
    let counts = Dictionary(try rows.decode((String, Int64).self)) { first, _ in first }
    return [
      MetricFamily(
        "tender_alerts_open", .gauge, "Open alerts by severity.",
        ["critical", "warning", "info"].map {
          MetricSeries([MetricLabel("severity", $0)], .number(Double(counts[$0] ?? 0)))
        })
    ]
  }
}
