import Testing

@testable import GatewaySimulator

/// What takes days takes them on the simulator's clock; and what auditors read.
@Suite struct ClockTests {
  private func advance(_ ports: Ports, days: Int) {
    ports.control("POST", "/control/clock", "{\"advance_seconds\":\(days * 86_400)}")
  }

  @Test(arguments: [
    ("sepa_debit", "succeeded", Int64(0)), ("sepa_debit_fails", "", 0),
    ("sepa_debit_returned", "succeeded", 4999),
  ])
  func debitsTakeDaysAndMayComeBackWeeksLater(
    method: String,
    status: String,
    disputed: Int64
  ) throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let stripe = ports.stripe("POST", "/v1/payment_intents", stripePayment("pm_" + method)).json
    let adyen = ports.adyen("/payments", adyenPayment("stored_" + method, manual: false)).json
    #expect(stripe["status"]?.text == "processing")
    #expect(adyen["resultCode"]?.text == "Received")
    let (id, psp) = (stripe["id"]?.text ?? "", adyen["pspReference"]?.text ?? "")
    func statuses() -> [String?] { [id, psp].map { ports.payment($0)?["status"]?.text } }
    advance(ports, days: 2)
    #expect(statuses() == ["processing", "processing"])
    advance(ports, days: 2)
    let failed = ["requires_payment_method", "refused"]
    #expect(ports.eventually { statuses() == (status.isEmpty ? failed : [status, status]) })
    advance(ports, days: 30)
    // Duties run in their order: what comes after this one has seen the return.
    #expect(
      ports.eventually { [id, psp].allSatisfy { ports.payment($0)?["disputed"]?.int == disputed } }
    )
    let disputes = ports.control("GET", "/books").json["disputes"]?.items ?? []
    #expect(disputes.count == (disputed > 0 ? 2 : 0))
    #expect(disputes.allSatisfy { $0["return"]?.bool == true && $0["status"]?.text == "lost" })
    if disputed > 0 {
      let dispute = ports.stripe("GET", "/v1/disputes").json["data"]?.items?.first
      #expect(dispute?["reason"]?.text == "debit_not_authorized")
      #expect(dispute?["payment_method_details"]?["type"]?.text == "sepa_debit")
      #expect(ports.summary()["net"]?["EUR"]?.int == nil)
    }
  }

  @Test func searchLagsBehind() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.stripe("POST", "/v1/payment_intents", stripePayment())
    func found() -> Int? {
      ports.stripe("GET", "/v1/payment_intents/search?query=metadata['reference']:'ref1'")
        .json["data"]?.items?.count
    }
    #expect(found() == 0)
    #expect(ports.stripe("GET", "/v1/payment_intents").json["data"]?.items?.count == 1)
    ports.control("POST", "/control/clock", #"{"advance_seconds":61}"#)
    #expect(found() == 1)
    #expect(ports.stripe("GET", "/v1/payment_intents/search?query=amount>1").status == 400)
  }

  @Test func eventsAreListedByPageInBothDirectionsForThirtyDays() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    for number in 0..<7 {
      ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: "key-\(number)")
    }
    func page(_ query: String) -> (ids: [String], hasMore: Bool) {
      let json = ports.stripe("GET", "/v1/events?" + query).json
      return (
        (json["data"]?.items ?? []).compactMap { $0["id"]?.text }, json["has_more"]?.bool ?? false
      )
    }
    let all = page("limit=100").ids
    #expect(all.count == 14)
    var forward: [String] = []
    var cursor = ""
    while true {
      let (ids, hasMore) = page("limit=4" + cursor)
      forward += ids
      guard hasMore, let last = ids.last else { break }
      cursor = "&starting_after=" + last
    }
    #expect(forward == all)
    var backward: [String] = []
    cursor = all[13]
    while true {
      let (ids, hasMore) = page("limit=4&ending_before=" + cursor)
      backward = ids + backward
      guard hasMore, let first = ids.first else { break }
      cursor = first
    }
    #expect(backward == Array(all.dropLast()))
    #expect(page("limit=100&type=payment_intent.succeeded").ids.count == 7)
    #expect(ports.stripe("GET", "/v1/events?starting_after=evt_none").status == 400)
    #expect(ports.stripe("GET", "/v1/events?limit=101").status == 400)
    advance(ports, days: 31)
    #expect(page("limit=100").ids.isEmpty)
  }

  @Test func everyAcceptedRequestIsWrittenDown() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/faults", #"{"fault":"error_500"}"#)
    for _ in 0..<2 { ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: "key-1") }
    ports.stripe("GET", "/v1/payment_intents")
    let psp = ports.adyen("/payments", adyenPayment()).json["pspReference"]?.text ?? ""
    ports.adyen("/payments/\(psp)/captures", adyenChange(4999))
    func requests(_ query: String = "") -> [JSON] {
      ports.control("GET", "/books/requests" + query).json["requests"]?.items ?? []
    }
    #expect(
      requests().map { $0["operation"]?.text } == [
        "authorize", "authorize", "authorize", "capture",
      ]
    )
    #expect(requests().map { $0["status"]?.int } == [500, 500, 200, 201])
    #expect(requests().map { $0["replay"]?.bool } == [false, true, false, false])
    #expect(requests()[0]["fault"]?.text == "error_500" && requests()[1]["fault"]?.text == nil)
    #expect(requests("?gateway=adyen").count == 2 && requests("?from=3").count == 1)
    #expect(requests()[3]["target"]?.text == psp && requests()[3]["reference"]?.text == "ref1")
  }

  /// Captured, refunded in part, charged back for the rest, and the chargeback won: each is a movement
  /// with its fee, and the day's net is paid out two days later.
  @Test func moneyMovesInTheBooksAndIsPaidOut() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let method = "pm_card_createDisputeReversed"
    let id =
      ports.stripe("POST", "/v1/payment_intents", stripePayment(method)).json["id"]?.text ?? ""
    #expect(ports.stripe("POST", "/v1/refunds", "payment_intent=\(id)&amount=999").status == 200)
    func movements(_ query: String = "") -> [JSON] {
      ports.control("GET", "/books/movements" + query).json["movements"]?.items ?? []
    }
    for count in 3...4 {
      ports.control("POST", "/control/clock", #"{"advance_seconds":181}"#)
      #expect(ports.eventually { movements().count == count })
    }
    #expect(
      movements().map { $0["kind"]?.text } == ["capture", "refund", "dispute", "dispute_won"]
    )
    #expect(movements().map { $0["amount"]?.int } == [4999, -999, -4000, 4000])
    #expect(movements().map { $0["fee"]?.int } == [99, 0, 2000, 0])
    #expect(movements("?gateway=adyen").isEmpty && movements("?from=3").count == 1)
    func payouts() -> [JSON] {
      ports.control("GET", "/books/payouts").json["payouts"]?.items ?? []
    }
    #expect(payouts().isEmpty)
    advance(ports, days: 3)
    // The four may lie on both sides of a midnight.
    #expect(payouts().reduce(0) { $0 + ($1["net"]?.int ?? 0) } == 4999 - 999 - 99 - 2000)
    #expect(payouts().reduce(0) { $0 + ($1["movements"]?.int ?? 0) } == 4)
  }
}
