import Testing

@testable import GatewaySimulator

/// Reports come out of the books, by the gateways' own calls.
@Suite struct ReportTests {
  @Test func stripesRunTakesItsTimeAndShowsTheBooks() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/latency", "{\"modification_ms\":3600000}")
    ports.stripe(
      "POST", "/v1/payment_intents",
      "amount=4999&currency=eur&payment_method=pm_card_visa&confirm=true", key: "k1")
    let body =
      "report_type=payout_reconciliation.itemized.5&parameters[interval_start]=0&parameters[interval_end]=9999999999"
    let run = ports.stripe("POST", "/v1/reporting/report_runs", body, key: "k2")
    #expect(run.status == 200 && run.json["status"]?.text == "pending")
    let id = try #require(run.json["id"]?.text)
    ports.control("POST", "/control/clock", "{\"advance_seconds\":3601}")
    let ready = ports.stripe("GET", "/v1/reporting/report_runs/\(id)")
    #expect(ready.json["status"]?.text == "succeeded")
    let file = try #require(ready.json["result"]?["id"]?.text)
    let lines = ports.stripe("GET", "/v1/files/\(file)/contents").text.split(separator: "\r\n")
    #expect(lines.count == 2 && lines[0].hasPrefix("automatic_payout_id,"))
    #expect(lines[1].contains(",eur,49.99,0.74,49.25,charge,"))
    #expect(ports.stripe("GET", "/v1/files/file_none/contents").status == 404)
    let unknown = ports.stripe("POST", "/v1/reporting/report_runs", body + "&speed=high", key: "k3")
    #expect(unknown.json["error"]?["code"]?.text == "parameter_unknown")
  }

  @Test func adyensFilesNeedTheirNameAccountAndKey() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.adyen("/payments", adyenPayment())
    let name = "payments_accounting_report_2020_01_01.csv"
    #expect(ports.control("POST", "/control/reports", "{\"name\":\"\(name)\"}").status == 200)
    #expect(ports.control("POST", "/control/reports", "{\"name\":\"salaries.csv\"}").status == 400)
    func get(_ path: String, _ key: String = "adyen_key") -> Answer {
      Connection(port: ports.adyen).exchange("GET", path, headers: ["X-API-Key": key])
    }
    let account = "/reports/download/MerchantAccount/"
    // That day has nothing but its header.
    let file = get(account + "TestMerchant/\(name)")
    #expect(file.status == 200 && file.text.split(separator: "\r\n").count == 1)
    #expect(get(account + "TestMerchant/\(name)", "wrong").status == 401)
    #expect(get(account + "Other/\(name)").status == 404)
    #expect(get(account + "TestMerchant/salaries.csv").status == 404)
  }
}
