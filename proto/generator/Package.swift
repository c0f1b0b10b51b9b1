// swift-tools-version: 6.3
import PackageDescription

// The protoc plugin. A package of its own, so that a build of the services never compiles it.
let package = Package(
  name: "generator",
  dependencies: [
    .package(url: "https://github.com/apple/swift-protobuf", exact: "1.39.0"),
    .package(url: "https://github.com/grpc/grpc-swift-2", exact: "2.4.3"),
  ],
  targets: [
    .executableTarget(
      name: "protoc-gen-tender",
      dependencies: [
        .product(name: "SwiftProtobuf", package: "swift-protobuf"),
        .product(name: "SwiftProtobufPluginLibrary", package: "swift-protobuf"),
        .product(name: "GRPCCodeGen", package: "grpc-swift-2"),
      ],
      swiftSettings: [
        .swiftLanguageMode(.v6),
        .enableUpcomingFeature("ExistentialAny"),
        .treatAllWarnings(as: .error),
      ]),
    .testTarget(
      name: "GeneratorTests", dependencies: ["protoc-gen-tender"], path: "Tests/GeneratorTests"),
  ]
)
