/// A payment in a gateway's own books.
struct GatewayCharge: Sendable, Equatable, Decodable {
  var gateway: String
  var id: String
  var intent: String?
  var status: String
  var amount: Int64
  var authorized: Int64
  var captured: Int64
  var refunded: Int64

  var netMinor: Int64 { captured - refunded }
  /// Money that is held or on its way.
  var isHeld: Bool { ["requires_capture", "processing"].contains(status) }
}
