import CProcess
import Glibc
import GRPCCore
import Logging
import Postgres
import Reactor
import Transport

/// A running service: what it is made of, and the order in which it starts and stops.
struct ServiceProcess<Service: TenderService>: Sendable {
  let settings: ServiceSettings
  let loop: EventLoop
  let ring: LogRing
  let logger: Logger
  let clock = SystemClock()

  init(_ type: Service.Type, settings: ServiceSettings) throws(SettingsError) {
    self.settings = settings
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
      certificateFile: settings.certificateFile, keyFile: settings.keyFile,
      authorityFile: settings.authorityFile)
    let endpoints = try Endpoints(
      json: SettingsFile.bytes(settings.endpointsFile, bytesMax: Endpoints.bytesMax))
    let database = PostgresClient(
      try DatabaseSettings.read(
        settings.config, user: Service.name.serviceRole, passwordKey: "postgres.passwordFile"),
      loop: loop)
    try await open(database)
    let environment = ServiceEnvironment(
      name: Service.name, loop: loop, workers: Workers(), database: database, settings: settings,
      logger: logger, clock: clock, tls: tls, endpoints: endpoints)
    let service = try await Service(environment)
    let health = HealthState(services: service.handlers.isEmpty ? [] : [Service.name.rawValue])
    let transport = HTTP2ServerTransport(loop: loop, address: address, tls: tls)
    let operations = OperationsHandler(service: service, environment: environment)
    let server = GRPCServer(
      transport: transport,
      services: service.handlers + [HealthHandler(state: health), ReflectionHandler(), operations],
      interceptors: [CallInterceptor(logger: logger)])
    let serving = loop.spawn(name: "server") { [logger] in
      do { try await server.serve() } catch {
        logger.critical("the server ended", metadata: ["error": "\(error)"])
        stop.raise()
      }
    }
    try await service.start()
    let watch = DatabaseWatch(environment: environment, health: health)
    watch.start()
    logger.notice("ready", metadata: ["listen": "\(settings.listen)"])

    await stop.wait { tls.reloadLogged(logger) }
    logger.notice("stopping")
    health.set(serving: false)
    watch.stop()
    server.beginGracefulShutdown()
    await serving.value
    await service.shutdown()
    environment.peers.shutdown()
    await database.shutdown()
    logger.notice("stopped")
  }

  private func listenAddress() throws -> SocketAddress {
    guard let address = SocketAddress(settings.listen) else {
      throw SettingsError("`listen` must be a numeric host and a port, for example 127.0.0.1:7001.")
    }
    return address
  }

  /// Connects, and refuses a schema that is newer than this executable or not migrated yet.
  private func open(_ database: PostgresClient) async throws {
    do {
      try await database.start()
      try await Migrator(
        schema: Service.name.schema, owner: Service.name.ownerRole, migrations: Service.migrations
      ).requireCurrent(database)
    } catch let error as PostgresError {
      throw ServiceHost.Unavailable(
        "the database is not ready: \(error). Check `tender status`; `tender up` migrates.")
    }
  }
}

/// Set once, by the task that ends with it, before anybody reads it.
private final class ProcessOutcome: @unchecked Sendable {
  var failure: (any Error)?
}

extension TLSIdentity {
  /// SIGHUP: read certificate, key and authority again; keep the old ones if that fails.
  fileprivate func reloadLogged(_ logger: Logger) {
    do {
      try reload()
      logger.notice("certificates reloaded")
    } catch {
      logger.error("certificates not reloaded", metadata: ["error": "\(error)"])
    }
  }
}
