import GatewayCore
import Postgres
import Wire

/// What a payer has to do, in the words of the contract, which are also those of the row.
extension GatewayV1.NextAction {
  /// Nil without an address that can be used.
  init?(_ action: PayerAction, at gateway: GatewayName) {
    guard let url = action.redirectURL else { return nil }
    self.init(
      type: .redirect, redirectURL: url, method: action.method == .post ? .post : .get,
      data: action.fields.map { GatewayV1.RedirectField(name: $0.name, value: $0.value) },
      resultParameter: gateway.traits.actionResultParameter ?? "")
  }
}

extension PayerAction {
  init(stored bytes: [UInt8]) throws {
    let stored = try GatewayV1.NextAction(decoding: bytes, strict: false)
    self.init(
      redirectURL: stored.redirectURL, method: stored.method == .post ? .post : .get,
      fields: stored.data.map { Field($0.name, $0.value) })
  }
}

extension GatewayV1.Fact {
  var withoutNextAction: GatewayV1.Fact {
    var fact = self
    fact.nextAction = []
    return fact
  }
}
