import GatewayCore
import Money
import Postgres
import TestSupport
import Wire

@testable import GatewayService

/// Payments that a restore takes, and marks that somebody forges.
extension GatewayHarness {
  /// An order whose proof has the length that intents gives it.
  func restorable(
    capture: GatewayCore.Operation.CaptureMethod = .automatic
  ) -> OperationRecord {
    let order = order(capture: capture)
    return OperationRecord(
      merchant: order.merchant, intent: order.intent, paymentMethod: order.paymentMethod,
      offSession: false, statementDescriptor: "", sendBefore: order.sendBefore,
      keyProof: (0..<32).map { _ in UInt8.random(in: 0...255) }, createdAt: order.createdAt,
      operation: order.operation, attempts: [:], captureTries: [:])
  }

  /// What a restore to a moment before would have taken.
  func lose(_ order: OperationRecord) async throws {
    let tables = ["fact", "capture", "reversal", "attempt"].map {
      "delete from gateway.\($0) where operation_id = '\(order.id.uuid)';"
    }
    try await test.run(
      tables.joined() + "delete from gateway.operation where id = '\(order.id.uuid)';"
        + "delete from gateway.outbox where distribution_key = '\(order.intent.uuid)';")
  }

  func marks(
    _ order: OperationRecord, _ attempt: AttemptID, merchant: MerchantID = GatewayHarness.merchant
  ) -> [String: String] {
    AuthorizeOrder.metadata(
      intent: order.intent, operation: order.id,
      keyProof: order.keyProof.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }
        .joined(),
      merchant: merchant, paymentMethod: order.paymentMethod, captureMethod: .automatic,
      isOffSession: false, sequence: 1
    ).merging(["reference": GatewayReference.authorize(attempt).text]) { $1 }
  }

  /// Everything that says what money did.
  func rows() async throws -> [Int64] {
    var counts: [Int64] = []
    for table in ["operation", "attempt", "capture", "reversal", "fact", "outbox"] {
      counts.append(try await value("select count(*) from \(table)"))
    }
    return counts
  }
}

extension EntityID {
  var uuid: String {
    let digits = String(bits, radix: 16)
    return String(repeating: "0", count: 32 - digits.count) + digits
  }
}
