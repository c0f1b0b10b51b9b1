import ArgumentParser
import Wire

/// Recomputes the hash chain of the books.
struct LedgerVerify: Command {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Prove that the books are what was committed; name what was changed.")

  @OptionGroup var common: CommonOptions
  @Option(
    help: "Also compare the files of sealed days in this folder, such as a copy kept elsewhere.")
  var seals: String?

  struct Finding: Encodable {
    let kind: String
    let day: String
    let batch: UInt64
    let sequence: String
    let transaction: String
    let what: String
  }

  struct Answer: Encodable {
    var findings: [Finding] = []
    var batches: UInt64 = 0
    var transactions: UInt64 = 0
    var movements: UInt64 = 0
    /// Sealed days.
    var seals: UInt64 = 0
    /// Files that were compared; nil: none were asked for.
    var files: Int?
    var headBatch: UInt64 = 0
    var headHash = ""
  }

  /// The number of files, and what differs. A day may be sealed at this very moment: what differs then
  /// does not the next time.
  private static func compared(
    _ path: String, _ reads: SealReads
  ) async throws -> (Int, [SealFolder.Finding]) {
    var (folder, findings) = (try SealFolder(reading: path), [SealFolder.Finding]())
    for _ in 1...2 {
      let known = try await reads.all().0
      folder = try SealFolder(reading: path)
      findings = folder.findings(known)
      if findings.isEmpty { break }
    }
    return (folder.files.count, findings)
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let answer = try await ServiceSession.with(try Checkout.find()) { session in
      var answer = Answer()
      var token = ""
      repeat {
        let request = LedgerV1.VerifyLedgerRequest(pageToken: token)
        let page = try await output.whileWaiting("verifying behind batch \(answer.headBatch)") {
          try await session.call(.ledger, as: .operator, within: SealReads.limit) { client in
            try await LedgerV1.LedgerProof.Client(wrapping: client).verifyLedger(request)
          }
        }
        answer.findings += page.findings.map {
          Finding(
            kind: $0.kind, day: $0.day, batch: $0.batch, sequence: $0.sequence,
            transaction: $0.transactionID, what: $0.what)
        }
        answer.batches += UInt64(page.batches)
        answer.transactions += UInt64(page.transactions)
        answer.movements += UInt64(page.movements)
        answer.seals += UInt64(page.seals)
        if !page.headHash.isEmpty {
          answer.headBatch = page.headBatch
          answer.headHash = page.headHash
        }
        token = page.nextPageToken
      } while !token.isEmpty
      if let seals {
        let (files, findings) = try await Self.compared(seals, SealReads(session: session))
        answer.files = files
        answer.findings += findings.map {
          Finding(
            kind: $0.kind, day: $0.day, batch: 0, sequence: "", transaction: "", what: $0.what)
        }
      }
      return answer
    }
    try output.result(answer) {
      answer.findings.map {
        "WRONG \($0.kind): "
          + ($0.day.isEmpty ? "batch \($0.batch) \($0.transaction) \($0.sequence)" : $0.day)
          + ": \($0.what)"
      } + [
        "\(answer.transactions) transactions in \(answer.batches) batches, \(answer.seals) sealed days"
          + (answer.files.map { ", \($0) files" } ?? "") + ": "
          + (answer.findings.isEmpty
            ? "intact" : "\(answer.findings.count) findings; compare with a backup"),
        "head \(answer.headBatch) \(answer.headHash)",
      ]
    }
    return answer.findings.isEmpty ? .succeeded : .differs
  }
}

/// Recomputes balances from entries.
struct LedgerDrift: Command {
  static let configuration = CommandConfiguration(
    commandName: "drift",
    abstract: "Compare balances with their entries; reports, never corrects.")

  @OptionGroup var common: CommonOptions

  struct Finding: Encodable {
    let kind: String
    let merchant: String
    let account: String
    let currency: String
    let keptDebitsMinor: Int64
    let keptCreditsMinor: Int64
    let entriesDebitsMinor: Int64
    let entriesCreditsMinor: Int64
    let sequence: String
  }

  struct Answer: Encodable {
    var findings: [Finding] = []
    var accounts: UInt64 = 0
    var snapshots: UInt64 = 0
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let answer = try await ServiceSession.with(try Checkout.find()) { session in
      var answer = Answer()
      var token = ""
      repeat {
        let request = LedgerV1.CheckDriftRequest(pageToken: token)
        let page = try await output.whileWaiting("after \(answer.accounts) accounts") {
          try await session.call(.ledger, as: .operator) { client in
            try await LedgerV1.LedgerProof.Client(wrapping: client).checkDrift(request)
          }
        }
        answer.findings += page.findings.map {
          Finding(
            kind: $0.kind, merchant: $0.merchantID, account: $0.accountCode, currency: $0.currency,
            keptDebitsMinor: $0.keptDebitsMinor, keptCreditsMinor: $0.keptCreditsMinor,
            entriesDebitsMinor: $0.entriesDebitsMinor, entriesCreditsMinor: $0.entriesCreditsMinor,
            sequence: $0.sequence)
        }
        answer.accounts += UInt64(page.accounts)
        answer.snapshots += UInt64(page.snapshots)
        token = page.nextPageToken
      } while !token.isEmpty
      return answer
    }
    try output.result(answer) {
      answer.findings.map {
        "WRONG \($0.kind): \($0.merchant) \($0.account) \($0.sequence): kept "
          + "\(LedgerText.amount($0.keptDebitsMinor, $0.currency)) and "
          + "\(LedgerText.amount($0.keptCreditsMinor, $0.currency)), entries say "
          + "\(LedgerText.amount($0.entriesDebitsMinor, $0.currency)) and "
          + LedgerText.amount($0.entriesCreditsMinor, $0.currency)
      } + [
        "\(answer.accounts) accounts, \(answer.snapshots) snapshots: "
          + (answer.findings.isEmpty
            ? "no drift" : "\(answer.findings.count) findings; nothing was corrected")
      ]
    }
    return answer.findings.isEmpty ? .succeeded : .differs
  }
}
