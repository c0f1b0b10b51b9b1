/// The vendors' published shapes of every request that an adapter makes: names, types, limits, facts
/// only.
///
/// - Stripe: its OpenAPI description (github.com/stripe/openapi, `latest/openapi.spec3.json`), the
///   parameters of create, capture, cancel and list of PaymentIntents, of create and list of Refunds, of
///   create and read of SetupIntents;
///   metadata and idempotency from docs.stripe.com/api. Only parameters that may be needed are listed:
///   what is not listed counts as unknown.
/// - Adyen: Checkout v71 (github.com/Adyen/adyen-openapi, `json/CheckoutService-v71.json`), schemas
///   PaymentRequest, AuthenticationData, ThreeDSRequestData, PaymentDetailsRequest,
///   PaymentCompletionDetails, CardDetails, SepaDirectDebitDetails, PaymentCaptureRequest,
///   PaymentRefundRequest, PaymentCancelRequest, PaymentReversalRequest,
///   StandalonePaymentCancelRequest; the idempotency key from docs.adyen.com.
enum PublishedRequests {
  static let stripe = PublishedShape.parse(
    """
    POST /v1/payment_intents
    header authorization text required
    header idempotency-key text required min=1 max=255
    header stripe-version text required
    header content-type text required in=application/x-www-form-urlencoded
    amount integer required min=1 max=99999999
    currency text required min=3 max=3
    capture_method text in=automatic|automatic_async|manual
    confirm boolean
    customer text max=5000
    description text max=1000
    mandate text max=5000
    metadata map count=50 keys=40 max=500
    off_session boolean
    payment_method text max=5000
    payment_method_types list max=5000
    receipt_email text
    return_url text
    setup_future_usage text in=off_session|on_session
    statement_descriptor text min=5 max=22
    statement_descriptor_suffix text max=22
    POST /v1/payment_intents/{intent}/capture
    header authorization text required
    header idempotency-key text required min=1 max=255
    header stripe-version text required
    header content-type text required in=application/x-www-form-urlencoded
    amount_to_capture integer min=1 max=99999999
    final_capture boolean
    metadata map count=50 keys=40 max=500
    statement_descriptor text max=22
    statement_descriptor_suffix text max=22
    POST /v1/payment_intents/{intent}/cancel
    header authorization text required
    header idempotency-key text required min=1 max=255
    header stripe-version text required
    header content-type text required in=application/x-www-form-urlencoded
    cancellation_reason text in=abandoned|duplicate|fraudulent|requested_by_customer
    GET /v1/payment_intents/{intent}
    query
    header authorization text required
    header stripe-version text required
    client_secret text max=5000
    GET /v1/payment_intents
    query
    header authorization text required
    header stripe-version text required
    created[gt] integer
    created[gte] integer
    created[lt] integer
    created[lte] integer
    customer text max=5000
    ending_before text max=5000
    limit integer min=1 max=100
    starting_after text max=5000
    POST /v1/setup_intents
    header authorization text required
    header idempotency-key text required min=1 max=255
    header stripe-version text required
    header content-type text required in=application/x-www-form-urlencoded
    attach_to_self boolean
    confirm boolean
    customer text max=5000
    description text max=1000
    metadata map count=50 keys=40 max=500
    payment_method text max=5000
    payment_method_types list max=5000
    return_url text
    single_use[amount] integer
    single_use[currency] text
    usage text in=off_session|on_session
    use_stripe_sdk boolean
    GET /v1/setup_intents/{intent}
    query
    header authorization text required
    header stripe-version text required
    client_secret text max=5000
    POST /v1/refunds
    header authorization text required
    header idempotency-key text required min=1 max=255
    header stripe-version text required
    header content-type text required in=application/x-www-form-urlencoded
    amount integer min=1 max=99999999
    charge text max=5000
    metadata map count=50 keys=40 max=500
    payment_intent text max=5000
    reason text in=duplicate|fraudulent|requested_by_customer
    GET /v1/refunds/{refund}
    query
    header authorization text required
    header stripe-version text required
    GET /v1/refunds
    query
    header authorization text required
    header stripe-version text required
    charge text
    payment_intent text max=5000
    limit integer min=1 max=100
    starting_after text max=5000
    """)

  /// Report runs and files (the same source; `parameters` of the report type used).
  static let stripeReports = PublishedShape.parse(
    """
    POST /v1/reporting/report_runs
    header authorization text required
    header idempotency-key text required min=1 max=255
    header stripe-version text required
    header content-type text required in=application/x-www-form-urlencoded
    report_type text required max=5000
    parameters[interval_start] integer
    parameters[interval_end] integer
    parameters[currency] text
    parameters[timezone] text
    GET /v1/reporting/report_runs/{report_run}
    query
    header authorization text required
    header stripe-version text required
    GET /v1/files/{file}/contents
    query
    header authorization text required
    header stripe-version text required
    """)

  /// Report files (docs.adyen.com, automated report downloads).
  static let adyenReports = PublishedShape.parse(
    """
    GET /reports/download/MerchantAccount/{account}/{file}
    query
    header x-api-key text required
    """)

  static let adyen = PublishedShape.parse(
    """
    POST /v71/payments
    header x-api-key text required
    header idempotency-key text required min=1 max=64
    header content-type text required in=application/json
    amount.currency text required min=3 max=3
    amount.value integer required
    reference text required max=80
    merchantAccount text required
    paymentMethod.type text required in=scheme|sepadirectdebit
    paymentMethod.storedPaymentMethodId text required max=64
    returnUrl text required max=1024
    additionalData map
    authenticationData.attemptAuthentication text in=always|never
    authenticationData.authenticationOnly boolean
    authenticationData.threeDSRequestData.challengeWindowSize text in=01|02|03|04|05
    authenticationData.threeDSRequestData.nativeThreeDS text in=preferred|disabled
    authenticationData.threeDSRequestData.threeDSVersion text in=2.1.0|2.2.0
    captureDelayHours integer
    merchantOrderReference text max=1000
    metadata map count=20 keys=20 max=80
    recurringProcessingModel text in=CardOnFile|Subscription|UnscheduledCardOnFile
    shopperInteraction text in=Ecommerce|ContAuth|Moto|POS
    shopperReference text min=3 max=256
    shopperStatement text max=22
    storePaymentMethod boolean
    POST /v71/payments/details
    header x-api-key text required
    header idempotency-key text required min=1 max=64
    header content-type text required in=application/json
    details.redirectResult text max=20000
    details.payload text max=20000
    details.threeDSResult text max=50000
    authenticationData.authenticationOnly boolean
    paymentData text max=200000
    POST /v71/payments/{paymentPspReference}/captures
    header x-api-key text required
    header idempotency-key text required min=1 max=64
    header content-type text required in=application/json
    amount.currency text required min=3 max=3
    amount.value integer required
    merchantAccount text required
    reference text max=80
    POST /v71/payments/{paymentPspReference}/refunds
    header x-api-key text required
    header idempotency-key text required min=1 max=64
    header content-type text required in=application/json
    amount.currency text required min=3 max=3
    amount.value integer required
    capturePspReference text
    merchantAccount text required
    merchantRefundReason text in=FRAUD|CUSTOMER_REQUEST|RETURN|DUPLICATE|OTHER
    reference text max=80
    POST /v71/payments/{paymentPspReference}/cancels
    header x-api-key text required
    header idempotency-key text required min=1 max=64
    header content-type text required in=application/json
    merchantAccount text required
    reference text max=80
    POST /v71/payments/{paymentPspReference}/reversals
    header x-api-key text required
    header idempotency-key text required min=1 max=64
    header content-type text required in=application/json
    merchantAccount text required
    reference text max=80
    POST /v71/cancels
    header x-api-key text required
    header idempotency-key text required min=1 max=64
    header content-type text required in=application/json
    merchantAccount text required
    paymentReference text required
    reference text max=80
    """)
}
