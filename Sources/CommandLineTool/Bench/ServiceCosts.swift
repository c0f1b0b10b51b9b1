import Glibc
import Wire

/// What the services have spent so far: processor time and commits.
struct ServiceCosts: Sendable {
  var cpuMicroseconds: [PlatformService: Double] = [:]
  var commits: [PlatformService: Double] = [:]

  static func read(_ reads: Reads) async throws -> ServiceCosts {
    var costs = ServiceCosts()
    for service in PlatformService.allCases {
      let status = try await reads.status(service)
      costs.cpuMicroseconds[service] = Double(status.cpuMicroseconds)
      costs.commits[service] = Double(status.commits)
    }
    return costs
  }

  static func - (left: ServiceCosts, right: ServiceCosts) -> ServiceCosts {
    ServiceCosts(
      cpuMicroseconds: left.cpuMicroseconds.merging(right.cpuMicroseconds, uniquingKeysWith: -),
      commits: left.commits.merging(right.commits, uniquingKeysWith: -))
  }

  static func + (left: ServiceCosts, right: ServiceCosts) -> ServiceCosts {
    ServiceCosts(
      cpuMicroseconds: left.cpuMicroseconds.merging(right.cpuMicroseconds, uniquingKeysWith: +),
      commits: left.commits.merging(right.commits, uniquingKeysWith: +))
  }

  var cpuSum: Double { cpuMicroseconds.values.reduce(0, +) }
  var commitSum: Double { commits.values.reduce(0, +) }

  /// Processor time of this process so far, in microseconds.
  static func ownMicroseconds() -> Double {
    var usage = rusage()
    getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
    func micros(_ time: timeval) -> Double { Double(time.tv_sec) * 1e6 + Double(time.tv_usec) }
    return micros(usage.ru_utime) + micros(usage.ru_stime)
  }
}
