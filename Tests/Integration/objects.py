"""Keys that are used again, ids that name nothing, things that belong to another merchant or are in
the wrong state: every keyed mutation of the contracts, as another merchant than the demo's."""
import random

import grpc
from contracts import METHODS, MUTATIONS, copy, details, fields_of, full, rules_of
from mutations import Nothing
from people import STRANGER, scope, send
from scene import *
from tender_client import vault_pb2
from tender.billing.v1 import billing_pb2
from tender.intents.v1 import refunds_pb2
from tender.webhooks.v1 import webhooks_pb2

KEYED = [method for method in MUTATIONS if method.keyed]
# What the settings say anyway: activating it changes no route.
RULES = '{"rules":[],"default":["stripe","adyen"]}'
BY_NAME = {method.path.split(".v1.")[1]: method for method in METHODS}


def executable(name, request, number):
    """Turns a well-formed request into one that is executed, differing by number."""
    if name == "Billing/AdvanceClock":
        request.to.GetCurrentTime()
        request.to.seconds += number
    elif name == "PaymentIntents/CreatePaymentIntent":
        for field in ("origin", "customer_id", "confirm", "return_url"):
            request.ClearField(field)
        request.description = f"number {number}"
    elif name == "PaymentMethods/CreatePaymentMethod":
        request.ClearField("customer_id")
        request.type = vault_pb2.PAYMENT_METHOD_TYPE_CARD
        request.alias = "".join(random.choices("abcdefgh", k=12))
        request.references[0].gateway, request.references[0].reference = "stripe", "pm_card_visa"
        request.card.CopyFrom(vault_pb2.CardSummary(
            brand="visa", last4="4242", expiry_month=12, expiry_year=2030, country="DE"))
    elif name == "Webhooks/CreateEndpoint":
        request.url, request.event_types[0] = f"http://127.0.0.1:1/{number}", "*"
    elif name == "Keys/RotateKeys":
        request.merchant_id = STRANGER
    elif name == "Notifications/RetryNotification":
        request.gateway, request.id = "stripe", f"evt_{number}"
    elif name == "FailoverPolicies/SetFailoverPolicy":
        request.speculates_with_payer = number % 2 == 1
    elif name == "Routing/ProposeRouting":
        request.document = RULES + " " * number
    elif name in ("Routing/ProposeOverride", "Routing/ReleaseOverride"):
        request.gateway, request.account, request.livemode = "adyen", "", True
        request.reason = f"number {number}"
    elif name == "SetupIntents/CreateSetupIntent":
        request.gateway = "stripe"
    elif name == "Ledger/SetAccountLimits":
        request.account_code, request.minimum_balance_minor = "write_offs", -10**15 - number
    elif name in ("Ledger/CloseAccount", "Ledger/ReopenAccount"):
        request.account_code, request.currency = f"bank:closed_{number}", "EUR"
    elif name == "Reconciliation/RunReconciliation":
        request.gateway, request.gateway_account = "stripe", f"acct_{number}"
    elif name == "Routing/ActivateRouting":
        request.reason = f"number {number}"
    elif "name" in request.DESCRIPTOR.fields_by_name:
        if "reference" in request.DESCRIPTOR.fields_by_name:
            request.ClearField("reference")
        request.name = f"number {number}"
    # A token is sealed for one list: tested below.
    if "page_token" in request.DESCRIPTOR.fields_by_name:
        request.ClearField("page_token")
    return request


def ask(method, person, request, the_key, timeout=12):
    """(code, reason, whether it was replayed, answer) of a call."""
    call = channel_call(method, person)
    metadata = with_key(the_key) + scope(method, person, STRANGER)
    try:
        answer, context = call.with_call(
            request.SerializeToString(), metadata=metadata, timeout=timeout)
    except grpc.RpcError as error:
        seen = list(error.initial_metadata() or ()) + list(error.trailing_metadata() or ())
        return error.code().name, details(error)[0], ("idempotent-replayed", "true") in seen, b""
    seen = list(context.initial_metadata()) + list(context.trailing_metadata())
    return "OK", "", ("idempotent-replayed", "true") in seen, answer


def channel_call(method, person):
    from people import channel
    return channel(method.executable, person).unary_unary(
        method.path, request_serializer=None, response_deserializer=None)


def caller(method):
    return "stranger" if "merchant" in method.access else sorted(method.access)[0]


def test_a_key_means_one_request():
    """The same request again is the same answer, marked; another one with this key is refused."""
    for name, method in BY_NAME.items():
        # One needs a report (`reconciliation`), one would hold every payment from then on (`restores`).
        if method not in KEYED or name in ("Reconciliation/ImportReport", "Restores/BeginRestore"):
            continue
        used, who = key(), caller(method)
        first, other = (
            executable(name, full(method.descriptor.input_type, letter), number)
            for letter, number in (("q", 1), ("r", 2)))
        if name == "Keys/RotateKeys":
            other.merchant_id = DEPLOYMENT.merchant
        answer = ask(method, who, first, used)
        assert answer[0] in ("OK", "NOT_FOUND", "FAILED_PRECONDITION"), (name, answer)
        assert not answer[2], (name, "the first answer is marked as replayed")
        again = ask(method, who, first, used)
        assert again == (*answer[:2], True, answer[3]), (name, answer, again)
        got = ask(method, who, other, used)
        assert got[:2] == ("FAILED_PRECONDITION", "IDEMPOTENCY_KEY_REUSED"), (name, got)


def of_the_demo_merchant():
    """Ids of one thing of each kind, by their prefix."""
    billing = lambda name, request: made("Billing/" + name, request)
    intent = pay()
    customer = made("Customers/CreateCustomer", BY_NAME["Customers/CreateCustomer"].request(
        name="demo")).customer.id
    product = billing("CreateProduct", billing_pb2.CreateProductRequest(name="Seats")).product.id
    price = billing("CreatePrice", billing_pb2.CreatePriceRequest(
        product_id=product, unit_amount=eur(500),
        interval_unit=billing_pb2.INTERVAL_UNIT_MONTH)).price.id
    subscribed = billing("CreateSubscription", billing_pb2.CreateSubscriptionRequest(
        customer_id=customer, price_id=price, quantity=1, payment_method_id=VISA))
    refund = made("Refunds/CreateRefund", refunds_pb2.CreateRefundRequest(
        payment_intent_id=intent.id, amount=eur(1))).refund.id
    endpoint = made("Webhooks/CreateEndpoint", webhooks_pb2.CreateEndpointRequest(
        url="http://127.0.0.1:1/hook", event_types=["*"])).endpoint.id
    setup = made("SetupIntents/CreateSetupIntent", BY_NAME[
        "SetupIntents/CreateSetupIntent"].request(payment_method_id=VISA)).setup_intent.id
    return {
        "pi": intent.id, "re": refund, "seti": setup, "cus": customer, "prod": product,
        "price": price, "tok": VISA,
        "sub": subscribed.subscription.id, "in": subscribed.invoice.id, "we": endpoint}


def made(name, request, person="merchant"):
    method = BY_NAME[name]
    return method.descriptor.output_type._concrete_class.FromString(
        send(method, person, request, with_key(), 12))


THINGS = of_the_demo_merchant()
# Not by a refusal: a payment method that is not there makes a failed payment; tested below.
ANSWERED = (
    "PaymentIntents/CreatePaymentIntent", "PaymentMethods/CreatePaymentMethod",
    "SetupIntents/CreateSetupIntent")


def executed():
    """(name, request) of every keyed mutation, each on things that let it be executed."""
    request = lambda method, /, **fields: (method, BY_NAME[method].request(**fields))
    intent = lambda **fields: made("PaymentIntents/CreatePaymentIntent", order(**fields))
    waiting = lambda: INTENTS.CreatePaymentIntent(
        intents_pb2.CreatePaymentIntentRequest(amount=eur(100), payment_method_id=VISA),
        metadata=with_key(), timeout=5).payment_intent.id
    endpoint = lambda: made("Webhooks/CreateEndpoint", webhooks_pb2.CreateEndpointRequest(
        url="http://127.0.0.1:1/again", event_types=["*"])).endpoint.id
    card = executable("PaymentMethods/CreatePaymentMethod", full(
        BY_NAME["PaymentMethods/CreatePaymentMethod"].descriptor.input_type), 1)
    yield "PaymentIntents/CreatePaymentIntent", order()
    yield request("PaymentIntents/ConfirmPaymentIntent", payment_intent_id=waiting())
    yield request("PaymentIntents/CapturePaymentIntent", payment_intent_id=intent(
        capture_method=2).payment_intent.id)
    yield request("PaymentIntents/CancelPaymentIntent", payment_intent_id=waiting())
    # Nothing waits for its payer: answered as it stands.
    yield request("PaymentIntents/CompletePaymentAction",
                  payment_intent_id=intent().payment_intent.id)
    yield request("Customers/CreateCustomer", name="again")
    yield request("Merchants/CreateMerchant", name="again")
    yield request("Billing/CreateProduct", name="again")
    product = made(*request("Billing/CreateProduct", name="again")).product.id
    price = request("Billing/CreatePrice", product_id=product, unit_amount=eur(500),
                    interval_unit=billing_pb2.INTERVAL_UNIT_MONTH)
    yield price
    subscribe = request(
        "Billing/CreateSubscription", customer_id=THINGS["cus"], price_id=made(*price).price.id,
        quantity=1, payment_method_id=VISA)
    yield subscribe
    yield request("Billing/CancelSubscription", subscription_id=made(*subscribe).subscription.id)
    yield "Billing/AdvanceClock", executable(
        "Billing/AdvanceClock", BY_NAME["Billing/AdvanceClock"].request(), 10)
    yield "PaymentMethods/CreatePaymentMethod", card
    card = copy.deepcopy(card)
    card.alias += "again"
    yield request("PaymentMethods/DeletePaymentMethod", payment_method_id=made(
        "PaymentMethods/CreatePaymentMethod", card).payment_method.id)
    yield request("SetupIntents/CreateSetupIntent", payment_method_id=VISA)
    yield request("Keys/RotateKeys", merchant_id=DEPLOYMENT.merchant)
    yield request(
        "Refunds/CreateRefund", payment_intent_id=intent().payment_intent.id)
    yield request("FailoverPolicies/SetFailoverPolicy", speculates_with_payer=True)
    yield request("Ledger/SetAccountLimits", account_code="write_offs", currency="EUR",
                  minimum_balance_minor=-10**15)
    yield request("Ledger/CloseAccount", account_code="bank:closed", currency="EUR")
    yield request("Ledger/ReopenAccount", account_code="bank:closed", currency="EUR")
    yield request("Routing/ProposeRouting", document=RULES, reason="again")
    # What the approver proposes the operator approves.
    number = made(*request("Routing/ProposeRouting", document=RULES, reason="again"),
                  "operator-approver").version.number
    made(*request("Routing/BacktestRouting", number=number, days=1), "operator-approver")
    yield request("Routing/ActivateRouting", number=number, reason="again")
    forced = request("Routing/ProposeOverride", gateway="adyen", livemode=True, action=2,
                     reason="again", expires_in_seconds=600)
    yield forced
    yield request("Routing/ApproveOverride", id=made(*forced, "operator-approver").override.id)
    yield request("Routing/ReleaseOverride", gateway="adyen", livemode=True, reason="again")
    yield request("Webhooks/CreateEndpoint", url="http://127.0.0.1:1/again", event_types=["*"])
    for name in ("VerifyEndpoint", "DisableEndpoint", "RotateSecret"):
        yield request(f"Webhooks/{name}", endpoint_id=endpoint())


# Need an endpoint that answers, a notification that is parked, a refund of which nobody tells, a
# contradicted set-up: their replays are tested in WebhooksServiceTests, GatewayServiceTests,
# `recovery` and `setups`.
WITH_A_SCENE = {
    "Webhooks/RetryDelivery", "Notifications/RetryNotification", "Recovery/ProposeResolution",
    "Recovery/ApproveResolution", "Reconciliation/ImportReport",
    "Reconciliation/RunReconciliation", "Reconciliation/ChangeBreak",
    "BreakSettlements/ResolveBreak", "BreakSettlements/ProposeWriteOff",
    "BreakSettlements/ApproveWriteOff", "Restores/BeginRestore",
    "Restores/OpenRestore", "Restores/SettleRestoredPayment", "SetupIntents/ResolveSetupConflict"}


def test_a_replay_has_the_bytes_of_the_first_answer():
    """Executed, not refused: the whole answer again, secrets that it shows included."""
    tried = set()
    for name, message in executed():
        method, used = BY_NAME[name], key()
        who = "merchant" if "merchant" in method.access else sorted(method.access)[0]
        first = ask(method, who, message, used)
        assert first[0] == "OK" and not first[2] and first[3], (name, first)
        for _ in range(2):
            again = ask(method, who, message, used)
            assert again == ("OK", "", True, first[3]), (name, first, again)
        if "secret" in method.descriptor.output_type.fields_by_name:
            answer = method.descriptor.output_type._concrete_class.FromString(first[3])
            assert answer.secret.startswith("whsec_"), name
        tried.add(name)
    untried = {name for name, method in BY_NAME.items() if method in KEYED} - tried
    assert untried == WITH_A_SCENE, untried


def test_ids_that_name_nothing_and_ids_of_another_merchant():
    """Both answer alike: nobody learns what another merchant has."""
    tried = 0
    # The vault notes refused accesses, and refusals are the answers of their keys.
    audit = ["vault.access", "vault.access_unsealed", "vault.access_seal",
             f"vault.access_{time.strftime('%Y%m', time.gmtime())}"]
    with Nothing("idempotency_key", *audit):
        for name, method in BY_NAME.items():
            if "merchant" not in method.access or name in ANSWERED:
                continue
            unknown = executable(name, full(method.descriptor.input_type), 1)
            foreign = copy.deepcopy(unknown)
            ids = 0
            for _, field, holder in fields_of(unknown):
                prefix = rules_of(field).id_prefix
                if prefix in THINGS and not field.is_repeated:
                    setattr(holder(foreign), field.name, THINGS[prefix])
                    ids += 1
            if not ids:
                continue
            if name == "PaymentMethods/DescribePaymentMethod":
                unknown.ClearField("alias")
                foreign.ClearField("alias")
            answers = [ask(method, "stranger", request, key()) for request in (unknown, foreign)]
            for code, reason, _, _ in answers:
                assert code == "NOT_FOUND" and reason.endswith("_NOT_FOUND"), (name, answers)
            assert answers[0] == answers[1], (name, answers)
            tried += 1
    assert tried >= 14, tried


def test_a_payment_with_another_merchants_method_or_customer():
    create = BY_NAME["PaymentIntents/CreatePaymentIntent"]
    answer = ask(create, "stranger", order(method=THINGS["tok"]), key())
    intent = intents_pb2.CreatePaymentIntentResponse.FromString(answer[3]).payment_intent
    assert intent.status == FAILED, intent
    assert intent.failure.code == "payment_method_not_found", intent
    assert not charges(intent.id), charges(intent.id)
    setup = BY_NAME["SetupIntents/CreateSetupIntent"]
    answer = ask(setup, "stranger", setup.request(payment_method_id=THINGS["tok"]), key())
    refused = setup.descriptor.output_type._concrete_class.FromString(answer[3]).setup_intent
    assert refused.failure.code == "payment_method_not_found" and not refused.gateway, refused
    got = ask(create, "stranger", order(customer_id=THINGS["cus"]), key())
    assert got[:2] == ("NOT_FOUND", "CUSTOMER_NOT_FOUND"), got


def test_page_tokens_belong_to_their_merchant():
    tokens = 0
    for name, method in BY_NAME.items():
        # Others' tokens are about the whole platform: nobody is kept from a page of it.
        if "page_token" not in method.descriptor.input_type.fields_by_name or not method.scoped:
            continue
        for _ in range(2):
            made("Refunds/CreateRefund", refunds_pb2.CreateRefundRequest(
                payment_intent_id=pay().id, amount=eur(1)))
        of = {"account_code": "merchant_payable", "currency": "EUR"} if (
            name == "LedgerHistory/ListEntries") else {}
        page = method.descriptor.output_type._concrete_class.FromString(
            send(method, "merchant", method.request(page_size=1, **of), []))
        assert page.next_page_token, name
        send(method, "merchant", method.request(page_token=page.next_page_token, **of), [])
        for what, token, person in [
            ("another's", page.next_page_token, "stranger"),
            ("changed", page.next_page_token[:-1] + "0" * (page.next_page_token[-1] != "0") + "1" * (
                page.next_page_token[-1] == "0"), "merchant"),
            ("none", "x", "merchant"),
        ]:
            got = ask(method, person, method.request(page_token=token, **of), None)
            # Whose account is not there learns nothing of the token.
            if of and person == "stranger" and got[:2] == ("NOT_FOUND", "ACCOUNT_NOT_FOUND"):
                continue
            assert got[:2] == ("INVALID_ARGUMENT", "PAGE_TOKEN_INVALID"), (name, what, got)
        tokens += 1
    assert tokens, "no method has pages"


def refused(name, request):
    method = BY_NAME[name]
    try:
        send(method, "merchant", request, with_key(), 12)
    except grpc.RpcError as error:
        return error.code().name, details(error)[0]
    raise AssertionError(f"{name} was not refused")


def test_wrong_states():
    paid = THINGS["pi"]
    declined = pay(order(method=DECLINED))
    canceled = made("PaymentIntents/CancelPaymentIntent", intents_pb2.CancelPaymentIntentRequest(
        payment_intent_id=INTENTS.CreatePaymentIntent(
            intents_pb2.CreatePaymentIntentRequest(amount=eur(100), payment_method_id=VISA),
            metadata=with_key(), timeout=5).payment_intent.id)).payment_intent
    assert canceled.status == CANCELED and declined.status == FAILED
    state = ("FAILED_PRECONDITION", "PAYMENT_INTENT_STATE")
    for call in ("Confirm", "Capture", "Cancel"):
        name = f"PaymentIntents/{call}PaymentIntent"
        request = BY_NAME[name].request
        for intent in (paid, canceled.id):
            got = refused(name, request(payment_intent_id=intent))
            assert got == state, (name, intent, got)
    got = refused("PaymentIntents/CapturePaymentIntent", intents_pb2.CapturePaymentIntentRequest(
        payment_intent_id=declined.id))
    assert got == state, got
    waiting = INTENTS.CreatePaymentIntent(
        intents_pb2.CreatePaymentIntentRequest(amount=eur(100), payment_method_id=VISA),
        metadata=with_key(), timeout=5).payment_intent
    got = refused("PaymentIntents/CompletePaymentAction",
                  intents_pb2.CompletePaymentActionRequest(payment_intent_id=waiting.id))
    assert got == state, got
    manual = pay(order(capture_method=2))
    got = refused("PaymentIntents/CapturePaymentIntent", intents_pb2.CapturePaymentIntentRequest(
        payment_intent_id=manual.id, amount=eur(5000)))
    assert got == ("FAILED_PRECONDITION", "AMOUNT_TOO_LARGE"), got
    got = refused("PaymentIntents/CapturePaymentIntent", intents_pb2.CapturePaymentIntentRequest(
        payment_intent_id=manual.id, amount=common_pb2.Money(currency="USD", amount_minor=1)))
    assert got == ("INVALID_ARGUMENT", "CURRENCY_MISMATCH"), got


def test_wrong_states_of_subscriptions_and_clocks():
    cancel = BY_NAME["Billing/CancelSubscription"].request(subscription_id=THINGS["sub"])
    made("Billing/CancelSubscription", cancel)
    assert refused("Billing/CancelSubscription", cancel) == (
        "FAILED_PRECONDITION", "SUBSCRIPTION_STATE")
    back = BY_NAME["Billing/AdvanceClock"].request()
    back.to.seconds = 1_000_000_000
    assert refused("Billing/AdvanceClock", back) == ("INVALID_ARGUMENT", "CLOCK_BACKWARDS")
