import Foundation
import Reactor
import TestSupport
import Testing
import Transport

/// Other people's clients against our server.
@Suite(.serialized)
struct InteropTests {
  /// A Python that has grpcio, named by the environment.
  static let python = ProcessInfo.processInfo.environment["TENDER_TEST_PYTHON"]
  static let loadGenerator = "/usr/bin/h2load"

  @Test(
    .enabled(if: python != nil, "TENDER_TEST_PYTHON names no Python with grpcio"),
    .timeLimit(.minutes(1)))
  func grpcioSpeaksEveryCallKind() async throws {
    try await Harness.withServer { server in
      let files = try SharedCertificates.client.get()
      let output = try await Command.run(
        Self.python ?? "",
        [Self.script("grpcio_client.py"), "\(server.address.port ?? 0)", files.authority, files.chain, files.key])
      #expect(output.text.hasSuffix("every check passed\n"), "\(output.text)")
      #expect(output.code == 0)
      // The deadline's and the cancelled one.
      await server.probe.wait(for: .cancelled, count: 2)
    }
  }

  /// h2load shows no client certificate: a small proxy adds the TLS of a client that has one.
  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: loadGenerator)),
    .timeLimit(.minutes(2)))
  func h2loadGetsEveryAnswer() async throws {
    try await Harness.withServer { server in
      let files = try SharedCertificates.client.get()
      let output = try await Command.run(
        "/usr/bin/python3",
        [
          Self.script("h2load_through_tls.py"), Self.loadGenerator,
          "\(server.address.port ?? 0)", files.authority, files.chain, files.key,
        ])
      #expect(output.code == 0, "\(output.text)")
      #expect(
        output.text.contains("20000 done, 20000 succeeded, 0 failed, 0 errored"),
        "\(output.text)")
      #expect(server.probe.number(of: .started) == 20_000)
    }
  }

  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: loadGenerator)),
    .timeLimit(.minutes(1)))
  func h2loadWithoutACertificateGetsNone() async throws {
    try await Harness.withServer { server in
      let output = try await Command.run(
        Self.loadGenerator,
        ["-n", "50", "-c", "5", "https://127.0.0.1:\(server.address.port ?? 0)/test.Echo/Unary"])
      #expect(output.text.contains("0 succeeded"), "\(output.text)")
      #expect(server.probe.number(of: .started) == 0)
    }
  }

  private static func script(_ name: String) -> String {
    URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Interop/\(name)").path
  }
}

/// A program run to its end.
enum Command {
  static func run(
    _ path: String, _ arguments: [String]
  ) async throws -> (code: Int32, text: String) {
    try await withCheckedThrowingContinuation { continuation in
      let process = Process()
      process.executableURL = URL(fileURLWithPath: path)
      process.arguments = arguments
      let pipe = Pipe()
      process.standardOutput = pipe
      process.standardError = pipe
      do {
        try process.run()
      } catch {
        return continuation.resume(throwing: error)
      }
      DispatchQueue.global().async {
        let data = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        continuation.resume(
          returning: (process.terminationStatus, String(decoding: data, as: UTF8.self)))
      }
    }
  }
}
