import Foundation
import Testing
import Wire

/// A Python with the package protobuf: `TENDER_TEST_PYTHON`. Without it these tests do not run.
private let python = ProcessInfo.processInfo.environment["TENDER_TEST_PYTHON"]

/// Sends commands to protobuf_answers.py, after all contract files in the order of their dependencies.
private func ask(_ commands: [String]) throws -> [String] {
  var sent: Set<String> = []
  var lines: [String] = []
  func send(_ file: ContractFile) {
    guard sent.insert(file.name).inserted else { return }
    for name in file.dependencies { ContractFile.byName[name].map(send) }
    lines.append("file \(hex(file.descriptor))")
  }
  ContractFile.all.forEach(send)
  lines += commands

  let input = FileManager.default.temporaryDirectory
    .appendingPathComponent("wire-interop-\(UUID().uuidString)")
  try Data(lines.joined(separator: "\n").utf8).write(to: input)
  defer { try? FileManager.default.removeItem(at: input) }
  let process = Process()
  let output = Pipe()
  process.executableURL = URL(fileURLWithPath: try #require(python))
  process.arguments = [
    URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Polyglot/protobuf_answers.py").path
  ]
  process.standardInput = try FileHandle(forReadingFrom: input)
  process.standardOutput = output
  try process.run()
  let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
  process.waitUntilExit()
  #expect(process.terminationStatus == 0)
  return text.split(separator: "\n").map(String.init)
}

private func argument(_ bytes: [UInt8]) -> String { bytes.isEmpty ? "-" : hex(bytes) }

@Suite(.enabled(if: python != nil, "TENDER_TEST_PYTHON is not set")) struct InteropTests {
  private func samples() -> [TestingV1.Everything] {
    var numbers = SeededNumbers(seed: runSeed &+ 7)
    var maximal = numbers.everything()
    maximal.int32s = (0..<1_000).map { Int32($0) - 500 }
    maximal.inners = (0..<100).map { _ in numbers.inner() }
    maximal.stringValue = String(repeating: "漢", count: 10_000)
    maximal.bytesValue = [UInt8](repeating: 0xFF, count: 100_000)
    return [TestingV1.Everything(), maximal] + (0..<200).map { _ in numbers.everything() }
  }

  @Test func pythonReadsAndWritesTheSameBytes() throws {
    let encodings = samples().map { argument($0.encode()) }
    let answers = try ask(encodings.map { "again tender.testing.v1.Everything \($0)" })
    #expect(answers.count == encodings.count)
    for (ours, theirs) in zip(encodings, answers) { #expect(ours == theirs) }
  }

  @Test func pythonUnderstandsTheJSON() throws {
    let commands = samples().map { message in
      "json tender.testing.v1.Everything \(argument(message.encode())) "
        + argument(Array(message.jsonText().utf8))
    }
    let answers = try ask(commands)
    #expect(answers.count == commands.count)
    for answer in answers { #expect(answer == "same") }
  }

  @Test func weReadAndWritePythonsBytes() throws {
    func check<M: WireMessage>(_ type: M.Type) throws {
      let commands = (0..<60).map { "make \(M.fullName) \((runSeed >> 1) &+ UInt64($0))" }
      let answers = try ask(commands)
      #expect(answers.count == commands.count)
      for answer in answers {
        try #require(!answer.hasPrefix("error"), "\(answer)")
        let encoded = answer == "-" ? [] : bytes(hex: answer)
        let message = try M(decoding: encoded, limits: .init(bytesMax: 1 << 24), strict: false)
        #expect(argument(message.encode()) == answer, "\(M.fullName)")
      }
    }
    try check(TestingV1.Everything.self)
    try check(IntentsV1.PaymentIntent.self)
    try check(LedgerV1.PostRequest.self)
    try check(GatewayV1.Operation.self)
    try check(BillingV1.Invoice.self)
    try check(GRPCReflectionV1.ServerReflectionResponse.self)
    try check(GoogleRPC.Status.self)
    try check(GoogleRPC.BadRequest.self)
  }
}
