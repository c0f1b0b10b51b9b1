import Testing

@testable import GatewaySimulator

@Suite struct StripeTests {
  @Test(
    arguments: [
      ("pm_card_visa", 200, "succeeded", nil, nil),
      ("pm_card_visa_chargeDeclined", 402, "", "card_declined", "generic_decline"),
      (
        "pm_card_visa_chargeDeclinedInsufficientFunds", 402, "", "card_declined",
        "insufficient_funds"
      ),
      ("pm_card_visa_chargeDeclinedLostCard", 402, "", "card_declined", "lost_card"),
      ("pm_card_visa_chargeDeclinedStolenCard", 402, "", "card_declined", "stolen_card"),
      ("pm_card_chargeDeclinedExpiredCard", 402, "", "expired_card", "expired_card"),
      ("pm_card_chargeDeclinedIncorrectCvc", 402, "", "incorrect_cvc", "incorrect_cvc"),
      ("pm_card_chargeDeclinedProcessingError", 402, "", "processing_error", "processing_error"),
      ("pm_card_authenticationRequired", 200, "requires_action", nil, nil),
      ("pm_success_de", 200, "processing", nil, nil),
      ("stored_visa", 400, "", "resource_missing", nil),
    ] as [(String, Int, String, String?, String?)]
  )
  func methods(method: String, status: Int, state: String, code: String?, decline: String?) throws {
    let gateways = try Gateways()
    let answer = gateways.ports.stripe("POST", "/v1/payment_intents", stripePayment(method))
    #expect(answer.status == status)
    #expect(answer.headers["request-id"]?.hasPrefix("req_") == true)
    if status == 200 {
      #expect(answer.json["status"]?.text == state)
      #expect(answer.json["amount"]?.int == 4999)
      #expect(answer.json["metadata"]?["intent"]?.text == "pi1")
    } else {
      #expect(answer.json["error"]?["code"]?.text == code)
      #expect(answer.json["error"]?["decline_code"]?.text == decline)
    }
    if status == 402 {
      let intent = answer.json["error"]?["payment_intent"]
      #expect(answer.json["error"]?["type"]?.text == "card_error")
      #expect(intent?["status"]?.text == "requires_payment_method")
      #expect(intent?["last_payment_error"]?["code"]?.text == code)
    }
  }

  /// The list of a span of time, newest first, page by page: what a platform searches after a 500.
  @Test func listsByTheTimeOfCreation() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    var made: [String] = []
    for _ in 0..<3 {
      made.append(
        ports.stripe("POST", "/v1/payment_intents", stripePayment()).json["id"]?.text ?? "")
      _ = ports.control("POST", "/control/clock", "{\"advance_seconds\":100}")
    }
    func created(_ id: String) -> Int64 {
      ports.stripe("GET", "/v1/payment_intents/\(id)").json["created"]?.int ?? 0
    }
    func list(_ query: String) -> ([String], Bool?) {
      let page = ports.stripe("GET", "/v1/payment_intents?" + query).json
      return (page["data"]?.items?.compactMap { $0["id"]?.text } ?? [], page["has_more"]?.bool)
    }
    #expect(list("").0 == made.reversed())
    let middle = created(made[1])
    #expect(list("created%5Bgte%5D=\(middle - 9)&created%5Blte%5D=\(middle + 9)").0 == [made[1]])
    #expect(list("created%5Bgt%5D=\(middle)").0 == [made[2]])
    #expect(list("created%5Blt%5D=\(middle)").0 == [made[0]])
    #expect(list("limit=2") == ([made[2], made[1]], true))
    #expect(list("limit=2&starting_after=\(made[1])") == ([made[0]], false))
    #expect(ports.stripe("GET", "/v1/payment_intents?created%5Bgte%5D=x").status == 400)
  }

  @Test func authoriseCaptureRefund() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let held = ports.stripe("POST", "/v1/payment_intents", stripePayment(capture: "manual")).json
    let id = held["id"]?.text ?? ""
    #expect(held["status"]?.text == "requires_capture")
    #expect(held["amount_capturable"]?.int == 4999)
    #expect(held["amount_received"]?.int == 0)
    let tooMuch = ports.stripe(
      "POST",
      "/v1/payment_intents/\(id)/capture",
      "amount_to_capture=5000"
    )
    #expect(tooMuch.json["error"]?["code"]?.text == "amount_too_large")
    let captured = ports.stripe(
      "POST",
      "/v1/payment_intents/\(id)/capture",
      "amount_to_capture=3000"
    )
    #expect(captured.json["status"]?.text == "succeeded")
    #expect(captured.json["amount_received"]?.int == 3000)
    let again = ports.stripe("POST", "/v1/payment_intents/\(id)/capture")
    #expect(again.status == 400)
    #expect(again.json["error"]?["code"]?.text == "payment_intent_unexpected_state")
    #expect(again.json["error"]?["payment_intent"]?["id"]?.text == id)
    let cancel = ports.stripe("POST", "/v1/payment_intents/\(id)/cancel")
    #expect(cancel.json["error"]?["code"]?.text == "payment_intent_unexpected_state")
    let refund = ports.stripe("POST", "/v1/refunds", "payment_intent=\(id)&amount=1000").json
    #expect(refund["status"]?.text == "succeeded")
    let over = ports.stripe("POST", "/v1/refunds", "payment_intent=\(id)&amount=2001")
    #expect(over.status == 400)
    #expect(over.json["error"]?["param"]?.text == "amount")
    #expect(ports.stripe("POST", "/v1/refunds", "payment_intent=\(id)").json["amount"]?.int == 2000)
    let done = ports.stripe("POST", "/v1/refunds", "payment_intent=\(id)")
    #expect(done.json["error"]?["code"]?.text == "charge_already_refunded")
    let read = ports.stripe("GET", "/v1/refunds/\(refund["id"]?.text ?? "")")
    #expect(read.json["amount"]?.int == 1000)
    #expect(ports.summary()["net"]?["EUR"] == nil)
  }

  @Test func createThenConfirmThenCancel() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let made = ports.stripe("POST", "/v1/payment_intents", "amount=999&currency=eur").json
    #expect(made["status"]?.text == "requires_payment_method")
    let id = made["id"]?.text ?? ""
    let early = ports.stripe("POST", "/v1/payment_intents/\(id)/confirm")
    #expect(early.json["error"]?["code"]?.text == "payment_intent_unexpected_state")
    let declined = ports.stripe(
      "POST",
      "/v1/payment_intents/\(id)/confirm",
      "payment_method=pm_card_visa_chargeDeclined"
    )
    #expect(declined.status == 402)
    let canceled = ports.stripe(
      "POST",
      "/v1/payment_intents/\(id)/cancel",
      "cancellation_reason=abandoned"
    )
    #expect(canceled.json["status"]?.text == "canceled")
    let late = ports.stripe(
      "POST",
      "/v1/payment_intents/\(id)/confirm",
      "payment_method=pm_card_visa"
    )
    #expect(late.json["error"]?["code"]?.text == "payment_intent_unexpected_state")
    #expect(ports.stripe("GET", "/v1/payment_intents/\(id)").json["status"]?.text == "canceled")
  }

  @Test func holdsLetGoAfterSevenDays() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let held = ports.stripe("POST", "/v1/payment_intents", stripePayment(capture: "manual")).json
    let id = held["id"]?.text ?? ""
    ports.control("POST", "/control/clock", "{\"advance_seconds\":604790}")
    #expect(
      ports.stripe("GET", "/v1/payment_intents/\(id)").json["status"]?.text == "requires_capture"
    )
    ports.control("POST", "/control/clock", "{\"advance_seconds\":11}")
    #expect(
      ports.eventually {
        ports.stripe("GET", "/v1/payment_intents/\(id)").json["status"]?.text == "canceled"
      }
    )
    let read = ports.stripe("GET", "/v1/payment_intents/\(id)").json
    #expect(read["cancellation_reason"]?.text == "automatic")
  }

  @Test(arguments: [("pm_success_at", "succeeded"), ("pm_failed_at", "requires_payment_method")])
  func directDebitsEndLater(method: String, end: String) throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/latency", "{\"bank_ms\":10}")
    let id =
      ports.stripe("POST", "/v1/payment_intents", stripePayment(method)).json["id"]?.text ?? ""
    #expect(
      ports.eventually {
        ports.stripe("GET", "/v1/payment_intents/\(id)").json["status"]?.text == end
      }
    )
  }

  @Test func thePayerAuthenticates() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let body = stripePayment("pm_card_authenticationRequired", capture: "manual")
    let id = ports.stripe("POST", "/v1/payment_intents", body).json["id"]?.text ?? ""
    #expect(ports.control("POST", "/control/authenticate", "{\"id\":\"\(id)\"}").status == 200)
    #expect(
      ports.stripe("GET", "/v1/payment_intents/\(id)").json["status"]?.text == "requires_capture"
    )
    let absent = ports.stripe("POST", "/v1/payment_intents", body + "&off_session=true")
    #expect(absent.json["error"]?["code"]?.text == "authentication_required")
  }

  @Test(arguments: [
    ("pm_card_visa", 200, "succeeded", nil), ("pm_card_authenticationRequired", 200, "requires_action", nil),
    ("pm_card_visa_chargeDeclinedLostCard", 402, "requires_payment_method", "lost_card"),
  ] as [(String, Int, String, String?)])
  func setUps(method: String, status: Int, state: String, code: String?) throws {
    let gateways = try Gateways()
    let answer = gateways.ports.stripe(
      "POST", "/v1/setup_intents",
      "confirm=true&usage=off_session&payment_method=\(method)&metadata[reference]=ts1")
    #expect(answer.status == status)
    let error = answer.json["error"]
    let setup = error?["setup_intent"] ?? answer.json
    #expect(setup["status"]?.text == state && error?["decline_code"]?.text == code)
    let id = setup["id"]?.text ?? ""
    let read = gateways.ports.stripe("GET", "/v1/setup_intents/\(id)").json
    #expect(read["status"]?.text == state && read["metadata"]?["reference"]?.text == "ts1")
    #expect(read["last_setup_error"]?["decline_code"]?.text == code)
    // It is nobody's payment.
    let books = gateways.ports.control("GET", "/books?reference_prefix=ts").json
    #expect(books["payments"]?.items?.count == 0 && books["setups"]?.items?.count == 1)
  }

  @Test(arguments: [
    ("currency=eur", "parameter_missing", "amount"),
    ("amount=x&currency=eur", "parameter_invalid_integer", "amount"),
    ("amount=0&currency=eur", "parameter_invalid_integer", "amount"),
    ("amount=10&currency=eur", "amount_too_small", "amount"),
    ("amount=100000000&currency=eur", "amount_too_large", "amount"),
    ("amount=100", "parameter_missing", "currency"),
    ("amount=100&currency=eur&colour=red", "parameter_unknown", "colour"),
  ])
  func parameters(body: String, code: String, parameter: String) throws {
    let gateways = try Gateways()
    let answer = gateways.ports.stripe("POST", "/v1/payment_intents", body)
    #expect(answer.status == 400)
    #expect(answer.json["error"]?["code"]?.text == code)
    #expect(answer.json["error"]?["param"]?.text == parameter)
  }

  @Test func wrongKeyAndWrongPath() throws {
    let gateways = try Gateways()
    let connection = Connection(port: gateways.simulator.stripePort)
    let headers = ["Authorization": "Bearer sk_test_2"]
    #expect(connection.exchange("GET", "/v1/payment_intents/pi_1", headers: headers).status == 401)
    #expect(gateways.ports.stripe("GET", "/v1/nothing").status == 404)
    #expect(gateways.ports.stripe("GET", "/v1/payment_intents/pi_1").status == 404)
  }

  @Test func eventsAreListed() throws {
    let gateways = try Gateways()
    gateways.ports.stripe("POST", "/v1/payment_intents", stripePayment())
    let events = gateways.ports.stripe("GET", "/v1/events?limit=5").json
    #expect(
      events["data"]?.items?.compactMap { $0["type"]?.text } == [
        "payment_intent.succeeded", "payment_intent.created",
      ]
    )
    #expect(events["has_more"]?.bool == false)
  }
}
