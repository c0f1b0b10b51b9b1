import GRPCCore
import Testing
import Wire

@Suite struct MethodRulesTests {
  @Test func everyMethodHasRules() {
    let methods = Set(MethodRules.all.map(\.method))
    #expect(methods.count == MethodRules.all.count)
    let declared = ContractFile.all.flatMap { file in
      file.services.flatMap { service in
        file.symbols.filter { $0.hasPrefix(service + ".") }
          .map { service + "/" + $0.dropFirst(service.count + 1) }
      }
    }
    #expect(Set(declared) == methods)
    for rules in MethodRules.all {
      #expect(!rules.access.isEmpty, "\(rules.method)")
      #expect(rules.requestBytesMax > 0 && rules.responseBytesMax > 0)
    }
  }

  @Test func rulesAreThoseOfTheContract() throws {
    let mirror = try #require(
      MethodRules.table[TestingV1.Echo.Method.Mirror.descriptor.fullyQualifiedMethod])
    #expect(mirror.access == [.merchant, .operator])
    #expect(mirror.mutation == .keyed)
    #expect(mirror.merchant == .required)
    #expect(mirror.requestBytesMax == 1_048_576)
    #expect(mirror.timeoutMillisecondsMax == 30_000)
    #expect(mirror.allows(.operator))
    #expect(!mirror.allows(.auditor))
    let check = try #require(MethodRules.table["tender.testing.v1.Echo/Check"])
    #expect(check.fingerprint == ["amount_minor", "part", "labels"])
    #expect(check.fingerprintVersion == 2)
    #expect(MethodRules.table["tender.testing.v1.Echo/Nothing"] == nil)
    let health = try #require(MethodRules.table["grpc.health.v1.Health/Check"])
    #expect(health.allows(.auditor) && health.mutation == .reads && health.merchant == .none)
  }
}

@Suite struct FingerprintTests {
  private let request = TestingV1.Ruled(
    requiredText: "a", amountMinor: 7, labels: ["x", "y"],
    part: .init(currency: "EUR", amountMinor: -1))

  @Test func canonicalForm() {
    let expected: [UInt8] =
      [0, 0, 0, 2]  // version
      + [0, 0, 0, 3, 2, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 7]  // amount_minor, integer
      + [0, 0, 0, 4, 9, 0, 0, 0, 12] + [5, 0, 0, 0, 1, 0x78] + [5, 0, 0, 0, 1, 0x79]  // labels
      + [0, 0, 0, 8, 8, 0, 0, 0, 29]  // part, message
      + [0, 0, 0, 1, 5, 0, 0, 0, 3, 0x45, 0x55, 0x52]
      + [0, 0, 0, 2, 2, 0, 0, 0, 8] + [UInt8](repeating: 255, count: 8)
    #expect(hex(request.fingerprintBytes) == hex(expected))
  }

  @Test func onlyDeclaredFieldsCount() {
    var other = request
    other.requiredText = "b"
    other.color = .blue
    other.part?.currency = "EUR"
    #expect(other.fingerprintBytes == request.fingerprintBytes)
    other.part?.currency = "USD"
    #expect(other.fingerprintBytes != request.fingerprintBytes)
  }

  @Test func boundariesOfTextCount() {
    var one = request
    one.labels = ["xy"]
    var two = request
    two.labels = ["x", "y"]
    var three = request
    three.labels = ["xy", ""]
    #expect(Set([one, two, three].map(\.fingerprintBytes)).count == 3)
  }

  @Test func presenceCounts() {
    let absent = TestingV1.Everything()
    let present = TestingV1.Everything(optionalInt32: 0)
    let flag = TestingV1.Everything(choice: .choiceFlag(false))
    #expect(Set([absent, present, flag].map(\.fingerprintBytes)).count == 3)
  }

  @Test func everyFieldCountsWhenNoneIsDeclared() throws {
    var numbers = SeededNumbers(seed: runSeed)
    var seen: [[UInt8]: TestingV1.Everything] = [:]
    for _ in 0..<300 {
      let message = numbers.everything()
      let again = try TestingV1.Everything(decoding: message.encode(), strict: true)
      #expect(message.fingerprintBytes == again.fingerprintBytes)
      if let other = seen[message.fingerprintBytes] { #expect(other == message) }
      seen[message.fingerprintBytes] = message
    }
  }
}

@Suite struct StatusDetailsTests {
  @Test func detailsTravelInTheTrailer() throws {
    let details = StatusDetails(
      code: .aborted, message: "still running", reason: "IDEMPOTENCY_IN_PROGRESS",
      metadata: ["b": "2", "a": "1"],
      fieldViolations: [.init(field: "a.b[1]", description: "is too long", reason: "X")],
      retryAfterMilliseconds: 1_250)
    let error = RPCError(details)
    #expect(error.code == .aborted)
    #expect(error.message == "still running")
    #expect(StatusDetails(error) == details)
  }

  @Test func refusedFieldsAreNamed() throws {
    let error = RPCError(refusing: WireError(.tooLong, at: "labels[1]"))
    let details = try #require(StatusDetails(error))
    #expect(error.code == .invalidArgument)
    #expect(details.reason == "FIELD_TOO_LONG")
    #expect(
      details.fieldViolations == [
        .init(field: "labels[1]", description: "is too long", reason: "FIELD_TOO_LONG")
      ])
    #expect(RPCError(refusing: WireError(.memoryExhausted)).code == .resourceExhausted)
  }

  @Test func foreignTrailersAreNoDetails() {
    #expect(StatusDetails(RPCError(code: .aborted, message: "")) == nil)
    #expect(StatusDetails(decoding: []) == nil)
    #expect(StatusDetails(decoding: [0xFF]) == nil)
    #expect(StatusDetails(decoding: GoogleRPC.Status(code: 99).encode()) == nil)
  }
}

@Suite struct ContractFileTests {
  @Test func reflectionFindsFilesAndSymbols() throws {
    let file = try #require(ContractFile.bySymbol["tender.testing.v1.Echo.Mirror"])
    #expect(file.name == "tender/testing/v1/everything.proto")
    let names = file.withDependencies.map(\.name)
    #expect(names.contains("google/protobuf/descriptor.proto"))
    #expect(names.contains("tender/options/v1/options.proto"))
    #expect(Set(names).count == names.count)
    // A file descriptor begins with its name.
    for file in ContractFile.all {
      #expect(Array(file.descriptor.dropFirst(2).prefix(file.name.utf8.count)) == Array(file.name.utf8))
    }
  }
}

@Suite struct JSONTests {
  @Test func protoJSON() {
    let message = TestingV1.Everything(
      int64Value: 5, boolValue: true, bytesValue: [0xFB, 0xFF], color: .darkGreen,
      inner: .init(leaves: [.init(name: "q\"\n")]),
      createdAt: .init(seconds: 1_700_000_000, nanos: 5_000_000),
      elapsed: .init(seconds: -1, nanos: -500_000_000), optionalInt32: 0, int32s: [1, 2],
      choice: .choiceFlag(false))
    #expect(
      message.jsonText() == """
        {"int64Value":"5","boolValue":true,"bytesValue":"+/8=","color":"COLOR_DARK_GREEN",\
        "inner":{"leaves":[{"name":"q\\"\\n"}]},"createdAt":"2023-11-14T22:13:20.005Z",\
        "elapsed":"-1.500s","optionalInt32":0,"int32s":[1,2],"choiceFlag":false}
        """)
  }

  @Test func defaultsAndLines() {
    #expect(TestingV1.Leaf().jsonText() == "{}")
    #expect(
      TestingV1.Leaf(tags: ["a"]).jsonText(includingDefaults: true, pretty: true) == """
        {
          "name": "",
          "weight": "0",
          "tags": [
            "a"
          ]
        }
        """)
    #expect(TestingV1.Everything(color: .unrecognized(5)).jsonText() == "{\"color\":5}")
  }
}
