import Testing

@testable import GatewaySimulator

@Suite struct AdyenTests {
  @Test(
    arguments: [
      ("stored_visa", "Authorised", nil),
      ("stored_declined", "Refused", "2"),
      ("stored_not_enough_balance", "Refused", "12"),
      ("stored_blocked_card", "Refused", "5"),
      ("stored_card_expired", "Refused", "6"),
      ("stored_cvc_declined", "Refused", "24"),
      ("stored_acquirer_error", "Error", "4"),
      ("stored_issuer_unavailable", "Refused", "9"),
      ("stored_authentication_required", "RedirectShopper", nil),
      ("stored_sepa", "Received", nil),
    ] as [(String, String, String?)]
  )
  func methods(method: String, result: String, code: String?) throws {
    let gateways = try Gateways()
    let answer = gateways.ports.adyen("/payments", adyenPayment(method))
    #expect(answer.status == 200)
    #expect(answer.json["resultCode"]?.text == result)
    #expect(answer.json["refusalReasonCode"]?.text == code)
    #expect(answer.json["merchantReference"]?.text == "ref1")
    #expect(answer.json["amount"]?["value"]?.int == 4999)
    #expect(answer.json["pspReference"]?.text?.utf8.count == 16)
  }

  /// Nothing is held, captured or owed.
  @Test func aPaymentOfNothingOnlyVerifies() throws {
    let gateways = try Gateways()
    let answer = gateways.ports.adyen("/payments", adyenPayment(amount: 0, manual: false))
    #expect(answer.json["resultCode"]?.text == "Authorised")
    #expect(answer.json["amount"]?["value"]?.int == 0)
    let id = answer.json["pspReference"]?.text ?? ""
    #expect(gateways.ports.payment(id)?["status"]?.text == "succeeded")
    #expect(gateways.ports.payment(id)?["captured"]?.int == 0)
    let movements = gateways.ports.control("GET", "/books/movements").json["movements"]
    #expect(movements?.items?.count == 0)
  }

  @Test func holderNameTriggers() throws {
    let gateways = try Gateways()
    let body = adyenPayment().replacing(
      "\"type\":\"scheme\"",
      with: "\"type\":\"scheme\",\"holderName\":\"NOT_ENOUGH_BALANCE\""
    )
    #expect(gateways.ports.adyen("/payments", body).json["refusalReasonCode"]?.text == "12")
  }

  @Test(
    arguments: [
      ("stored_visa", true, "requires_capture", 0), ("stored_visa", false, "succeeded", 4999),
    ] as [(String, Bool, String, Int64)]
  )
  func capturesAtOnceUnlessManual(
    method: String,
    manual: Bool,
    status: String,
    captured: Int64
  ) throws {
    let gateways = try Gateways()
    let id =
      gateways.ports.adyen("/payments", adyenPayment(method, manual: manual))
      .json["pspReference"]?.text ?? ""
    #expect(gateways.ports.payment(id)?["status"]?.text == status)
    #expect(gateways.ports.payment(id)?["captured"]?.int == captured)
  }

  @Test func delayedCapture() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let body = adyenPayment(manual: false, extra: ",\"captureDelayHours\":24")
    let id = ports.adyen("/payments", body).json["pspReference"]?.text ?? ""
    #expect(ports.payment(id)?["captured"]?.int == 0)
    ports.control("POST", "/control/clock", "{\"advance_seconds\":86401}")
    #expect(ports.eventually { ports.payment(id)?["captured"]?.int == 4999 })
  }

  @Test func modificationsAnswerReceivedAndActLater() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/latency", "{\"modification_ms\":300}")
    let id = ports.adyen("/payments", adyenPayment()).json["pspReference"]?.text ?? ""
    let answer = ports.adyen("/payments/\(id)/captures", adyenChange(4999))
    #expect(answer.status == 201)
    #expect(answer.json["status"]?.text == "received")
    #expect(answer.json["paymentPspReference"]?.text == id)
    #expect(ports.payment(id)?["captured"]?.int == 0)
    #expect(ports.eventually { ports.payment(id)?["captured"]?.int == 4999 })
    // A capture of what is captured is received as well, and fails later.
    #expect(ports.adyen("/payments/\(id)/captures", adyenChange(1)).status == 201)
    ports.adyen("/payments/\(id)/refunds", adyenChange(1000))
    #expect(ports.eventually { ports.payment(id)?["refunded"]?.int == 1000 })
    ports.adyen("/payments/\(id)/reversals", adyenChange())
    #expect(ports.eventually { ports.payment(id)?["refunded"]?.int == 4999 })
    let statuses = ports.control("GET", "/books").json["modifications"]?.items?
      .map { $0["status"]?.text ?? "" }
    #expect(statuses == ["done", "failed", "done", "done"])
  }

  @Test func technicalCancelFindsByReference() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/latency", "{\"modification_ms\":1}")
    let id = ports.adyen("/payments", adyenPayment()).json["pspReference"]?.text ?? ""
    let answer = ports.adyen(
      "/cancels",
      "{\"merchantAccount\":\"TestMerchant\",\"paymentReference\":\"ref1\"}"
    )
    #expect(answer.status == 201)
    #expect(ports.eventually { ports.payment(id)?["status"]?.text == "canceled" })
  }

  @Test func lateCaptureFailure() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/latency", "{\"modification_ms\":1}")
    let id =
      ports.adyen("/payments", adyenPayment("stored_capture_fails")).json["pspReference"]?
      .text ?? ""
    ports.adyen("/payments/\(id)/captures", adyenChange(4999))
    #expect(ports.eventually { ports.payment(id)?["captured"]?.int == 4999 })
    ports.control("POST", "/control/clock", "{\"advance_seconds\":181}")
    #expect(ports.eventually { ports.payment(id)?["captured"]?.int == 0 })
  }

  @Test(arguments: [
    ("{\"merchantAccount\":\"Other\"}", 403, "901"),
    ("{\"merchantAccount\":\"TestMerchant\"}", 422, "100"),
    (adyenPayment("pm_card_visa"), 422, "803"),
    (adyenPayment(reference: ""), 422, "130"),
    ("[", 400, "702"),
  ])
  func refusals(body: String, status: Int, code: String) throws {
    let gateways = try Gateways()
    let answer = gateways.ports.adyen("/payments", body)
    #expect(answer.status == status)
    #expect(answer.json["errorCode"]?.text == code)
  }

  @Test func wrongKeyAndUnknownPayment() throws {
    let gateways = try Gateways()
    let connection = Connection(port: gateways.simulator.adyenPort)
    #expect(connection.exchange("POST", "/v71/payments", body: "{}").status == 401)
    let answer = gateways.ports.adyen("/payments/XYZ/captures", adyenChange(1))
    #expect(answer.json["errorCode"]?.text == "167")
  }
}
