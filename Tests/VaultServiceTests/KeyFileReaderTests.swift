import Foundation
import ServiceKit
import TestSupport
import Testing

@testable import VaultService

@Suite struct KeyFileReaderTests {
  @Test func aFileThatOthersCanReadIsRefused() async throws {
    try await withTemporaryDirectory { directory in
      let path = "\(directory)/vault.key"
      let text = String(repeating: "ab", count: 32)
      try text.write(toFile: path, atomically: false, encoding: .utf8)
      for (mode, isAccepted) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
        try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
        do throws(SettingsError) {
          _ = try KeyFileReader.read(path)
          #expect(isAccepted)
        } catch {
          #expect(!isAccepted)
          #expect(error.description.contains("chmod 600") && !error.description.contains("abab"))
        }
      }
    }
  }

  @Test func whatIsNoKeyFileIsRefused() async throws {
    try await withTemporaryDirectory { directory in
      #expect(throws: SettingsError.self) { try KeyFileReader.read("\(directory)/absent") }
      #expect(throws: SettingsError.self) { try KeyFileReader.read(directory) }
    }
  }
}
