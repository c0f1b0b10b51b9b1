import Money
import ServiceKit
import VaultCore
import Wire

/// A registration that keeps every rule which needs no table.
struct CheckedRegistration: Sendable {
  let type: MethodType
  let card: CardDescription
  let gatewayFingerprint: String
  let customer: CustomerID?
  let alias: String?
  let references: [(gateway: KnownGateway, clear: ClearReference)]

  /// - Throws: INVALID_ARGUMENT with the reason of `RegistrationRefusal`.
  init(_ request: VaultV1.CreatePaymentMethodRequest) throws(RPCFailure) {
    let summary = request.card ?? VaultV1.CardSummary()
    let card = CardDescription(
      brand: summary.brand,
      last4: summary.last4,
      expiryMonth: Int16(clamping: summary.expiryMonth),
      expiryYear: Int16(clamping: summary.expiryYear),
      country: summary.country
    )
    let gateways: [KnownGateway]
    do throws(RegistrationRefusal) {
      gateways = try MethodRules.check(
        type: request.type.methodType,
        gateways: request.references.map(\.gateway),
        card: card,
        alias: request.alias
      )
    } catch {
      throw RPCFailure.invalid(Self.field(error), error.rawValue, Self.words(error))
    }
    guard let type = request.type.methodType else { throw RPCFailure.internalError }
    if request.customerID.isEmpty {
      customer = nil
    } else {
      guard let id = CustomerID(request.customerID) else {
        throw RPCFailure.invalid("customer_id", "ID_INVALID", "The id is not a `cus_` id.")
      }
      customer = id
    }
    self.type = type
    self.card = card
    gatewayFingerprint = summary.gatewayFingerprint
    alias = request.alias.isEmpty ? nil : request.alias
    references = zip(gateways, request.references).map { gateway, wire in
      let clear = ClearReference(
        reference: wire.reference,
        customerReference: wire.customerReference
      )
      return (gateway: gateway, clear: clear)
    }
  }

  private static func field(_ refusal: RegistrationRefusal) -> String {
    switch refusal {
    case .typeRequired: "type"
    case .referenceRequired, .gatewayUnknown, .gatewayDuplicate: "references"
    case .last4Invalid: "card.last4"
    case .expiryInvalid: "card.expiry_month"
    case .brandInvalid: "card.brand"
    case .countryInvalid: "card.country"
    case .aliasInvalid: "alias"
    }
  }

  private static func words(_ refusal: RegistrationRefusal) -> String {
    switch refusal {
    case .typeRequired: "Say whether it is a card or a SEPA debit."
    case .referenceRequired: "Give a reference at one gateway or more."
    case .gatewayUnknown: "The gateways are `stripe` and `adyen`."
    case .gatewayDuplicate: "One reference per gateway."
    case .last4Invalid: "Exactly four digits, or nothing."
    case .expiryInvalid: "A month from 1 to 12 with a year from 2000 to 2100, or neither."
    case .brandInvalid: "At most 20 letters, digits, spaces, `-` and `_`."
    case .countryInvalid: "Two capital letters, or nothing."
    case .aliasInvalid: "1 to 64 letters, digits and `_`, not beginning with `tok_`."
    }
  }
}
