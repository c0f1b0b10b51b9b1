import FoundationEssentials
import Glibc

/// Where a command's answer goes: lines for people, or with `--json` one JSON value on standard
/// output and nothing else there.
struct Output: Sendable {
  let json: Bool
  /// Says nothing but failures: for a command that is part of another's answer.
  var isSilent = false

  /// A line for people; silent with `--json`.
  func line(_ text: String) {
    if !json && !isSilent { Stream.standardOutput.write(text + "\n") }
  }

  /// The command's answer: `value` with `--json`, else the lines that `text` makes.
  func result(_ value: some Encodable, text: () -> [String]) throws {
    guard !isSilent else { return }
    guard json else {
      for line in text() { self.line(line) }
      return
    }
    Stream.standardOutput.write(try JSONText.encode(value) + "\n")
  }

  /// Runs `body`; when it takes over a second, people are told what is waited for.
  func whileWaiting<Result: Sendable>(
    _ what: String, _ body: () async throws -> Result
  ) async throws -> Result {
    let isSilent = json || isSilent
    return try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask {
        var seconds = 0
        while true {
          try await Task.sleep(for: .seconds(seconds == 0 ? 1 : 5))
          seconds += seconds == 0 ? 1 : 5
          if !isSilent { Stream.standardError.write("\(what): \(seconds) s\n") }
        }
      }
      defer { group.cancelAll() }
      return try await body()
    }
  }

  /// The failure that ends the command.
  func failure(_ failure: Failure) {
    guard json else {
      Stream.standardError.write("tender: \(failure)\n")
      return
    }
    let value = [
      "error": failure.message, "nextStep": failure.nextStep,
      "exit": String(failure.status.rawValue),
    ]
    // A dictionary of strings always encodes; a missing text would still leave the exit code.
    if let text = try? JSONText.encode(value) { Stream.standardOutput.write(text + "\n") }
  }
}

/// One of the process's own streams, written without buffering.
enum Stream: Int32 {
  case standardOutput = 1
  case standardError = 2

  var isTerminal: Bool { isatty(rawValue) == 1 }

  func write(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = bytes.withUnsafeBytes { Glibc.write(rawValue, $0.baseAddress, $0.count) }
      if count < 0 && errno == EINTR { continue }
      // A reader that went away ends the output, not the work.
      guard count > 0 else { return }
      bytes = bytes.dropFirst(count)
    }
  }
}

/// JSON as every file and answer of the tool has it: sorted keys, one form.
enum JSONText {
  static func encode(_ value: some Encodable, pretty: Bool = false) throws -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting =
      pretty
      ? [.sortedKeys, .withoutEscapingSlashes, .prettyPrinted]
      : [.sortedKeys, .withoutEscapingSlashes]
    return String(decoding: try encoder.encode(value), as: UTF8.self)
  }

  static func decode<Value: Decodable>(_ type: Value.Type, from text: String) throws -> Value {
    try JSONDecoder().decode(type, from: Data(text.utf8))
  }
}
