import CProcess
import CoreMetrics
import Faults
import Glibc
import GRPCCore
import Logging
import Postgres
import Reactor
import Transport
import Wire

/// A running service: what it is made of, and the order in which it starts and stops.
struct ServiceProcess<Service: TenderService>: Sendable {
  let settings: ServiceSettings
  let loop: EventLoop
  let ring: LogRing
  let logger: Logger
  let clock = SystemClock()
  let metrics = MetricRegistry()
  #if TENDER_FAULTS
    let faults: FaultBoard?
  #endif

  init(_ type: Service.Type, settings: ServiceSettings) throws(SettingsError) {
    self.settings = settings
    #if TENDER_FAULTS
      faults = try FaultSettings.begin(settings.config, Service.name)
    #else
      try FaultSettings.refuse(settings.config)
    #endif
    guard let level = Logger.Level(rawValue: settings.logLevel) else {
      throw SettingsError("`log.level` is none of trace, debug, info, notice, warning, error.")
    }
    let ring = LogRing()
    let clock = self.clock
    self.ring = ring
    logger = Logger(label: Service.name.rawValue) { label in
      RingLogHandler(label: label, level: level, ring: ring, clock: clock)
    }
    loop = EventLoop(name: Service.name.rawValue)
    // What libraries measure goes the same way.
    MetricsSystem.bootstrap(metrics)
  }

  func run(signals: Int32) async throws -> Int32 {
    try loop.start()
    let stop = StopSignal()
    let watched = loop
    loop.execute { stop.watch(signals, on: watched) }
    let outcome = ProcessOutcome()
    // The host's own work runs on the loop, as everything does that it starts.
    let task = loop.spawn(name: "service host") { [self] in
      do { try await serve(until: stop) } catch { outcome.failure = error }
    }
    await task.value
    for name in await loop.shutdown(within: .seconds(ServiceHost.shutdownStepSeconds)) {
      logger.warning("abandoned at shutdown", metadata: ["work": "\(name)"])
    }
    ring.close()
    if let failure = outcome.failure { throw failure }
    return 0
  }

  private func serve(until stop: StopSignal) async throws {
    let address = try listenAddress()
    let tls = try TLSIdentity(
      chain: settings.certificateFile, key: settings.keyFile, authority: settings.authorityFile)
    let endpoints = try Endpoints(
      json: SettingsFile.bytes(settings.endpointsFile, bytesMax: Endpoints.bytesMax))
    let databaseSettings = try DatabaseSettings.read(
      settings.config, user: Service.name.serviceRole, passwordKey: "postgres.passwordFile")
    let database = PostgresClient(databaseSettings, loop: loop)
    try await open(database, databaseSettings)
    let environment = ServiceEnvironment(
      name: Service.name, loop: loop, workers: try Workers(), database: database, settings: settings,
      logger: logger, clock: clock, tls: tls, endpoints: endpoints, metrics: metrics)
    let service = try await Service(environment)
    let served = Self.contracts
    let health = HealthState(services: served)
    let transport = HTTP2ServerTransport(
      loop: loop, address: address, tls: tls, refusalDetails: RPCFailure.refusalDetails)
    let operations = OperationsHandler(service: service, environment: environment)
    CallMetrics.describe(in: metrics)
    let server = GRPCServer(
      transport: transport,
      services: service.handlers + [HealthHandler(state: health), ReflectionHandler(services: served), operations],
      interceptors: [CallInterceptor(logger: logger, metrics: CallMetrics(metrics))])
    let ended = ProcessOutcome()
    let serving = loop.spawn(name: "server") {
      do { try await server.serve() } catch {
        ended.failure = error
        stop.raise()
      }
    }
    do {
      _ = try await transport.listeningAddress()
    } catch {
      await serving.value
      environment.peers.shutdown()
      await database.shutdown()
      throw ServiceHost.Unavailable(
        "cannot listen at \(settings.listen) (\(error)): stop what listens there, or set `listen`.")
    }
    try await service.start()
    let watch = DatabaseWatch(environment: environment, health: health)
    watch.start()
    #if TENDER_FAULTS
      let faultOrders = faults.map { FaultSettings.follow($0, environment) }
      defer { faultOrders?.stop() }
    #endif
    logger.notice("ready", metadata: ["listen": "\(settings.listen)"])

    await stop.wait { [loop, logger] in
      loop.spawn(name: "certificates") {
        await tls.reloadLogged(on: environment.workers, logger)
      }
    }
    logger.notice("stopping")
    watch.stop()
    health.finish()
    server.beginGracefulShutdown()
    await serving.value
    await service.shutdown()
    environment.peers.shutdown()
    await database.shutdown()
    logger.notice("stopped")
    if let failure = ended.failure {
      throw ServiceHost.Unavailable("the server ended by itself: \(failure)")
    }
  }

  /// The full names of the gRPC services of this process: its own package, and what all serve.
  private static var contracts: Set<String> {
    let own = "tender.\(Service.name.schema).v1."
    let shared: Set<String> = [
      "tender.common.v1.Operations", "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
    ]
    return Set(
      ContractFile.byName.values.flatMap(\.services).filter {
        $0.hasPrefix(own) || shared.contains($0)
      })
  }

  private func listenAddress() throws -> SocketAddress {
    guard let address = SocketAddress(settings.listen) else {
      throw SettingsError("`listen` must be a numeric host and a port, for example 127.0.0.1:7001.")
    }
    return address
  }

  /// Connects, and refuses a schema that is newer than this executable or not migrated yet.
  private func open(_ database: PostgresClient, _ settings: PostgresSettings) async throws {
    do {
      try await database.start()
      let status = try await Migrator(
        settings, loop: loop, schema: Service.name.schema, owner: Service.name.ownerRole,
        migrations: Service.migrations
      ).status()
      guard status.pending.isEmpty else {
        throw ServiceHost.Unavailable(
          "the schema \(Service.name.schema) is at \(status.current) and lacks "
            + "\(status.pending.count) migrations: run `tender up`.")
      }
    } catch let error as PostgresError {
      throw ServiceHost.Unavailable(
        "the database is not ready: \(error). `tender status` shows it.")
    }
  }
}

/// Set once, by the task that ends with it, before anybody reads it.
private final class ProcessOutcome: @unchecked Sendable {
  var failure: (any Error)?
}

extension TLSIdentity {
  /// SIGHUP: read certificate, key and authority again; keep the old ones if that fails.
  fileprivate func reloadLogged(on workers: Workers, _ logger: Logger) async {
    do {
      try await reload(on: workers)
      logger.notice("certificates reloaded")
    } catch {
      logger.error("certificates not reloaded", metadata: ["error": "\(error)"])
    }
  }
}
