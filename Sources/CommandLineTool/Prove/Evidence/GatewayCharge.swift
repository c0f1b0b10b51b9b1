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
  /// The operation that it was made for, and when, in milliseconds since 1970.
  var operation: String?
  var created: Int64 = 0

  var netMinor: Int64 { captured - refunded }
  /// Money that is held or on its way.
  var isHeld: Bool { ["requires_capture", "processing"].contains(status) }
}
