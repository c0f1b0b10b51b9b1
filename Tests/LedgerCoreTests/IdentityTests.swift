import LedgerCore
import Money
import Seal
import Testing

@Suite struct IdentityTests {
  let stripe = GatewayAccount(gateway: "stripe", account: "acct_test")

  @Test func oneMovementHasOneText() {
    let movement = Movement(account: stripe, kind: .capture, source: .operation("op_a"))
    #expect(
      movement.canonicalText == """
        18:tender.movement.v1
        6:stripe
        9:acct_test
        7:capture
        9:operation
        4:op_a
        """
    )
  }

  @Test func differentMovementsNeverShareAText() {
    let accounts = [
      stripe, GatewayAccount(gateway: "adyen", account: "acct_test"),
      GatewayAccount(gateway: "stripe", account: "acct_test\n7:capture"),
    ]
    let sources: [Movement.Source] = [
      .operation("a"), .gatewayMovement("a"), .operation("a\n1:b"), .operation(""),
    ]
    var texts: Set<String> = []
    for account in accounts {
      for kind in PostingKind.allCases {
        for source in sources {
          texts.insert(Movement(account: account, kind: kind, source: source).canonicalText)
        }
      }
    }
    #expect(texts.count == accounts.count * PostingKind.allCases.count * sources.count)
  }

  @Test func differencesHaveTheFieldsNames() {
    let changes: [(String, (inout PostingCommand) -> Void)] = [
      ("merchant_id", { $0.merchant = MerchantID(bits: 4) }),
      ("kind", { $0.kind = "refund" }),
      ("entries", { $0.entries.append($0.entries[0]) }),
      ("entries.account_code", { $0.entries[0].accountCode = "bank:b" }),
      ("entries.side", { $0.entries = PostingTemplate.reversal(of: $0.entries) }),
      ("entries.amount.currency", { $0.entries[0].currencyCode = "USD" }),
      ("entries.amount.amount_minor", { $0.entries[0].amountMinor += 1 }),
      ("effective_at", { $0.effectiveAtMicroseconds = 1 }),
      ("subject", { $0.subject = "pi_y" }),
      ("external_reference", { $0.externalReference = "" }),
      ("phase", { $0.action = .pending(expiresAtMicroseconds: 1) }),
      ("phase", { $0.action = .voidPending(LedgerTransactionID(bits: 9)) }),
      ("reverses", { $0.action = .reverse(LedgerTransactionID(bits: 9)) }),
      ("metadata", { $0.metadata = TransactionMetadata([("order", "7")]) }),
    ]
    let stored = command(["D bank:a 100 EUR", "C merchant_payable 100 EUR"])
    for (name, change) in changes {
      var submitted = stored
      change(&submitted)
      #expect(PostingDifference.first(stored: stored, submitted: submitted) == name)
    }
  }

  @Test func differencesOfActions() {
    let (one, two) = (LedgerTransactionID(bits: 1), LedgerTransactionID(bits: 2))
    let rows: [(PostingAction, PostingAction, String?)] = [
      (.pending(expiresAtMicroseconds: 1), .pending(expiresAtMicroseconds: 1), nil),
      (.pending(expiresAtMicroseconds: 1), .pending(expiresAtMicroseconds: 2), "expires_at"),
      (.postPending(one), .postPending(two), "pending_id"),
      (.postPending(one), .voidPending(one), "phase"),
      (.reverse(one), .reverse(two), "reverses"),
    ]
    for (stored, submitted, expected) in rows {
      let legs = ["D bank:a 100 EUR", "C merchant_payable 100 EUR"]
      #expect(
        PostingDifference.first(
          stored: command(legs, action: stored),
          submitted: command(legs, action: submitted)
        ) == expected
      )
    }
  }

  /// A row's columns give back the action that they were made of, and nothing else.
  @Test func actionsComeBackFromTheirColumns() {
    let id = LedgerTransactionID(bits: 1)
    let actions: [PostingAction] = [
      .post, .pending(expiresAtMicroseconds: 5), .postPending(id), .voidPending(id),
      .expirePending(id), .reverse(id),
    ]
    for action in actions {
      #expect(
        PostingAction(
          phase: action.phase?.rawValue,
          pending: action.pending,
          expiresAtMicroseconds: action.expiresAtMicroseconds,
          reversed: action.reversed
        ) == action
      )
    }
    func made(_ phase: Int16?, _ pending: Bool, _ expires: Bool, _ reversed: Bool) -> PostingAction?
    {
      PostingAction(
        phase: phase,
        pending: pending ? id : nil,
        expiresAtMicroseconds: expires ? 5 : nil,
        reversed: reversed ? id : nil
      )
    }
    #expect(made(9, false, false, false) == nil && made(0, true, false, false) == nil)
    #expect(made(1, false, false, false) == nil && made(1, true, true, false) == nil)
    #expect(made(2, false, false, false) == nil && made(2, true, true, false) == nil)
    #expect(made(3, true, false, true) == nil && made(nil, true, false, false) == nil)
  }

  @Test func theOrderOfLegsAndTheFactFlagAreNoDifference() {
    let stored = command(["D bank:a 100 EUR", "C merchant_payable 100 EUR"])
    var submitted = stored
    submitted.entries.reverse()
    submitted.recordsFact.toggle()
    #expect(PostingDifference.first(stored: stored, submitted: submitted) == nil)
  }

  /// Each by itself, and with a reversal.
  private static var metadata: [(inout RecordedTransaction) -> Void] {
    let pairs: [[(key: String, value: String)]] = [
      [("a", "")], [("a", "bc")], [("ab", "c")], [("a", "b"), ("c", "")],
    ]
    return pairs.flatMap { pairs -> [(inout RecordedTransaction) -> Void] in
      let metadata = TransactionMetadata(pairs) ?? .none
      return [
        { $0.metadata = metadata },
        {
          $0.metadata = metadata; $0.action = .reverse(LedgerTransactionID(bits: 1))
        },
      ]
    }
  }

  @Test func theLeafCoversEveryField() {
    let leg = RecordedTransaction.Leg(
      account: AccountID(bits: 1),
      side: .debit,
      currency: Currency.all[0],
      amountMinor: 1,
      submittedCode: nil
    )
    let base = RecordedTransaction(
      sequence: 1,
      id: LedgerTransactionID(bits: 2),
      merchant: MerchantID(bits: 4),
      kind: "a",
      effectiveAtMicroseconds: 5,
      recordsFact: false,
      subject: "b",
      externalReference: "c",
      actor: "d",
      legs: [leg]
    )
    let changes: [(inout RecordedTransaction) -> Void] = [
      { _ in }, { $0.traceID = [] }, { $0.id = LedgerTransactionID(bits: 9) },
      { $0.merchant = MerchantID(bits: 8) }, { $0.kind = "z" },
      { $0.effectiveAtMicroseconds = 9 }, { $0.recordsFact = true }, { $0.subject = "z" },
      { $0.externalReference = "z" }, { $0.actor = "z" }, { $0.legs.append(leg) },
      { $0.legs[0].account = AccountID(bits: 9) }, { $0.legs[0].side = .credit },
      { $0.legs[0].currency = Currency.all[1] }, { $0.legs[0].amountMinor = 9 },
      { $0.legs[0].submittedCode = "" }, { $0.legs[0].submittedCode = "z" },
      {
        $0.kind = ""; $0.subject = "ab"
      },
      { $0.action = .pending(expiresAtMicroseconds: 1) },
      { $0.action = .pending(expiresAtMicroseconds: 2) },
      { $0.action = .postPending(LedgerTransactionID(bits: 1)) },
      { $0.action = .postPending(LedgerTransactionID(bits: 2)) },
      { $0.action = .voidPending(LedgerTransactionID(bits: 1)) },
      { $0.action = .expirePending(LedgerTransactionID(bits: 1)) },
      { $0.action = .reverse(LedgerTransactionID(bits: 1)) },
      {
        $0.action = .postPending(LedgerTransactionID(bits: 1)); $0.ends = true
      },
      {
        $0.action = .reverse(LedgerTransactionID(bits: 1)); $0.ends = true
      },
    ] + Self.metadata
    let bytes = changes.map { change in
      var changed = base
      change(&changed)
      return changed.leafBytes(.ordered)
    }
    #expect(Set(bytes).count == changes.count)
  }

  /// What was committed once is proven by the same bytes for ever: hashes that another program made.
  @Test func leavesStayAsTheyWere() {
    var transaction = RecordedTransaction(
      sequence: 1,
      id: LedgerTransactionID(bits: 2),
      merchant: MerchantID(bits: 4),
      kind: "a",
      effectiveAtMicroseconds: 5,
      recordsFact: false,
      subject: "b",
      externalReference: "c",
      actor: "d",
      legs: [
        RecordedTransaction.Leg(
          account: AccountID(bits: 1),
          side: .debit,
          currency: .eur,
          amountMinor: 1,
          submittedCode: nil
        )
      ]
    )
    func leaf() -> String {
      SHA256.hash(transaction.leafBytes(.described)).map { byte in
        String(byte >> 4, radix: 16) + String(byte & 15, radix: 16)
      }.joined()
    }
    #expect(leaf() == "d07d48bd42a866eb80d57146783bb235f781d65f08a225fb2143481357e11507")
    transaction.metadata = TransactionMetadata([("payment_method", "card")]) ?? .none
    #expect(leaf() == "16cd788b714ff9f2747c34b6cb74b4ac3e68e68b17f59a63c4ade7f3549d61ac")
    transaction.metadata = .none
    transaction.action = .postPending(LedgerTransactionID(bits: 1))
    transaction.ends = true
    #expect(leaf() == "b3f539bd409b48a52afe7fb8242a031c9e8d187fb3b66a54a2293819d136a02a")
  }
}
