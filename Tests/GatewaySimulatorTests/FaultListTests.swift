import Foundation
import Glibc
import InboundHTTP
import Testing

@testable import GatewaySimulator

/// The list of faults: written down where people read it, drawn by seed, bound to methods; and those
/// that need more than one request to be seen.
@Suite struct FaultListTests {
  @Test func theReadmeHasTheTable() throws {
    let readme = URL(filePath: #filePath).appending(
      path: "../../../Sources/GatewaySimulator/README.md"
    )
    let text = try String(contentsOf: readme.standardized, encoding: .utf8)
    #expect(text.contains(Fault.table), "README.md needs:\n\(Fault.table)")
  }

  /// Those that tests of their own see on the wire, beside the rows of `FaultTests`.
  static let elsewhere = [
    "refuse", "tls_failure", "timeout_undecided", "slow", "rate_limited_replay", "key_expired",
    "not_found", "chargeback", "chargeback_reversed",
  ]

  @Test func everyFaultIsSeenByATest() {
    let rows = FaultTests.stripeRows.map(\.fault) + FaultTests.modificationFaults
    let seen = Set(rows + Self.elsewhere + WebhookFaultTests.faults)
    #expect(seen == Set(Fault.allCases.map(\.rawValue)))
  }

  @Test func aBrokenHandshakeIsAnswered() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let rule = ports.control(
      "POST",
      "/control/faults",
      #"{"gateway":"stripe","fault":"tls_failure"}"#
    )
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = loopbackAddress(ports.stripe)
    let connected = withUnsafeBytes(of: &address) { bytes in
      connect(
        descriptor,
        bytes.baseAddress?.assumingMemoryBound(to: sockaddr.self),
        socklen_t(MemoryLayout<sockaddr_in>.size)
      )
    }
    #expect(connected == 0)
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = recv(descriptor, &bytes, bytes.count, 0)
    #expect(Array(bytes[..<max(0, count)]) == [21, 3, 3, 0, 2, 2, 40])
    #expect(recv(descriptor, &bytes, bytes.count, 0) == 0)
    #expect(ports.adyen("/payments", adyenPayment()).status == 200)
    ports.control("DELETE", "/control/faults/" + (rule.json["id"]?.text ?? ""))
    #expect(ports.stripe("GET", "/v1/events").status == 200)
  }

  @Test func aRepetitionIsRateLimitedAndAFirstSendIsNot() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/faults", #"{"fault":"rate_limited_replay"}"#)
    func send() -> Answer {
      ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: "key-1")
    }
    let first = send()
    #expect(first.status == 200)
    #expect(send().status == 429)
    let third = send()
    #expect(third.status == 200 && third.json["id"] == first.json["id"])
    #expect(ports.summary()["charges"]?.int == 1)
  }

  /// What a platform must never run into: a key that has expired charges again.
  @Test func anExpiredKeyExecutesAnew() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/faults", #"{"fault":"key_expired"}"#)
    func send() -> String? {
      ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: "key-1").json["id"]?.text
    }
    let (first, second, third) = (send(), send(), send())
    #expect(first != second && second == third)
    #expect(ports.summary()["charges"]?.int == 2)
    // The same by the clock, past each gateway's window.
    let adyen = { ports.adyen("/payments", adyenPayment(), key: "key-2").json["pspReference"] }
    let before = adyen()
    #expect(adyen() == before)
    let target = machineMilliseconds() + 8 * 86_400_000
    #expect(ports.control("POST", "/control/clock", "{\"now_ms\":\(target)}").status == 200)
    #expect(adyen() != before && send() != third)
    #expect(ports.control("POST", "/control/clock", "{\"now_ms\":1}").status == 400)
  }

  @Test func whatExistsIsNotFound() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let id = ports.stripe("POST", "/v1/payment_intents", stripePayment()).json["id"]?.text ?? ""
    let psp = ports.adyen("/payments", adyenPayment()).json["pspReference"]?.text ?? ""
    ports.control("POST", "/control/faults", #"{"fault":"not_found","count":3}"#)
    #expect(ports.stripe("GET", "/v1/payment_intents/" + id).status == 404)
    #expect(ports.stripe("GET", "/v1/payment_intents").json["data"]?.items?.isEmpty == true)
    let change = ports.adyen("/payments/\(psp)/captures", adyenChange(4999))
    #expect(change.status == 422 && change.json["errorCode"]?.text == "167")
    #expect(ports.stripe("GET", "/v1/payment_intents/" + id).status == 200)
  }

  @Test(arguments: ["chargeback", "chargeback_reversed"])
  func chargebacksComeLaterAndMayBeReversed(fault: String) throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    ports.control("POST", "/control/latency", #"{"modification_ms":1}"#)
    ports.control("POST", "/control/faults", "{\"gateway\":\"stripe\",\"fault\":\"\(fault)\"}")
    ports.control("POST", "/control/faults", "{\"gateway\":\"adyen\",\"fault\":\"\(fault)\"}")
    let id = ports.stripe("POST", "/v1/payment_intents", stripePayment()).json["id"]?.text ?? ""
    let psp =
      ports.adyen("/payments", adyenPayment(manual: false)).json["pspReference"]?.text ?? ""
    func disputed() -> [Int64?] { [id, psp].map { ports.payment($0)?["disputed"]?.int } }
    #expect(disputed() == [0, 0])
    ports.control("POST", "/control/clock", #"{"advance_seconds":181}"#)
    #expect(ports.eventually { disputed() == [4999, 4999] })
    let dispute = ports.stripe("GET", "/v1/disputes").json["data"]?.items?.first
    #expect(dispute?["payment_intent"]?.text == id)
    #expect(dispute?["status"]?.text == "needs_response")
    // Nothing is left to give back.
    #expect(ports.stripe("POST", "/v1/refunds", "payment_intent=\(id)").status == 400)
    ports.control("POST", "/control/clock", #"{"advance_seconds":181}"#)
    let end: Int64 = fault == "chargeback" ? 4999 : 0
    #expect(ports.eventually { disputed() == [end, end] })
    let types = (ports.stripe("GET", "/v1/events?limit=100").json["data"]?.items ?? [])
      .compactMap { $0["type"]?.text }
    #expect(types.contains("charge.dispute.funds_reinstated") == (end == 0))
  }

  @Test func aRefundAtStripeFailsLate() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let id = ports.stripe("POST", "/v1/payment_intents", stripePayment()).json["id"]?.text ?? ""
    ports.control("POST", "/control/faults", #"{"fault":"modification_fails_late"}"#)
    let refund = ports.stripe("POST", "/v1/refunds", "payment_intent=\(id)").json
    #expect(refund["status"]?.text == "succeeded")
    ports.control("POST", "/control/clock", #"{"advance_seconds":181}"#)
    #expect(ports.eventually { ports.payment(id)?["refunded"]?.int == 0 })
    let path = "/v1/refunds/" + (refund["id"]?.text ?? "")
    #expect(ports.stripe("GET", path).json["status"]?.text == "failed")
  }

  // MARK: By method

  @Test func aMethodMeetsItsFaultOnce() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    func pay(_ fault: String, _ key: String) -> Answer {
      ports.stripe(
        "POST",
        "/v1/payment_intents",
        stripePayment("pm_card_fault_" + fault),
        key: key,
        limitMilliseconds: fault.hasPrefix("timeout") ? 300 : 60_000
      )
    }
    #expect(pay("timeout_after", "key-1").seen == .silent)
    let again = pay("timeout_after", "key-1")
    #expect(again.status == 200)
    #expect(pay("bad_gateway", "key-2").status == 502)
    #expect(pay("bad_gateway", "key-2").status == 200)
    #expect(ports.summary()["charges"]?.int == 2)
    // One that does not fit a payment strikes at the capture.
    ports.control("POST", "/control/latency", #"{"modification_ms":1}"#)
    let psp =
      ports.adyen("/payments", adyenPayment("stored_fault_modification_fails"))
      .json["pspReference"]?.text ?? ""
    #expect(ports.adyen("/payments/\(psp)/captures", adyenChange(4999)).status == 201)
    #expect(
      ports.eventually {
        ports.control("GET", "/books").json["modifications"]?.items?.first?["status"]?.text
          == "failed"
      }
    )
  }

  // MARK: By seed

  @Test func aSeedDrawsTheSameScheduleForEver() throws {
    func faults(_ seed: UInt64) -> [Fault?] {
      let schedule = FaultSchedule(seed: seed, percent: [.timeoutAfter: 10, .error500: 5])
      return (1...1_000).map { schedule.fault(.stripe, .authorize, number: $0) }
    }
    #expect(faults(7) == faults(7))
    #expect(faults(7) != faults(8))
    #expect((60...140).contains(faults(7).count { $0 == .timeoutAfter }))
    #expect((25...80).contains(faults(7).count { $0 == .error500 }))
  }

  @Test func aScheduleIsAnnouncedAndThenHappens() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    let body = #"{"seed":7,"percent":{"rate_limited":30,"bad_gateway":20},"operation":"authorize"}"#
    let made = ports.control("POST", "/control/seed", body)
    #expect(made.status == 200)
    let told = ports.control("GET", "/control/seed?count=40").json["schedule"]?.items ?? []
    var wanted = [Int](repeating: 200, count: 40)
    for entry in told where entry["gateway"]?.text == "stripe" {
      wanted[Int(entry["number"]?.int ?? 1) - 1] =
        entry["fault"]?.text == "rate_limited" ? 429 : 502
    }
    #expect(Set(wanted).count == 3)
    let seen = (0..<40).map { number -> Int in
      // What runs beside it changes nothing.
      ports.adyen("/payments", adyenPayment(), key: "other-\(number)")
      return ports.stripe("POST", "/v1/payment_intents", stripePayment(), key: "key-\(number)")
        .status
    }
    #expect(seen == wanted)
    #expect(ports.control("DELETE", "/control/seed").status == 200)
    #expect(ports.control("GET", "/control/seed").json["schedule"] == nil)
  }

  @Test(arguments: [
    "{}", #"{"seed":1}"#, #"{"seed":1,"percent":{"nothing":1}}"#, #"{"seed":1,"percent":101}"#,
    #"{"seed":1,"percent":{"refuse":1}}"#, #"{"seed":1,"percent":1,"operation":"dance"}"#,
    #"{"seed":1,"percent":1,"other":1}"#,
  ])
  func badSchedulesAreRefused(body: String) throws {
    let gateways = try Gateways()
    #expect(gateways.ports.control("POST", "/control/seed", body).status == 400)
  }

  @Test func theStandardMixLeavesOutWhatNoPlatformCanBear() throws {
    let gateways = try Gateways()
    let ports = gateways.ports
    #expect(ports.control("POST", "/control/seed", #"{"seed":1,"percent":50}"#).status == 200)
    guard case .object(let mix)? = ports.control("GET", "/control/seed").json["percent"] else {
      Issue.record("no mix")
      return
    }
    let left = Set(Fault.allCases.map(\.rawValue)).subtracting(mix.map(\.name))
    #expect(left == ["refuse", "tls_failure", "key_expired"])
  }
}
