import ArgumentParser
import GRPCCore
import Wire

/// Merchants of the platform.
struct MerchantCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merchant", abstract: "Create and list merchants, and what they allow.",
    subcommands: [MerchantCreate.self, MerchantList.self, MerchantPolicy.self])
}

struct MerchantRow: Encodable {
  let id: String
  let name: String
  let livemode: Bool

  init(_ merchant: IntentsV1.Merchant) {
    id = merchant.id
    name = merchant.name
    livemode = merchant.livemode
  }
}

struct MerchantCreate: Command {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Create a merchant.")

  @OptionGroup var common: CommonOptions
  @Argument(help: "Its name.") var name: String
  @Flag(help: "A live merchant; without it a test merchant.") var live = false
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: "merchant")
    let request = IntentsV1.CreateMerchantRequest(name: name, livemode: live)
    let made = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.intents, as: .operator) { client in
        try await IntentsV1.Merchants.Client(wrapping: client)
          .createMerchant(request, metadata: CallKeys.metadata(key: key))
      }.merchant
    }
    guard let made else {
      throw Failure("intents answered without the merchant", next: "see tender doctor")
    }
    try output.result(MerchantRow(made)) { ["\(made.id)  \(made.name)"] }
    return .succeeded
  }
}

struct MerchantList: Command {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List merchants.")

  @OptionGroup var common: CommonOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let merchants = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.intents, as: .operator) { client in
        try await IntentsV1.Merchants.Client(wrapping: client)
          .listMerchants(IntentsV1.ListMerchantsRequest())
      }.merchants
    }
    let rows = merchants.map(MerchantRow.init)
    try output.result(rows) {
      Table.lines(
        ["merchant", "mode", "name"],
        rows.map { [$0.id, $0.livemode ? "live" : "test", $0.name] })
    }
    return .succeeded
  }
}
