/// How many attempts may be under way to one endpoint at once. An endpoint earns its places by
/// answering: it begins with one, each answer doubles them, a time-out takes all but one away and
/// makes the next try wait. So endpoints that hang hold few places, whatever waits for them.
package struct Lane: Sendable, Hashable {
  package static let placesMax = 8
  /// Pauses after consecutive attempts without an answer, doubling from the first to the last.
  package static let pauseFirstMilliseconds: Int64 = 500
  package static let pauseLastMilliseconds: Int64 = 30_000

  package private(set) var places = 1
  /// Has answered since it last failed to: only such lanes may take the last half of all places.
  package private(set) var isProven = false
  private var silences = 0

  package init() {}

  /// It answered, whatever the status.
  package mutating func answered() {
    places = min(Self.placesMax, places * 2)
    isProven = true
    silences = 0
  }

  /// It did not answer. Returns how long it is left alone, in milliseconds.
  package mutating func stayedSilent() -> Int64 {
    places = 1
    isProven = false
    silences = min(silences + 1, 16)
    return min(Self.pauseLastMilliseconds, Self.pauseFirstMilliseconds << Int64(silences - 1))
  }
}

/// How many attempts may be under way to all endpoints together.
package struct PlaceBudget: Sendable, Hashable {
  package let placesMax: Int
  /// Of them, for endpoints that have not proven themselves.
  package var unprovenMax: Int { max(1, placesMax / 2) }

  package init(placesMax: Int) { self.placesMax = max(1, placesMax) }

  /// Places for one lane now.
  /// - Parameters:
  ///   - laneInFlight: attempts under way to this endpoint.
  ///   - inFlight: to all endpoints.
  ///   - unprovenInFlight: to endpoints that are not proven.
  package func free(
    for lane: Lane, laneInFlight: Int, inFlight: Int, unprovenInFlight: Int
  ) -> Int {
    var free = min(lane.places - laneInFlight, placesMax - inFlight)
    if !lane.isProven { free = min(free, unprovenMax - unprovenInFlight) }
    return max(0, free)
  }
}
