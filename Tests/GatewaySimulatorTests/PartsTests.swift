import Testing

@testable import GatewaySimulator

@Suite struct PartsTests {
  @Test(arguments: [
    ("{\"a\":[1,-2,true,null,\"x\\u00e9\\ud83d\\ude00\\n\"]}", true), ("[]", true), ("1.5", true),
    ("{\"a\":1,}", false), ("[1 2]", false), ("\"\u{1}\"", false), ("", false), ("{}x", false),
    ("\"\\ud83d\"", false), (String(repeating: "[", count: 100), false),
    (String(repeating: "[", count: 31) + String(repeating: "]", count: 31), true),
  ])
  func json(text: String, isValid: Bool) {
    #expect((JSON(parsing: Array(text.utf8)) != nil) == isValid)
  }

  @Test func writerAndParserAgree() {
    let bytes = JSONWriter.document { out in
      out.text("quote\"s", "a\\b\n\u{1f}é")
      out.number("n", -5)
      out.array("list") { $0.flag(nil, true) }
      out.null("none")
    }
    let json = JSON(parsing: bytes)
    #expect(json?["quote\"s"]?.text == "a\\b\n\u{1f}é")
    #expect(json?["n"]?.int == -5)
    #expect(json?["list"]?.items == [.bool(true)])
    #expect(json?["none"] == .null)
  }

  @Test func dutiesComeInOrder() {
    var queue = DutyQueue()
    var generator = SeededGenerator(seed: 7)
    for _ in 0..<200 {
      let due = Int64.random(in: 0..<1000, using: &generator)
      queue.add(.payment("\(due)"), due: due)
    }
    var last: Int64 = -1
    for _ in 0..<200 {
      guard case .payment(let text)? = queue.next(now: 1000), let due = Int64(text) else {
        Issue.record("the queue ended early")
        return
      }
      #expect(due >= last)
      last = due
    }
    #expect(queue.next(now: 1000) == nil)
  }

  @Test func everyMethodHasOneMeaning() {
    var names: Set<String> = []
    for method in TestMethods.all {
      for name in method.stripe + method.adyen { #expect(names.insert(name).inserted) }
      for name in method.stripe { #expect(TestMethods.adyen(name) == nil) }
      for name in method.adyen { #expect(TestMethods.stripe(name) == nil) }
      if case .refuses(let refusal) = method.behaviour {
        #expect(TestMethods.refusal(refusal).name == refusal)
      }
    }
  }
}
