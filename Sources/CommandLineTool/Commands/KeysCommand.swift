import ArgumentParser
import GRPCCore
import Wire

/// Encryption keys of the vault.
struct KeysCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "keys", abstract: "Rotate and list the vault's keys; verify its audit.",
    subcommands: [KeysRotate.self, KeysList.self, KeysVerify.self])
}

struct KeysRotate: Command {
  static let configuration = CommandConfiguration(
    commandName: "rotate", abstract: "Give every merchant a new key; rows follow in the background."
  )

  @OptionGroup var common: CommonOptions
  @Option(help: "Only this merchant.") var merchant = ""
  @Option(help: "The idempotency key; a fresh one is made without it.") var key: String?

  struct Answer: Encodable {
    let merchants: UInt32
    let rowsPending: UInt64
    let key: String
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let key = try CallKeys.choose(key, prefix: "rotate")
    let request = VaultV1.RotateKeysRequest(merchantID: merchant)
    let answer = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.vault, as: .operator) { client in
        try await VaultV1.Keys.Client(wrapping: client)
          .rotateKeys(request, metadata: CallKeys.metadata(key: key))
      }
    }
    try output.result(
      Answer(merchants: answer.merchants, rowsPending: answer.rowsPending, key: key)
    ) {
      [
        "\(answer.merchants) merchants have a new key; \(answer.rowsPending) rows follow",
        "see tender keys list",
      ]
    }
    return .succeeded
  }
}

struct KeysList: Command {
  static let configuration = CommandConfiguration(
    commandName: "list", abstract: "List key versions and the rows under each.")

  @OptionGroup var common: CommonOptions

  struct Row: Encodable {
    let merchant: String
    let version: UInt32
    let state: String
    let rows: UInt64
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let keys = try await ServiceSession.with(try Checkout.find()) { session in
      try await session.call(.vault, as: .operator) { client in
        try await VaultV1.Keys.Client(wrapping: client).listKeys(VaultV1.ListKeysRequest())
      }.keys
    }
    let rows = keys.map {
      Row(merchant: $0.merchantID, version: $0.version, state: $0.state, rows: $0.rows)
    }
    try output.result(rows) {
      Table.lines(
        ["merchant", "version", "state", "rows"],
        rows.map { [$0.merchant, String($0.version), $0.state, String($0.rows)] })
    }
    return .succeeded
  }
}
