import ServiceKit
import Testing

struct SettingsTests {
  static let complete = """
    # where it listens
    listen = 127.0.0.1:7001
    endpoints.file = /e
    tls.certificate = /c
    tls.key = /k
    tls.authority = /a
    """

  @Test func theEnvironmentWinsOverTheFile() throws {
    let reader = try SettingsSource.reader(
      fileText: Self.complete, environment: ["TENDER_LISTEN": "127.0.0.1:9"])
    let settings = try ServiceSettings(config: reader)
    #expect(settings.listen == "127.0.0.1:9")
    #expect(settings.keyFile == "/k")
    #expect(settings.logLevel == "info")
  }

  @Test func aMissingSettingIsNamedWithItsVariable() throws {
    let reader = try SettingsSource.reader(fileText: "listen = x", environment: [:])
    let error = #expect(throws: SettingsError.self) { try ServiceSettings(config: reader) }
    #expect(error?.description.contains("TENDER_ENDPOINTS_FILE") == true)
  }

  @Test(arguments: ["listen", "= x", "a = b\nc"])
  func malformedLinesAreRefusedByNumber(_ text: String) {
    let error = #expect(throws: SettingsError.self) {
      try SettingsSource.reader(fileText: text, environment: [:])
    }
    #expect(error?.description.contains("Line") == true)
  }

  @Test(arguments: [("5", Optional(5)), ("0", nil), ("11", nil), ("x", nil)] as [(String, Int?)])
  func numbersAreChecked(_ text: String, _ expected: Int?) throws {
    let reader = try SettingsSource.reader(fileText: "n = \(text)", environment: [:])
    let value = try? ServiceSettings.integer(reader, "n", default: 1, in: 1...10)
    #expect(value == expected)
  }
}

struct TraceContextTests {
  @Test func aTraceGoesOnUnderASpanOfItsOwn() throws {
    let text = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    let trace = try #require(TraceContext(traceparent: text))
    #expect(trace.traceIDText == "4bf92f3577b34da6a3ce929d0e0e4736")
    #expect(trace.traceIDBytes.first == 0x4B && trace.traceIDBytes.last == 0x36)
    #expect(TraceContext(traceparent: trace.traceparent)?.traceID == trace.traceID)
  }

  @Test(arguments: [
    "", "00-0-0-0", "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
    "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
  ])
  func malformedTracesAreDropped(_ text: String) {
    #expect(TraceContext(traceparent: text) == nil)
  }
}
