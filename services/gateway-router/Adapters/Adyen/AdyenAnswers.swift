package import GatewayCore
import Money

extension AdyenGateway {
  package func read(
    _ facts: TransferFacts,
    for purpose: SentRequest.Purpose
  ) -> GatewayAnswer? {
    guard let answer = facts.answer else { return nil }
    guard 200..<300 ~= answer.status else {
      return Self.readError(answer.status, answer.headers, answer.body)
    }
    guard let body = JSONReading.decode(AdyenAnswer.self, from: answer.body),
      body.pspReference != nil || Self.actionCodes.contains(body.resultCode ?? "")
    else { return .unreadable }
    let reference = body.pspReference
    let amount = body.amount.flatMap {
      GatewayUnits.adyen.amount(units: $0.value, currency: $0.currency)
    }
    // An amount may be left out, but not be one that nobody can read.
    guard (amount == nil) == (body.amount == nil) else { return .unreadable }
    let echo = Echo(
      reference: reference,
      paymentReference: body.resultCode == nil ? body.paymentPspReference : reference,
      amount: amount,
      account: body.merchantAccount,
      ownReference: body.merchantReference
    )
    if let resultCode = body.resultCode {
      return .payment(PaymentAnswer(echo: echo, state: Self.state(resultCode, body, purpose)))
    }
    return Self.received(body, reference ?? "", echo)
  }

  /// Asking the payer: only then a payment may have no id of Adyen's yet.
  private static let actionCodes: Set<String> = [
    "RedirectShopper", "IdentifyShopper", "ChallengeShopper",
  ]

  /// A modification's answer says `received` and nothing of its result.
  private static func received(
    _ body: AdyenAnswer,
    _ reference: String,
    _ echo: Echo
  ) -> GatewayAnswer {
    guard body.status == "received" else { return .unreadable }
    var echo = echo
    // Here `reference` is the modification's; the payment's own is not repeated.
    echo.reference = body.paymentPspReference
    echo.ownReference = nil
    return .received(
      ReceivedAnswer(
        reference: reference,
        paymentReference: body.paymentPspReference,
        echo: echo
      )
    )
  }

  private static func state(
    _ resultCode: String,
    _ body: AdyenAnswer,
    _ purpose: SentRequest.Purpose
  ) -> PaymentAnswer.State {
    switch resultCode {
    // With capture at once the money is on its way; the CAPTURE notification tells when it is there.
    case "Authorised": purpose == .charge ? .pending : .authorized
    // The echoed amount is smaller than the asked one: a conflict for the core.
    case "PartiallyAuthorised": .authorized
    case "Pending", "Received", "PresentToShopper": .pending
    case _ where actionCodes.contains(resultCode):
      .requiresAction(action(body.action))
    case "Refused", "Error":
      .declined(
        signal(
          code: body.refusalReasonCode ?? AdyenRefusals.code(body.refusalReason),
          body.additionalData
        )
      )
    case "Cancelled": .declined(signal(code: body.refusalReasonCode ?? "16", body.additionalData))
    default: .unrecognized
    }
  }

  /// Only a redirect can be answered without Adyen's own library.
  private static func action(_ action: AdyenAnswer.Action?) -> PayerAction {
    guard let action, action.type == nil || action.type == "redirect" else {
      return PayerAction(redirectURL: nil)
    }
    return PayerAction(
      answered: action.url, method: action.method, data: action.data?.values ?? [:])
  }

  static func signal(code: String, _ additional: StringValues?) -> DeclineSignal {
    // "05 : Do not honor"
    let network = additional?["refusalReasonRaw"]?.split(separator: " ").first.map { String($0) }
    return DeclineSignal(
      source: .adyen,
      code: code,
      networkCode: network,
      networkAdviceCode: additional?["merchantAdviceCode"]?.split(separator: " ").first
        .map { String($0) }
    )
  }

  private static func readError(
    _ status: Int,
    _ headers: [String: String],
    _ body: [UInt8]
  ) -> GatewayAnswer {
    guard let error = JSONReading.decode(AdyenError.self, from: body),
      error.errorCode != nil || error.errorType != nil
    else { return .foreignError(status: status) }
    let code = error.errorCode ?? error.errorType ?? ""
    switch (status, code) {
    // The key store is down: nothing was done.
    case (503, "703"): return .unavailable
    // Already processed or in progress.
    case (409, _), (_, "704"): return .inFlight
    case _ where headers["transient-error"]?.lowercased() == "true": return .inFlight
    case (401, _), (403, _):
      return .rejected(Rejection(kind: .account, status: status, code: code))
    case (404, _): return .notFound
    case (429, _): return .throttled
    case (503, _): return .unavailable
    case (400, _),
      (405...422, _) where status != 408:
      return .rejected(Rejection(kind: .request, status: status, code: code))
    default: return .indeterminate(status: status)
    }
  }
}

/// Refusal reasons as notifications spell them, for which they have no code.
enum AdyenRefusals {
  static func code(_ reason: String?) -> String {
    guard let reason else { return "2" }
    let letters = String(
      String.UnicodeScalarView(reason.lowercased().unicodeScalars.filter { "a"..."z" ~= $0 })
    )
    return codes[letters] ?? "2"
  }

  private static let codes: [String: String] = [
    "refused": "2", "referral": "3", "acquirererror": "4", "blockedcard": "5", "expiredcard": "6",
    "invalidamount": "7", "invalidcardnumber": "8", "issuerunavailable": "9", "notsupported": "10",
    "dnotauthenticated": "11", "notenoughbalance": "12", "pending": "13", "acquirerfraud": "14",
    "cancelled": "15", "shoppercancelled": "16", "invalidpin": "17", "pintriesexceeded": "18",
    "pinvalidationnotpossible": "19", "fraud": "20", "notsubmitted": "21", "fraudcancelled": "22",
    "transactionnotpermitted": "23", "cvcdeclined": "24", "restrictedcard": "25",
    "revocationofauth": "26", "declinednongeneric": "27", "withdrawalamountexceeded": "28",
    "withdrawalcountexceeded": "29", "issuersuspectedfraud": "31", "avsdeclined": "32",
    "authenticationrequired": "38",
  ]
}
