import CProcess
import Faults
package import Money

/// The time of day. Every rule that needs it takes it from here, so that tests can move it.
package protocol WallClock: Sendable {
  var now: Timestamp { get }
}

/// The machine's clock.
package struct SystemClock: WallClock {
  package init() {}

  package var now: Timestamp {
    #if TENDER_FAULTS
      Timestamp(microseconds: tender_realtime_microseconds() + Faults.clockShiftMicroseconds)
    #else
      Timestamp(microseconds: tender_realtime_microseconds())
    #endif
  }
}

/// Makes time-ordered ids from the clock and the system's random numbers.
package struct IdentifierSource: Sendable {
  private let clock: any WallClock

  package init(clock: any WallClock) {
    self.clock = clock
  }

  package func make<Kind: EntityKind>(_ type: EntityID<Kind>.Type = EntityID<Kind>.self)
    -> EntityID<Kind>
  {
    EntityID<Kind>.generate(milliseconds: clock.now.microseconds / 1000)
  }
}
