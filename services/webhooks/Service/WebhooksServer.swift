package import GRPCCore
import Logging
import Money
import Outbound
package import Postgres
import Reactor
package import ServiceKit
import WebhooksCore

/// The service `webhooks`. Its settings: `WebhookSettings`.
package final class WebhooksServer: TenderService {
  package static let name = ServiceName.webhooks
  package static var migrations: [Migration] { WebhooksService.migrations }

  let dispatcher: Dispatcher
  let challenges: ChallengeWorker
  let handler: WebhooksHandler
  let publisher: PublisherHandler
  private let environment: ServiceEnvironment
  private let client: HTTPClient
  private let resolver: Resolver
  private let housekeeper: Housekeeper
  private let partitions: PartitionKeeper

  package convenience init(_ environment: ServiceEnvironment) async throws {
    let settings = try WebhookSettings(environment.settings)
    let keys = try await environment.workers.run {
      try WebhookSettings.readKeys(environment.settings)
    }
    try self.init(environment, settings: settings, keys: keys)
  }

  init(_ environment: ServiceEnvironment, settings: WebhookSettings, keys: SealingKeys) throws {
    self.environment = environment
    resolver = try Resolver(loop: environment.loop)
    var limits = HTTPClientSettings()
    limits.inFlightMax = settings.placesMax + WebhookSettings.challengesMax
    limits.connectionsMax = limits.inFlightMax
    limits.authoritiesFile = settings.authoritiesFile
    limits.userAgent = "tender-webhooks/1"
    client = try HTTPClient(loop: environment.loop, resolver: resolver, settings: limits)
    let post = SignedPost(
      client: client, keys: keys, settings: settings, clock: environment.clock)
    let dispatcher = Dispatcher(environment, settings: settings, post: post)
    let challenges = ChallengeWorker(environment, settings: settings, post: post)
    self.dispatcher = dispatcher
    self.challenges = challenges
    housekeeper = Housekeeper(environment)
    partitions = PartitionKeeper(environment)
    handler = WebhooksHandler(
      environment: environment, settings: settings, keys: keys, resolver: resolver,
      wakeChallenges: { challenges.wake() }, wakeDeliveries: { dispatcher.wake($0) })
    publisher = PublisherHandler(
      writer: EventWriter(
        database: environment.database, identifiers: environment.identifiers),
      wake: { dispatcher.wake($0) })
  }

  package var handlers: [any RegistrableRPCService] { [handler, publisher] }

  package func start() async throws {
    housekeeper.start()
    partitions.start()
    challenges.start()
    dispatcher.start()
  }

  package func shutdown() async {
    await housekeeper.shutdown()
    await partitions.shutdown()
    await challenges.shutdown()
    await dispatcher.shutdown()
    await client.shutdown()
    resolver.shutdown()
  }

  package func queues() async throws -> [QueueReport] {
    let rows = try await environment.database.query(
      """
      select count(*),
        coalesce(extract(epoch from now() - min(next_attempt_at)), 0)::bigint
      from delivery where state = 'pending' and next_attempt_at <= now()
      union all
      select count(*), coalesce(extract(epoch from now() - min(challenge_due_at)), 0)::bigint
      from endpoint where state = 'pending' and challenge_due_at <= now()
      """)
    return try zip(["deliveries", "challenges"], rows.decode((Int64, Int64).self)).map { name, row in
      QueueReport(name: name, length: row.0, oldestAgeSeconds: max(0, row.1))
    }
  }
}
