/// A gateway there is an adapter for. The text is that of contracts and SQL.
package enum GatewayName: String, Sendable, Hashable, CaseIterable, CustomStringConvertible {
  case stripe
  case adyen

  package var description: String { rawValue }
}

/// What differs between gateways where the rules must know it.
package struct GatewayTraits: Sendable, Hashable {
  /// Seconds after the first send during which the same key surely means the same request. Kept an
  /// hour below the published minimum.
  package var replayWindowSeconds: Int64
  /// A payment can be read by the gateway's id.
  package var canGet: Bool
  /// Payments can be listed by their time of creation, so that one whose id was never learned is
  /// found by our reference.
  package var findsByReference: Bool
  /// A cancel by our own reference exists, for a payment whose id was never learned.
  package var cancelsByReference: Bool
  /// Cancel answers with the result, so that it can fence within the time of a call.
  package var cancelAnswersAtOnce: Bool
  /// The object of a declined payment stays alive and must be cancelled (interleavings 14).
  package var keepsDeclinedObjects: Bool

  /// The query parameter of a payer's return that the gateway must be handed; nil where it knows by
  /// itself what the payer did.
  package var actionResultParameter: String?

  /// A charge in one call answers that the money is captured. Otherwise capture is always a step.
  package var confirmsCharge: Bool
  /// How long an authorisation is kept, as published. That it is over is never proof.
  package var authorizationSeconds: Int64

  package init(
    replayWindowSeconds: Int64,
    canGet: Bool,
    findsByReference: Bool,
    cancelsByReference: Bool,
    cancelAnswersAtOnce: Bool,
    keepsDeclinedObjects: Bool,
    actionResultParameter: String?,
    confirmsCharge: Bool,
    authorizationSeconds: Int64
  ) {
    self.replayWindowSeconds = replayWindowSeconds
    self.canGet = canGet
    self.findsByReference = findsByReference
    self.cancelsByReference = cancelsByReference
    self.cancelAnswersAtOnce = cancelAnswersAtOnce
    self.keepsDeclinedObjects = keepsDeclinedObjects
    self.actionResultParameter = actionResultParameter
    self.confirmsCharge = confirmsCharge
    self.authorizationSeconds = authorizationSeconds
  }
}

extension GatewayName {
  package var traits: GatewayTraits {
    switch self {
    case .stripe:
      GatewayTraits(
        replayWindowSeconds: 23 * 3_600,
        canGet: true,
        findsByReference: true,
        cancelsByReference: false,
        cancelAnswersAtOnce: true,
        keepsDeclinedObjects: true,
        actionResultParameter: nil,
        confirmsCharge: true,
        authorizationSeconds: 7 * 86_400
      )
    case .adyen:
      GatewayTraits(
        replayWindowSeconds: (7 * 24 - 1) * 3_600,
        canGet: false,
        findsByReference: false,
        cancelsByReference: true,
        cancelAnswersAtOnce: false,
        keepsDeclinedObjects: false,
        actionResultParameter: "redirectResult",
        confirmsCharge: false,
        authorizationSeconds: 28 * 86_400
      )
    }
  }
}
