package import ReportFormats

/// Which bookings answer which lines: the one table that says so.
package struct ReconPairing: Sendable, Hashable {
  /// Movements of one family are about the same money: one may turn out to be another.
  package enum Family: String, Sendable, Hashable, CaseIterable {
    case charge, refund, dispute, payout, fee, reserve, adjustment

    /// A payout that came back is a movement of its own, booked beside the first one, under whose name
    /// it comes.
    package var hasOtherStatus: Bool { self != .payout }
  }

  package let type: ReportRowType
  package let family: Family
  package let kinds: [PostingKind]
  /// It takes back something earlier, which somebody must know.
  package let isReversal: Bool

  package static let all: [ReconPairing] = [
    pairing(.captured, .charge, [.capture, .orphanCapture]),
    pairing(.captureFailed, .charge, [.reversal], isReversal: true),
    pairing(.refunded, .refund, [.refund, .orphanReversal], isReversal: true),
    pairing(.refundFailed, .refund, [.refundFailed], isReversal: true),
    pairing(.disputed, .dispute, [.disputeOpened, .directDebitReturn], isReversal: true),
    pairing(.disputeReversed, .dispute, [.disputeWon], isReversal: true),
    pairing(.payout, .payout, [.payout]),
    pairing(.payoutReversed, .payout, [.reversal]),
    pairing(.fee, .fee, [.fee]),
    pairing(.reserve, .reserve, [.reserveHeld, .reserveReleased]),
    pairing(.adjustment, .adjustment, [.adjustment]),
  ]

  private static let byType = Dictionary(uniqueKeysWithValues: all.map { ($0.type, $0) })

  /// nil: no booking is known for lines of this type.
  package static func of(_ type: ReportRowType) -> ReconPairing? { byType[type] }

  private static func pairing(
    _ type: ReportRowType,
    _ family: Family,
    _ kinds: [PostingKind],
    isReversal: Bool = false
  ) -> ReconPairing {
    ReconPairing(type: type, family: family, kinds: kinds, isReversal: isReversal)
  }
}
