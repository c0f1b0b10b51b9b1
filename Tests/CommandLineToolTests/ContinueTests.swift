import Testing

@testable import CommandLineTool

/// What a payer brings back, as people paste it, and what they are told to do.
struct ContinueTests {
  @Test(arguments: [
    ("https://a/b?redirectResult=X%21%2B%2F%3D%3D", "X!+/=="), ("https://a/?x=1&redirectResult=Y", "Y"),
    ("https://a/?redirectResult=Y#redirectResult=Z", "Y"), ("https://a/?redirectResult=", ""),
    ("https://a/?RedirectResult=Y", nil), ("https://a/redirectResult=Y", nil), ("", nil),
    ("https://a/?redirectResult", nil), ("https://a/?redirectResult=%2", nil),
    ("https://a/?redirectResult=%ZZ", nil), ("https://a/?redirectResult=%FF", nil),
  ] as [(String, String?)])
  func parameters(address: String, expected: String?) {
    #expect(QueryParameter.value(of: "redirectResult", in: address) == expected)
  }

  @Test func whatIsHandedOver() throws {
    func result(_ given: String?, _ address: String?, _ parameter: String) -> String? {
      try? Continue.result(given, address, of: parameter)
    }
    #expect(result(nil, nil, "") == "")
    #expect(result(nil, "https://a/?payment_intent=pi_1", "") == "")
    #expect(result("X", nil, "redirectResult") == "X")
    #expect(result(nil, "https://a/?redirectResult=X", "redirectResult") == "X")
    #expect(result(nil, nil, "redirectResult") == nil)
    #expect(result(nil, "https://a/?other=X", "redirectResult") == nil)
  }

  @Test func whatPeopleAreTold() {
    func lines(_ status: String, _ url: String?, _ parameter: String) -> [String] {
      NextActionText.lines("pi_1", status, url, "get", parameter)
    }
    #expect(lines("succeeded", "https://a", "").isEmpty)
    #expect(lines("requires_action", "https://a", "").last == "then      tender continue pi_1")
    #expect(lines("requires_action", "https://a", "r").last?.contains("--returned") == true)
    #expect(lines("requires_action", nil, "").count == 1)
  }
}
