import Foundation
import Testing

/// What the plugin refuses, through protoc.
@Suite struct RefusalTests {
  /// Runs protoc with the plugin on one contract; returns what it complains of.
  private func complaint(_ contract: String) throws -> String {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("generator-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    try Data(contract.utf8).write(to: folder.appendingPathComponent("a.proto"))
    let package = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
      .deletingLastPathComponent().deletingLastPathComponent()
    let process = Process()
    let errors = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [
      "protoc", "-I\(folder.path)", "-I\(package.deletingLastPathComponent().path)",
      "--plugin=\(package.path)/.build/debug/protoc-gen-tender", "--tender_out=\(folder.path)",
      "a.proto",
    ]
    process.standardError = errors
    try process.run()
    let text = String(decoding: errors.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    #expect((process.terminationStatus == 0) == text.isEmpty)
    return text
  }

  private func proto3(_ body: String) -> String {
    """
    syntax = "proto3"; package tender.a.v1;
    import "tender/options/v1/options.proto";
    \(body)
    message Used { string s = 1 [(tender.options.v1.field).length_max = 3]; }
    """
  }

  @Test func acceptedContract() throws {
    #expect(try complaint(proto3("message A { Used used = 1; }")) == "")
  }

  @Test(arguments: [
    ("message A { A a = 1; }", "recursive"),
    ("message A { B b = 1; } message B { repeated A a = 1; }", "recursive"),
    ("message A { oneof c { B b = 1; } } message B { A a = 1; }", "recursive"),
    ("message A { map<string, string> m = 1; }", "maps"),
    ("enum E { E_A = 0; E_B = -1; }", "negative"),
    ("enum E { option allow_alias = true; E_A = 0; E_B = 0; }", "aliases"),
    ("message A { string base = 1; }", "taken"),
    ("message A { message Source {} oneof source { Source s = 1; } }", "two types"),
    ("message A { bool b = 1 [(tender.options.v1.field).required = true]; }", "required bool"),
    ("message A { string s = 1 [(tender.options.v1.field).card_data_exempt = true]; }", "for bytes"),
    ("message A { string s = 1 [(tender.options.v1.field).has_range = true]; }", "for integers"),
    ("message A { int32 n = 1 [(tender.options.v1.field).length_max = 3]; }", "length_max"),
    ("message A { string s = 1 [(tender.options.v1.field).count_max = 3]; }", "count_max"),
    ("service S { rpc M(Used) returns (Used); }", "nobody could call it"),
    (
      "service S { rpc M(Used) returns (Used) { option (tender.options.v1.rules) = "
        + "{ access: CALLER_LEDGER mutation: MUTATION_READS }; } }", "merchant is missing"
    ),
    (
      "service S { rpc M(Used) returns (Used) { option (tender.options.v1.rules) = "
        + "{ access: CALLER_LEDGER mutation: MUTATION_KEYED merchant: MERCHANT_SCOPE_NONE "
        + "fingerprint: \"t\" }; } }", "names no field"
    ),
    (
      "service S { rpc M(stream Used) returns (Used) { option (tender.options.v1.rules) = "
        + "{ access: CALLER_LEDGER mutation: MUTATION_KEYED merchant: MERCHANT_SCOPE_NONE }; } }",
      "one request and one answer"
    ),
  ])
  func refusedContract(body: String, reason: String) throws {
    #expect(try complaint(proto3(body)).contains(reason))
  }

  @Test func proto2IsRefused() throws {
    let contract = "syntax = \"proto2\"; package tender.a.v1; message A { optional group G = 1 {} }"
    #expect(try complaint(contract).contains("proto3"))
  }
}
