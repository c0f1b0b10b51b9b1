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
    let script = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .appendingPathComponent("Interop/grpcio_client.py").path
    try await Harness.withServer { server in
      let files = try SharedCertificates.client.get()
      let output = try await Command.run(
        Self.python ?? "",
        [script, "\(server.address.port ?? 0)", files.authority, files.chain, files.key])
      #expect(output.text.hasSuffix("every check passed\n"), "\(output.text)")
      #expect(output.code == 0)
      // The deadline's and the cancelled one.
      await server.probe.wait(for: .cancelled, count: 2)
    }
  }

  @Test(
    .enabled(if: FileManager.default.isExecutableFile(atPath: loadGenerator)),
    .timeLimit(.minutes(1)))
  func h2loadGetsEveryAnswer() async throws {
    // h2load shows no client certificate, so it meets a plain HTTP refusal only at the handshake:
    // it drives the pure session in `SessionTests`; here it must be turned away cleanly.
    try await Harness.withServer { server in
      let output = try await Command.run(
        Self.loadGenerator,
        ["-n", "50", "-c", "5", "https://127.0.0.1:\(server.address.port ?? 0)/test.Echo/Unary"])
      #expect(output.text.contains("0 succeeded"), "\(output.text)")
    }
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
