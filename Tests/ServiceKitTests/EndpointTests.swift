import Reactor
import Testing

@testable import ServiceKit

struct EndpointTests {
  @Test func everyProcessOfAServiceIsNamed() throws {
    let json = """
      {"intents": {"host": "127.0.0.1", "port": 1}, "intents-2": {"host": "127.0.0.1", "port": 2},
       "intents-4": {"host": "127.0.0.1", "port": 4}, "ledger": {"host": "127.0.0.1", "port": 5}}
      """
    let endpoints = try Endpoints(json: Array(json.utf8))
    #expect(endpoints.addresses(of: .intents).map(\.description) == ["127.0.0.1:1", "127.0.0.1:2"])
    #expect(endpoints.addresses(of: .ledger).map(\.description) == ["127.0.0.1:5"])
    #expect(endpoints.addresses(of: .billing).isEmpty)
  }

  @Test(arguments: ["crash.at", "sabotage", "clock.shiftSeconds", "faults.folder"])
  func aBuildForReleaseRefusesToBeBroken(_ key: String) throws {
    let reader = try SettingsSource.reader(fileText: "\(key) = x", environment: [:])
    let error = #expect(throws: SettingsError.self) { try FaultSettings.refuse(reader) }
    #expect(error?.description.contains(key) == true)
    try FaultSettings.refuse(try SettingsSource.reader(fileText: "listen = x", environment: [:]))
  }
}
