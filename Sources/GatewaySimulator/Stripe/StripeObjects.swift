import InboundHTTP

/// How Stripe shows what the books hold.
enum StripeObjects {
  static func response(_ payment: Payment, expandsCharge: Bool = false) -> Response {
    var writer = JSONWriter()
    write(payment, nil, expandsCharge: expandsCharge, to: &writer)
    return Response(status: 200, body: writer.bytes)
  }

  static func write(
    _ payment: Payment,
    _ name: String?,
    expandsCharge: Bool = false,
    to writer: inout JSONWriter
  ) {
    let method = payment.method.flatMap(TestMethods.stripe)
    let holds = payment.status == .requiresCapture
    writer.object(name) { out in
      out.text("id", payment.id)
      out.text("object", "payment_intent")
      out.number("amount", payment.amount)
      out.number("amount_capturable", holds ? payment.authorized : 0)
      out.number("amount_received", payment.captured)
      out.number("canceled_at", payment.canceledAt.map { $0 / 1000 })
      out.text("cancellation_reason", payment.cancellationReason)
      out.text("capture_method", payment.capturesManually ? "manual" : "automatic_async")
      out.text("client_secret", clientSecret(payment))
      out.text("confirmation_method", "automatic")
      out.number("created", payment.createdAt / 1000)
      out.text("currency", payment.currency.lowercased())
      for name in StripeParameters.echoed {
        out.text(name, payment.echoed.first { $0.0 == name }?.1)
      }
      writeLastError(payment, to: &out)
      if expandsCharge, payment.chargeID != nil {
        writeCharge(payment, "latest_charge", to: &out)
      } else {
        out.text("latest_charge", payment.chargeID)
      }
      out.flag("livemode", false)
      out.texts("metadata", payment.metadata)
      writeNextAction(payment, to: &out)
      out.text("payment_method", payment.status == .requiresPaymentMethod ? nil : payment.method)
      out.array("payment_method_types") {
        $0.text(nil, method?.isBank == true ? "sepa_debit" : "card")
      }
      out.text("status", payment.status.rawValue)
    }
  }

  static func clientSecret(_ payment: Payment) -> String {
    payment.id + "_secret_" + secretPart(payment.id)
  }

  private static func secretPart(_ id: String) -> String {
    String(hash64(id.utf8), radix: 36)
  }

  private static func writeLastError(_ payment: Payment, to out: inout JSONWriter) {
    guard let name = payment.refusal else { return out.null("last_payment_error") }
    let refusal = TestMethods.refusal(name)
    out.object("last_payment_error") { error in
      error.text("charge", payment.chargeID)
      error.text("code", refusal.stripeCode)
      if let declineCode = refusal.stripeDeclineCode { error.text("decline_code", declineCode) }
      error.text("message", refusal.stripeMessage)
      if let method = payment.method {
        error.object("payment_method") { writer in
          writer.text("id", method)
          writer.text("object", "payment_method")
        }
      }
      error.text("type", "card_error")
    }
  }

  private static func writeNextAction(_ payment: Payment, to out: inout JSONWriter) {
    guard payment.status == .requiresAction else { return out.null("next_action") }
    out.object("next_action") { action in
      if let address = payment.returnURL {
        action.text("type", "redirect_to_url")
        action.object("redirect_to_url") { redirect in
          redirect.text("return_url", address)
          redirect.text("url", payment.challenge)
        }
      } else {
        action.text("type", "use_stripe_sdk")
        action.object("use_stripe_sdk") { $0.text("type", "three_d_secure_redirect") }
      }
    }
  }

  static func writeCharge(_ payment: Payment, _ name: String?, to writer: inout JSONWriter) {
    let method = payment.method.flatMap(TestMethods.stripe)
    let isPaid = payment.authorized > 0
    writer.object(name) { out in
      out.text("id", payment.chargeID)
      out.text("object", "charge")
      out.number("amount", payment.amount)
      out.number("amount_captured", payment.captured)
      out.number("amount_refunded", payment.refunded)
      out.flag("captured", payment.captured > 0)
      out.number("created", payment.createdAt / 1000)
      out.text("currency", payment.currency.lowercased())
      out.text("failure_code", payment.refusal.map { TestMethods.refusal($0).stripeCode })
      out.flag("livemode", false)
      out.texts("metadata", payment.metadata)
      out.flag("paid", isPaid)
      out.text("payment_intent", payment.id)
      out.text("payment_method", payment.method)
      out.object("payment_method_details") { details in
        details.object(method?.isBank == true ? "sepa_debit" : "card") { card in
          card.text("brand", method?.brand)
          card.text("last4", method?.last4)
        }
        details.text("type", method?.isBank == true ? "sepa_debit" : "card")
      }
      out.flag("refunded", payment.captured > 0 && payment.refunded == payment.captured)
      out.text(
        "status",
        isPaid ? "succeeded" : payment.status == .processing ? "pending" : "failed"
      )
    }
  }

  static func write(_ refund: Refund, chargeID: String?, _ name: String?, to out: inout JSONWriter)
  {
    out.object(name) { out in
      out.text("id", refund.id)
      out.text("object", "refund")
      out.number("amount", refund.amount)
      out.text("charge", chargeID)
      out.number("created", refund.createdAt / 1000)
      out.text("currency", refund.currency.lowercased())
      if refund.status == "failed" {
        out.text("failure_reason", "expired_or_canceled_card")
      }
      out.texts("metadata", refund.metadata)
      out.text("payment_intent", refund.paymentID)
      out.text("reason", refund.reason)
      out.text("status", refund.status)
    }
  }

  static func write(
    _ dispute: Dispute, of payment: Payment?, _ name: String?, to writer: inout JSONWriter
  ) {
    writer.object(name) { out in
      out.text("id", dispute.id)
      out.text("object", "dispute")
      out.number("amount", dispute.amount)
      out.text("charge", payment?.chargeID)
      out.number("created", dispute.createdAt / 1000)
      out.text("currency", dispute.currency.lowercased())
      out.flag("is_charge_refundable", false)
      out.flag("livemode", false)
      out.texts("metadata", [])
      out.text("payment_intent", dispute.paymentID)
      out.object("payment_method_details") { details in
        details.text("type", dispute.isReturn ? "sepa_debit" : "card")
      }
      out.text("reason", dispute.reason)
      out.text("status", dispute.status)
    }
  }

  static func write(_ setup: Setup, _ name: String?, to writer: inout JSONWriter) {
    writer.object(name) { out in
      out.text("id", setup.id)
      out.text("object", "setup_intent")
      out.text("client_secret", setup.id + "_secret_" + secretPart(setup.id))
      out.number("created", setup.createdAt / 1000)
      if let refusal = setup.refusal.map(TestMethods.refusal) {
        out.object("last_setup_error") { error in
          error.text("code", refusal.stripeCode)
          if let declineCode = refusal.stripeDeclineCode { error.text("decline_code", declineCode) }
          error.text("message", refusal.stripeMessage)
          error.text("type", "card_error")
        }
      } else {
        out.null("last_setup_error")
      }
      out.flag("livemode", false)
      out.texts("metadata", setup.metadata)
      out.text("payment_method", setup.method)
      out.array("payment_method_types") { $0.text(nil, "card") }
      out.text("status", setup.status)
      out.text("usage", "off_session")
    }
  }

  static func list(_ path: String, hasMore: Bool, _ body: (inout JSONWriter) -> Void) -> Response {
    .json(200) { out in
      out.text("object", "list")
      out.array("data", body)
      out.flag("has_more", hasMore)
      out.text("url", path)
    }
  }
}
