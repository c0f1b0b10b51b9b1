/// Operations a rule can name.
enum Operation: String, Sendable, CaseIterable {
  case create, authorize, confirm, capture, cancel, refund, reversal, setup, details, retrieve, list
  case report
  case technicalCancel = "technical_cancel"
  case authenticate

  /// Whether it asks for a change; the others read.
  var changes: Bool {
    switch self {
    case .retrieve, .list, .report: false
    default: true
    }
  }

  /// Whether it is about something that was made before.
  var namesSomething: Bool {
    switch self {
    case .create, .authorize, .setup, .details, .technicalCancel, .authenticate, .report: false
    default: true
    }
  }
}

/// What a rule is compared with.
struct FaultFacts: Sendable {
  var gateway: Gateway
  var operation: Operation
  var reference = ""
  var amount: Int64?
  var currency: String?
  var metadata: [(String, String)] = []
  var idempotencyKey: String?
  var isReplay = false
  var isKeptAlive = false
  /// The payment method, in the gateway's words.
  var method: String?
  /// The payment that the call is about; nil for one that makes it.
  var paymentID: String?

  var isModification: Bool {
    guard gateway == .adyen else { return false }
    switch operation {
    case .capture, .cancel, .refund, .reversal, .technicalCancel: return true
    default: return false
    }
  }

  /// The fault that the payment method stands for.
  var methodFault: Fault? {
    switch gateway {
    case .stripe: method.flatMap { TestMethods.faultsByStripe[$0] }
    case .adyen: method.flatMap { TestMethods.faultsByAdyen[$0] }
    }
  }
}
