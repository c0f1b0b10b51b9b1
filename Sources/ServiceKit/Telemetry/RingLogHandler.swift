package import Logging
import Money

/// One JSON object a line: time, level, label, message, then the metadata; and the trace id of the
/// call that logs.
package struct RingLogHandler: LogHandler {
  package var logLevel: Logger.Level
  package var metadata: Logger.Metadata = [:]
  private let label: String
  private let ring: LogRing
  private let clock: any WallClock

  package init(label: String, level: Logger.Level, ring: LogRing, clock: any WallClock) {
    self.label = label
    self.logLevel = level
    self.ring = ring
    self.clock = clock
  }

  package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  package func log(event: LogEvent) {
    var fields: [(String, JSONValue)] = [
      ("time", .string(clock.now.description)),
      ("level", .string(event.level.rawValue)),
      ("label", .string(label)),
      ("message", .string(event.message.description)),
    ]
    if let trace = CallContext.current?.trace { fields.append(("trace", .string(trace.traceIDText))) }
    let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
    for (key, value) in all.sorted(by: { $0.key < $1.key }) {
      fields.append((key, .string("\(value)")))
    }
    ring.append(Array(JSONValue.object(fields).text.utf8) + [0x0A])
  }
}
