import LedgerCore
import Money
import Seal
import Testing

/// The rules of the proof, without tables: one batch of three transactions behind another.
@Suite struct BooksProofTests {
  private static let merchant = MerchantID(bits: 4)
  private static let previous = ProofPlace(
    number: 6,
    hash: SHA256.hash("six"),
    last: BookSequence(0x10)
  )

  private static func transaction(_ item: Int32) -> ProofTransaction {
    let key = AccountKey(merchant: merchant, code: "bank:a", currency: Currency.all[0])
    let sequence = 0x100 + UInt128(item)
    return ProofTransaction(
      head: RecordedTransaction(
        sequence: sequence,
        id: LedgerTransactionID(bits: UInt128(item) + 1),
        merchant: merchant,
        kind: "capture",
        effectiveAtMicroseconds: 5,
        recordsFact: true,
        subject: "",
        externalReference: "",
        actor: "a",
        legs: []
      ),
      batch: 7,
      movement: BookSequence(sequence),
      entries: [Side.debit, .credit].enumerated().map { position, side in
        ProofTransaction.Entry(
          position: Int16(position),
          merchant: merchant,
          effectiveAtMicroseconds: 5,
          leg: RecordedTransaction.Leg(
            account: key.id,
            side: side,
            currency: key.currency,
            amountMinor: 9,
            submittedCode: nil
          ),
          account: key
        )
      }
    )
  }

  /// Items 0, 1 and 3 of a command of four.
  private static func batch(_ change: (inout BatchRecord) -> Void = { _ in }) -> BatchRecord {
    var batch = BatchRecord(
      shard: 0,
      number: 7,
      transactions: 3,
      first: BookSequence(0x100),
      last: BookSequence(0x103),
      recordedAtMicroseconds: 1,
      previousHash: previous.hash,
      hash: [],
      format: .ordered,
      leaves: items.flatMap { $0.leaf(.ordered) },
      positions: [0, 1, 3]
    )
    batch.hash = batch.computedHash(leaves: [])
    change(&batch)
    return batch
  }

  private static let items = [0, 1, 3].map { transaction($0) }

  private func kinds(_ batch: BatchRecord, _ items: [ProofTransaction]) -> [String] {
    BooksProof.findings(batch, after: Self.previous, items).map {
      "\($0.kind.rawValue) \($0.batch) \($0.sequence.map { String($0.bits, radix: 16) } ?? "-")"
    }
  }

  @Test func whatWasCommittedIsIntact() {
    #expect(kinds(Self.batch(), Self.items) == [])
  }

  @Test func everyColumnOfABatchIsCovered() {
    let changes: [(inout BatchRecord) -> Void] = [
      { $0.recordedAtMicroseconds += 1 }, { $0.positions = [0, 2, 3] }, { $0.positions = nil },
      { $0.leaves[0] ^= 1 }, { $0.last = BookSequence(0x104) }, { $0.shard = 1 },
      { $0.hash[0] ^= 1 }, { $0.transactions = 4 },
    ]
    for change in changes {
      #expect(kinds(Self.batch(change), Self.items).contains("batch_changed 7 -"))
    }
  }

  @Test func orderIsNumberHashAndSequence() {
    #expect(kinds(Self.batch { $0.number = 9 }, []).first == "batch_missing 7 -")
    #expect(
      kinds(Self.batch { $0.previousHash = SHA256.hash("x") }, Self.items).first
        == "batch_out_of_order 7 -"
    )
    #expect(
      kinds(Self.batch { $0.first = BookSequence(0x10) }, []).first == "batch_out_of_order 7 -"
    )
  }

  @Test func transactionsAreMatchedByTheirPlace() {
    let extra = Self.transaction(2)
    #expect(kinds(Self.batch(), [Self.items[0], Self.items[2]]) == ["transaction_missing 7 101"])
    #expect(
      kinds(Self.batch(), [Self.items[0], Self.items[1], extra, Self.items[2]])
        == ["transaction_added 7 102"]
    )
    #expect(
      kinds(Self.batch(), [])
        == [0x100, 0x101, 0x103].map {
          "transaction_missing 7 \(String($0, radix: 16))"
        }
    )
  }

  /// Two transactions that exchange their contents keep every sum and still are not what they were.
  @Test func exchangedContentsAreFound() {
    var items = Self.items
    (items[0].head.id, items[1].head.id) = (items[1].head.id, items[0].head.id)
    #expect(
      kinds(Self.batch(), items) == ["transaction_changed 7 100", "transaction_changed 7 101"]
    )
  }
}
