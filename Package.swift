// swift-tools-version: 6.3
import Foundation
import PackageDescription

// MARK: - Settings

/// Every Swift target: Swift 6 language mode, explicit imports, no warning survives.
let baseSettings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .enableUpcomingFeature("InferIsolatedConformances"),
  .treatAllWarnings(as: .error),
  // Crash points and switches that take guards away: in a build for release there are none.
  .define("TENDER_FAULTS", .when(configuration: .debug)),
]

/// Targets that never touch a C pointer say so: the compiler refuses unsafe constructs in them.
let safeSettings = baseSettings + [.strictMemorySafety()]

// MARK: - Dependencies

let grpcCore = Target.Dependency.product(name: "GRPCCore", package: "grpc-swift-2")
let grpcInProcess = Target.Dependency.product(name: "GRPCInProcessTransport", package: "grpc-swift-2")
/// What the trait Comparison adds. A trait alone keeps it from being built, but on a new machine not
/// from being resolved, so whoever turns the trait on also says `TENDER_COMPARISON=1`.
let compares = ProcessInfo.processInfo.environment["TENDER_COMPARISON"] != nil
let grpcNIO: [Target.Dependency] =
  compares
  ? [
    .product(
      name: "GRPCNIOTransportHTTP2Posix", package: "grpc-swift-nio-transport",
      condition: .when(traits: ["Comparison"]))
  ] : []
let argumentParser = Target.Dependency.product(
  name: "ArgumentParser", package: "swift-argument-parser")
let configuration = Target.Dependency.product(name: "Configuration", package: "swift-configuration")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let metrics = Target.Dependency.product(name: "CoreMetrics", package: "swift-metrics")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let histogram = Target.Dependency.product(name: "Histogram", package: "hdrhistogram-swift")

// MARK: - Target helpers

/// A module under `Sources/`.
func module(
  _ name: String, _ dependencies: [Target.Dependency] = [], safe: Bool = false
) -> Target {
  .target(
    name: name, dependencies: dependencies, path: "Sources/\(name)",
    swiftSettings: safe ? safeSettings : baseSettings)
}

/// A Debian library, seen through one shim header.
func systemModule(_ name: String, pkgConfig: String, apt: String) -> Target {
  .systemLibrary(
    name: name, path: "Sources/C/\(name)", pkgConfig: pkgConfig, providers: [.apt([apt])])
}

/// The three targets of one service: pure rules, the shell around them, and the executable.
func service(
  _ name: String, module: String, core: [Target.Dependency] = [], extra: [Target.Dependency] = []
) -> [Target] {
  [
    .target(
      name: "\(module)Core", dependencies: ["Money"] + core, path: "services/\(name)/Core",
      swiftSettings: safeSettings),
    .target(
      name: "\(module)Service",
      dependencies: [
        .target(name: "\(module)Core"), "Money", "Wire", "Reactor", "Transport", "Postgres", "Seal",
        "Outbox", "ServiceKit", "Faults", grpcCore, logging, metrics,
      ] + extra,
      path: "services/\(name)/Service", swiftSettings: baseSettings),
    .executableTarget(
      name: name, dependencies: [.target(name: "\(module)Service"), "ServiceKit"],
      path: "services/\(name)/Main", swiftSettings: baseSettings),
  ]
}

/// A test target under `Tests/`.
func tests(
  _ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []
) -> Target {
  .testTarget(
    name: name, dependencies: dependencies, path: "Tests/\(name)", exclude: exclude,
    swiftSettings: baseSettings)
}

/// `TENDER_TESTS=MoneyTests,SealTests` limits the package to those tests and what they need, so
/// that a day's loop builds nothing else; `TENDER_BUILD=programs` to what the executables need, so
/// that one `swift build` makes them all.
func limited(_ targets: [Target]) -> [Target] {
  let environment = ProcessInfo.processInfo.environment
  var wanted: Set<String>
  if environment["TENDER_BUILD"] == "programs" {
    wanted = Set(targets.filter { $0.type == .executable }.map(\.name))
  } else if let only = environment["TENDER_TESTS"], !only.isEmpty {
    wanted = Set(only.split(separator: ",").map(String.init))
  } else {
    return targets
  }
  var queue = Array(wanted)
  while let name = queue.popLast() {
    for dependency in targets.first(where: { $0.name == name })?.dependencies ?? [] {
      let needed: String
      switch dependency {
      case .targetItem(let name, _), .byNameItem(let name, _): needed = name
      default: continue
      }
      if wanted.insert(needed).inserted { queue.append(needed) }
    }
  }
  return targets.filter { wanted.contains($0.name) }
}

// MARK: - Targets

let cModules: [Target] = [
  systemModule("CPostgres", pkgConfig: "libpq", apt: "libpq-dev"),
  systemModule("CProtobufC", pkgConfig: "libprotobuf-c", apt: "libprotobuf-c-dev"),
  systemModule("CNghttp2", pkgConfig: "libnghttp2", apt: "libnghttp2-dev"),
  // Shims: what Swift cannot import (variadic calls, macros, const globals) as plain C functions.
  .target(name: "CLinux", path: "Sources/C/CLinux"),
  .target(name: "CLaunch", path: "Sources/C/CLaunch"),
  .target(name: "CProcess", path: "Sources/C/CProcess"),
  .target(
    name: "COpenSSL", path: "Sources/C/COpenSSL",
    linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
  .target(
    name: "CTLS", path: "Sources/C/CTLS",
    linkerSettings: [.linkedLibrary("ssl"), .linkedLibrary("crypto")]),
  .target(name: "CCurl", path: "Sources/C/CCurl", linkerSettings: [.linkedLibrary("curl")]),
  .target(name: "CWire", dependencies: ["CProtobufC"], path: "Sources/C/CWire"),
]

let modules: [Target] = [
  module("Money", safe: true),
  module("Reactor", ["CLinux", logging]),
  module("Wire", ["CWire", "CProtobufC", "Money", grpcCore]),
  module("Transport", ["Reactor", "CNghttp2", "CTLS", "CLinux", grpcCore, logging]),
  module("Postgres", ["Reactor", "CPostgres", "Money", logging]),
  module("Outbound", ["Reactor", "CCurl", "CLinux", logging]),
  module("Seal", ["COpenSSL", "Money"]),
  // HTTP/1.1 on threads: what comes in from gateways, the test gateways, the tool's receiver.
  module("InboundHTTP"),
  module("Faults"),
  // The gateways' report files: gateway-router reads what it downloads, the ledger what it reconciles.
  module("ReportFormats", ["Money"], safe: true),
  module("Outbox", ["Postgres", "Reactor", "Money", "Faults", logging]),
  module(
    "ServiceKit",
    [
      "Money", "Wire", "Reactor", "Transport", "Postgres", "Seal", "Outbox", "Faults", "CProcess",
      grpcCore, logging, metrics, configuration,
    ]),
]

let services: [Target] =
  service("intents", module: "Intents", extra: ["LedgerCore"])
  + service(
    "gateway-router", module: "Gateway", core: ["ReportFormats"],
    extra: ["GatewayAdapters", "Outbound", "InboundHTTP", "ReportFormats"])
  + service(
    "ledger", module: "Ledger", core: ["ReportFormats", "Seal"],
    extra: ["ReportFormats", configuration])
  + service("vault-token", module: "Vault", core: ["Seal"])
  + service("webhooks", module: "Webhooks", core: ["Seal"], extra: ["Outbound", configuration])
  + service("billing", module: "Billing")

let programs: [Target] = [
  .target(
    name: "GatewayAdapters", dependencies: ["GatewayCore", "Money", "ReportFormats", "Seal"],
    path: "services/gateway-router/Adapters", swiftSettings: baseSettings),
  .target(
    name: "GatewaySimulator", dependencies: ["InboundHTTP", "Seal", argumentParser],
    path: "Sources/GatewaySimulator", swiftSettings: baseSettings),
  .executableTarget(
    name: "gateway-sim", dependencies: ["GatewaySimulator"], path: "Sources/gateway-sim",
    swiftSettings: baseSettings),
  .target(
    name: "CommandLineTool",
    dependencies: [
      "Money", "Seal", "CLaunch", "InboundHTTP", "Transport", "Wire", "Reactor", "Postgres", "Faults",
      grpcCore, logging, histogram, argumentParser, subprocess, systemPackage,
    ],
    path: "Sources/CommandLineTool", swiftSettings: baseSettings),
  .executableTarget(
    name: "tender", dependencies: ["CommandLineTool"], path: "Sources/tender",
    swiftSettings: baseSettings),
]

/// Draws documents from the rules that the services run by; deploy/generate builds and runs it.
let tools: [Target] =
  ProcessInfo.processInfo.environment["TENDER_BUILD"] == "programs"
  ? []
  : [
    .executableTarget(
      name: "draw-documents", dependencies: ["IntentsCore", "GatewayCore", "LedgerCore", "Money"],
      path: "Sources/draw-documents", swiftSettings: baseSettings)
  ]

/// Measurements, built only when asked for: `TENDER_BENCH=1`.
let benches: [Target] =
  ProcessInfo.processInfo.environment["TENDER_BENCH"] == nil
  ? []
  : [
    .executableTarget(
      name: "transport-bench", dependencies: ["Transport", "Reactor", grpcCore, logging],
      path: "Tests/TransportBench", exclude: ["reference"], swiftSettings: baseSettings)
  ]

let testSupport: [Target] = [
  .target(
    name: "TestSupport",
    dependencies: ["Money", "Reactor", "Postgres", "Seal", logging], path: "Tests/Support",
    swiftSettings: baseSettings)
]

let testTargets: [Target] = [
  tests("MoneyTests", ["Money"]),
  tests("ReactorTests", ["Reactor"]),
  tests("WireTests", ["Wire", "CWire", "Money", grpcCore, grpcInProcess]),
  tests(
    "TransportTests",
    ["Transport", "Reactor", "CNghttp2", "TestSupport", grpcCore, grpcInProcess, logging] + grpcNIO,
    exclude: ["Interop", "Corpus"]),
  tests("PostgresTests", ["Postgres", "Reactor", "Money", "TestSupport"]),
  tests("OutboundTests", ["Outbound", "Reactor"]),
  tests("SealTests", ["Seal", "Money"]),
  tests("FaultsTests", ["Faults", "TestSupport"]),
  tests("OutboxTests", ["Outbox", "Postgres", "Reactor", "Money", "TestSupport", logging]),
  tests(
    "ServiceKitTests",
    [
      "ServiceKit", "Wire", "Money", "Transport", "Reactor", "TestSupport", grpcCore, logging,
      metrics,
    ]),
  tests("GatewayCoreTests", ["GatewayCore", "GatewayAdapters", "Money", "ReportFormats", "Seal"]),
  tests(
    "GatewayServiceTests",
    [
      "GatewayService", "GatewayCore", "GatewaySimulator", "ServiceKit", "Wire", "Seal", "Outbound",
      "Postgres", "Reactor", "Transport", "Money", "ReportFormats", "TestSupport", grpcCore, logging,
    ]),
  tests("GatewaySimulatorTests", ["GatewaySimulator", "InboundHTTP", "gateway-sim", "Seal"]),
  tests("InboundHTTPTests", ["InboundHTTP"]),
  tests("IntentsCoreTests", ["IntentsCore", "Money", "TestSupport"]),
  tests(
    "IntentsServiceTests",
    [
      "IntentsService", "LedgerCore", "ServiceKit", "Wire", "Outbox", "Postgres", "Reactor",
      "Transport", "Money", "Seal", "TestSupport", grpcCore, logging,
    ]),
  tests("LedgerCoreTests", ["LedgerCore", "Money", "ReportFormats", "Seal", "TestSupport"]),
  tests("VaultCoreTests", ["VaultCore", "Money", "Seal"]),
  tests(
    "LedgerServiceTests",
    [
      "LedgerService", "LedgerCore", "ServiceKit", "Wire", "Postgres", "Reactor", "ReportFormats",
      "Seal", "Transport", "Money", "TestSupport", grpcCore, logging,
    ]),
  tests(
    "VaultServiceTests",
    [
      "VaultService", "VaultCore", "ServiceKit", "Wire", "Seal", "Postgres", "Reactor", "Transport",
      "Money", "TestSupport", grpcCore, logging,
    ]),
  tests("WebhooksCoreTests", ["WebhooksCore", "Money", "Seal"]),
  tests(
    "WebhooksServiceTests",
    [
      "WebhooksService", "WebhooksCore", "ServiceKit", "Wire", "Seal", "Postgres", "Reactor",
      "Outbound", "Transport", "Money", "TestSupport", grpcCore, logging,
    ]),
  tests("BillingCoreTests", ["BillingCore", "Money", "TestSupport"]),
  tests(
    "BillingServiceTests",
    [
      "BillingService", "BillingCore", "ServiceKit", "Wire", "Postgres", "Reactor", "Transport",
      "Money", "TestSupport", grpcCore, logging,
    ]),
  tests(
    "CommandLineToolTests",
    ["CommandLineTool", "Faults", "IntentsCore", "InboundHTTP", "Money", "Seal", "Wire"]),
]

let package = Package(
  name: "tender",
  traits: [
    .trait(
      name: "Comparison",
      description: "TransportTests also run over grpc-swift-nio-transport (Tests/Comparison/run)")
  ],
  dependencies: [
    .package(url: "https://github.com/grpc/grpc-swift-2", exact: "2.4.3"),
    .package(url: "https://github.com/apple/swift-argument-parser", exact: "1.8.2"),
    // Without its default traits: the JSON one would pull in full Foundation and ICU.
    .package(url: "https://github.com/apple/swift-configuration", exact: "1.4.0", traits: []),
    .package(url: "https://github.com/apple/swift-log", exact: "1.16.2"),
    .package(url: "https://github.com/apple/swift-metrics", exact: "2.13.0"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", exact: "1.0.2", traits: []),
    // Subprocess's paths are its FilePath.
    .package(url: "https://github.com/apple/swift-system", exact: "1.8.1"),
    .package(url: "https://github.com/HdrHistogram/hdrhistogram-swift", exact: "0.2.0"),
  ]
    + (compares
      ? [.package(url: "https://github.com/grpc/grpc-swift-nio-transport", exact: "2.9.2")] : []),
  targets: limited(cModules + modules + services + programs + tools + benches + testSupport + testTargets)
)
