/// Where catching up with a gateway's list of events stands. The list is newest first and grows at
/// its head meanwhile; a walk reads it from the head down to where the last one began, page by page,
/// and may stop and go on after any page. Pure; times in seconds on the gateway's clock.
package struct EventWalk: Sendable, Hashable {
  package struct UnderWay: Sendable, Hashable {
    /// The last event stored: the next page begins after it.
    package var after: String
    /// What `listedUntil` becomes at the end: the time of the newest event when the walk began.
    package var until: Int64

    package init(after: String, until: Int64) {
      self.after = after
      self.until = until
    }
  }

  /// How much of what was listed before is listed again: events of one second, and such that the
  /// list shows late. Each is stored once, by its id.
  package static let overlapSeconds: Int64 = 60
  /// Stripe lists events of 30 days; what is older can only be found by looking at each payment.
  package static let keptSeconds: Int64 = 30 * 86_400

  /// Everything that the gateway dates before this is stored, or was told while somebody listened.
  package var listedUntil: Int64
  package var underWay: UnderWay?

  package init(listedUntil: Int64, underWay: UnderWay? = nil) {
    self.listedUntil = listedUntil
    self.underWay = underWay
  }

  /// The earliest time of events that the list is asked for.
  package var from: Int64 { max(0, listedUntil - Self.overlapSeconds) }

  /// After a page was stored.
  /// - Parameters:
  ///   - newest: the time of its first event; nil for an empty page.
  ///   - last: the id of its last event, where there are more.
  package func after(newest: Int64?, last: String?) -> EventWalk {
    let until = underWay?.until ?? max(listedUntil, newest ?? listedUntil)
    guard let last else { return EventWalk(listedUntil: until) }
    return EventWalk(listedUntil: listedUntil, underWay: UnderWay(after: last, until: until))
  }

  /// The list no longer knows the event at which the walk stopped.
  package var restarted: EventWalk { EventWalk(listedUntil: listedUntil) }

  /// Whether events may have left the list before they were read.
  package func hasGap(now: Int64) -> Bool { now - listedUntil > Self.keptSeconds }
}
