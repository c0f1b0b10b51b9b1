package import GRPCCore
import Money
import ServiceKit
import VaultCore
package import Wire

extension KeysHandler {
  package func verifyAccess(
    request: VaultV1.VerifyAccessRequest,
    context: ServerContext
  ) async throws -> VaultV1.VerifyAccessResponse {
    let only = try Self.merchant(request.merchantID)
    let place = try request.pageToken.isEmpty ? nil : Self.place(request.pageToken, only)
    let page = try await AccessVerifier(database: environment.database).page(
      only: only, after: place)
    return VaultV1.VerifyAccessResponse(
      findings: page.findings.map {
        VaultV1.AccessFinding(
          kind: $0.kind.rawValue, merchantID: $0.merchant.description, seal: UInt64($0.seal),
          accessID: $0.access?.description ?? "")
      },
      seals: UInt32(page.seals), rows: UInt64(page.rows), rowsWaiting: UInt64(page.waiting),
      nextPageToken: page.next.map { "\($0.merchant)/\($0.seal)" } ?? "")
  }

  /// Nil when the field is empty: every merchant.
  static func merchant(_ text: String) throws(RPCFailure) -> MerchantID? {
    if text.isEmpty { return nil }
    guard let merchant = MerchantID(text) else {
      throw RPCFailure.invalid("merchant_id", "ID_INVALID", "The id is not a merchant's.")
    }
    return merchant
  }

  private static func place(
    _ token: String, _ only: MerchantID?
  ) throws(RPCFailure) -> AccessVerifier.Place {
    let parts = token.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, let merchant = MerchantID(String(parts[0])),
      let seal = Int64(parts[1]), seal > 0, only == nil || only == merchant
    else {
      throw RPCFailure.invalid(
        "page_token", "PAGE_TOKEN_INVALID", "The token is not one of this method's answers.")
    }
    return AccessVerifier.Place(merchant: merchant, seal: seal)
  }
}
