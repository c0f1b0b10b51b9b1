/// One process of a program. A service may have several: each has its own addresses, settings file
/// and log; certificate, role and schema are the service's.
struct Replica: Sendable {
  /// Four processes of each service are more than this machine's two cores have use for.
  static let countMax = 4

  let program: ServiceDescription
  /// From 1.
  let number: Int

  var name: String { Replica.name(program.name, number) }

  /// The first has the plain name: a deployment without replicas is one of one each.
  static func name(_ program: String, _ number: Int) -> String {
    number == 1 ? program : "\(program)-\(number)"
  }

  static func names(_ program: String, count: Int) -> [String] {
    (1...max(1, count)).map { name(program, $0) }
  }
}

extension Endpoints {
  /// How many processes of each service were given addresses.
  var replicas: Int {
    (2...Replica.countMax).last { number in
      Deployment.services.contains { addresses[Replica.name($0.name, number)] != nil }
    } ?? 1
  }

  /// The processes of a service by name, in order.
  func replicas(of service: PlatformService) -> [(name: String, address: Address)] {
    Replica.names(service.rawValue, count: Replica.countMax).compactMap { name in
      addresses[name].map { (name, $0) }
    }
  }
}
