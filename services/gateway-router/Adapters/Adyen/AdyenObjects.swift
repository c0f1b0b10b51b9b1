/// The parts of Adyen's messages that are written and read.
struct AdyenAmount: Codable {
  var currency: String
  var value: Int64
}

struct AdyenPaymentRequest: Encodable {
  var amount: AdyenAmount
  var reference: String
  var merchantAccount: String
  var paymentMethod: Method
  /// Whose method it is; Adyen refuses a stored method without it.
  var shopperReference: String?
  /// "Ecommerce" with the payer, "ContAuth" without.
  var shopperInteraction: String
  var recurringProcessingModel: String
  var shopperStatement: String?
  var captureDelayHours: Int?
  var additionalData: [String: String]
  var metadata: [String: String]
  var returnUrl: String
  var authenticationData: Authentication?

  /// How a payer authenticates, where their bank asks for it.
  struct Authentication: Encodable {
    var threeDSRequestData: ThreeDS

    struct ThreeDS: Encodable { var nativeThreeDS: String }

    static let redirect = Authentication(threeDSRequestData: ThreeDS(nativeThreeDS: "disabled"))
  }

  struct Method: Encodable {
    var type: String
    var storedPaymentMethodId: String
  }
}

struct AdyenDetailsRequest: Encodable {
  var details: Details

  struct Details: Encodable { var redirectResult: String }
}

struct AdyenModificationRequest: Encodable {
  var merchantAccount: String
  var reference: String
  var amount: AdyenAmount?
  /// Only for a cancel by our reference.
  var paymentReference: String?
}

struct AdyenAnswer: Decodable {
  var pspReference: String?
  var resultCode: String?
  var amount: AdyenAmount?
  var merchantReference: String?
  var refusalReasonCode: String?
  var refusalReason: String?
  var additionalData: StringValues?
  var action: Action?
  // Modifications
  var status: String?
  var paymentPspReference: String?
  var reference: String?
  var merchantAccount: String?

  struct Action: Decodable {
    var type: String?
    var url: String?
    var method: String?
    var data: StringValues?
  }
}

struct AdyenError: Decodable {
  var status: Int?
  var errorCode: String?
  var errorType: String?
}

struct AdyenNotification: Decodable {
  var live: String?
  var notificationItems: [Wrapper]

  struct Wrapper: Decodable { var NotificationRequestItem: Item }

  struct Item: Decodable {
    var amount: AdyenAmount?
    var eventCode: String?
    var eventDate: String?
    var merchantAccountCode: String?
    var merchantReference: String?
    var originalReference: String?
    var paymentMethod: String?
    var pspReference: String?
    var reason: String?
    var success: String?
    var additionalData: StringValues?
  }
}
