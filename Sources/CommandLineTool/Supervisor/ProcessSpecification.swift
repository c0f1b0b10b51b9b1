/// One program the supervisor keeps running.
package struct ProcessSpecification: Codable, Sendable, Equatable {
  package enum Readiness: Codable, Sendable, Equatable {
    /// Ready as soon as it runs.
    case started
    /// Ready when something accepts connections at this port of 127.0.0.1.
    case port(UInt16)
    /// Ready when something accepts connections at this socket.
    case socket(String)
    /// Ready when this service accepts connections there and says that it serves
    /// (grpc.health.v1).
    case serving(PlatformService, port: UInt16)
  }

  package var name: String
  package var command: [String]
  package var directory: String
  package var log: String
  package var readiness: Readiness
  /// Names of those that must be ready first, and that stop only after it.
  package var after: [String]
  package var stopSignal: Int32
  package var stopTimeoutSeconds: Int64
  /// Changes when the program or its settings change: then it is restarted.
  package var version: String

  package init(
    name: String, command: [String], directory: String = "/", log: String,
    readiness: Readiness = .started, after: [String] = [], stopSignal: Int32,
    stopTimeoutSeconds: Int64, version: String = ""
  ) {
    self.name = name
    self.command = command
    self.directory = directory
    self.log = log
    self.readiness = readiness
    self.after = after
    self.stopSignal = stopSignal
    self.stopTimeoutSeconds = stopTimeoutSeconds
    self.version = version
  }
}

/// What the supervisor says of each program in `.tender/run/state.json`.
struct ProcessReport: Codable, Sendable, Equatable {
  var name: String
  /// waiting, starting, ready, backing-off, stopping or stopped.
  var state: String
  var pid: Int32?
  /// The kernel's start time of that process: a process id alone is used again.
  var startTicks: UInt64?
  var restarts: Int
  var lastExit: String?
  /// Milliseconds since 1970 when it became ready.
  var readySince: Int64?
  var version: String
}
