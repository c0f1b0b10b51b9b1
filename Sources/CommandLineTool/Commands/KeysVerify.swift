import ArgumentParser
import Wire

/// Recomputes the chains of the vault's audit.
struct KeysVerify: Command {
  static let configuration = CommandConfiguration(
    commandName: "verify", abstract: "Verify the vault's audit of accesses; name what was changed.")

  @OptionGroup var common: CommonOptions
  @Option(help: "Only this merchant.") var merchant = ""

  struct Finding: Encodable {
    let kind: String
    let merchant: String
    let seal: UInt64
    let access: String
  }

  struct Answer: Encodable {
    var findings: [Finding] = []
    var seals: UInt64 = 0
    var rows: UInt64 = 0
    var rowsWaiting: UInt64 = 0
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let answer = try await ServiceSession.with(try Checkout.find()) { session in
      var answer = Answer()
      var token = ""
      repeat {
        let request = VaultV1.VerifyAccessRequest(merchantID: merchant, pageToken: token)
        let page = try await session.call(.vault, as: .operator) { client in
          try await VaultV1.Keys.Client(wrapping: client).verifyAccess(request)
        }
        answer.findings += page.findings.map {
          Finding(kind: $0.kind, merchant: $0.merchantID, seal: $0.seal, access: $0.accessID)
        }
        answer.seals += UInt64(page.seals)
        answer.rows += page.rows
        answer.rowsWaiting = page.rowsWaiting
        token = page.nextPageToken
      } while !token.isEmpty
      return answer
    }
    try output.result(answer) {
      answer.findings.map { "WRONG \($0.kind): \($0.merchant) link \($0.seal) \($0.access)" } + [
        "\(answer.rows) rows in \(answer.seals) links, \(answer.rowsWaiting) waiting: "
          + (answer.findings.isEmpty
            ? "intact" : "\(answer.findings.count) findings; compare with a backup")
      ]
    }
    return answer.findings.isEmpty ? .succeeded : .differs
  }
}
