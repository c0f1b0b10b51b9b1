import Money
import ServiceKit

/// What is due in billing is due by the database's clock, one for all processes: one whose own clock
/// is wrong bills nothing early and nothing late.
struct BillingTime: Sendable {
  static let database = BillingTime(clock: nil)

  /// In tests, which move time.
  private let clock: (any WallClock)?

  /// The time that takes the database's place; nil: none.
  var moment: Timestamp? { clock?.now }

  init(clock: (any WallClock)?) { self.clock = clock }
}
