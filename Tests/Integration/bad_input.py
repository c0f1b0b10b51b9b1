"""Every mutating call refuses what is wrong with a precise reason, and stores nothing."""
from scene import *


def create(**fields):
    values = {"amount": eur(100), "payment_method_id": VISA, "confirm": True, **fields}
    return intents_pb2.CreatePaymentIntentRequest(**values)


def money(currency, minor):
    return common_pb2.Money(currency=currency, amount_minor=minor)


CASES = [
    ("no amount", create(amount=None), "FIELD_REQUIRED"),
    ("zero", create(amount=eur(0)), "AMOUNT_NOT_POSITIVE"),
    ("negative", create(amount=eur(-1)), "AMOUNT_NOT_POSITIVE"),
    ("above the limit", create(amount=eur(100_000_000_000)), "AMOUNT_TOO_LARGE"),
    ("the largest number", create(amount=eur(2**63 - 1)), "AMOUNT_TOO_LARGE"),
    ("unknown currency", create(amount=money("XXQ", 1)), "CURRENCY_UNKNOWN"),
    ("lower-case currency", create(amount=money("eur", 1)), "CURRENCY_UNKNOWN"),
    ("long currency", create(amount=money("EURO", 1)), "FIELD_TOO_LONG"),
    ("another kind of id", create(payment_method_id="pi_" + "a" * 28), "ID_INVALID"),
    ("malformed id", create(payment_method_id="tok_1"), "ID_INVALID"),
    ("confirm without a method", create(payment_method_id=""), "CONFIRM_NEEDS_PAYMENT_METHOD"),
    ("unknown enum", create(capture_method=77), "ENUM_UNKNOWN"),
    ("NUL", create(description="a\0b"), None),
    ("a card number", create(description="4242424242424242"), "SENSITIVE_DATA_REJECTED"),
    ("a spaced card number", create(description="4242 4242 4242 4242"), "SENSITIVE_DATA_REJECTED"),
    ("a full-width card number", create(description="".join(
        chr(0xFF10 + int(d)) for d in "4242424242424242")), "SENSITIVE_DATA_REJECTED"),
    ("a base64 card number", create(description="NDI0MjQyNDI0MjQyNDI0Mg=="),
     "SENSITIVE_DATA_REJECTED"),
    ("a long description", create(description="x" * 501), "FIELD_TOO_LONG"),
    ("too much metadata", create(metadata=[
        common_pb2.MetadataEntry(key=f"k{i}", value="v") for i in range(51)]), None),
    ("a metadata key twice", create(metadata=[
        common_pb2.MetadataEntry(key="k", value=v) for v in "ab"]), "KEY_DUPLICATE"),
]


def test_fields():
    before = len(http("/books")["payments"])
    for name, request, expected in CASES:
        code, why = refusal(lambda: pay(request))
        assert code == "INVALID_ARGUMENT", (name, code, why)
        assert expected is None or why == expected, (name, why)
    assert len(http("/books")["payments"]) == before


def test_idempotency_keys():
    cases = [
        ([], "IDEMPOTENCY_KEY_REQUIRED"),
        ([("idempotency-key", "a" * 256)], "IDEMPOTENCY_KEY_INVALID"),
        ([("idempotency-key", "with space")], "IDEMPOTENCY_KEY_INVALID"),
        ([("idempotency-key", "a"), ("idempotency-key", "b")], "IDEMPOTENCY_KEY_INVALID"),
        ([("idempotency-key", "4242424242424242")], "SENSITIVE_DATA_REJECTED"),
    ]
    for metadata, expected in cases:
        got = refusal(lambda: INTENTS.CreatePaymentIntent(create(), metadata=metadata, timeout=5))
        assert got == ("INVALID_ARGUMENT", expected), (metadata, got)


def test_unknown_and_foreign_ids():
    unknown = intents_pb2.CapturePaymentIntentRequest(payment_intent_id="pi_" + "b" * 28)
    assert refusal(
        lambda: INTENTS.CapturePaymentIntent(unknown, metadata=with_key(), timeout=5)
    ) == ("NOT_FOUND", "PAYMENT_INTENT_NOT_FOUND")
    page = intents_pb2.ListPaymentIntentsRequest(page_token="pi_" + "b" * 28 + ".00")
    assert refusal(lambda: INTENTS.ListPaymentIntents(page, timeout=5)) == (
        "INVALID_ARGUMENT", "PAGE_TOKEN_INVALID")


def test_origins_are_for_services():
    request = create(origin=common_pb2.Origin(type="invoice", id="in_1"))
    assert refusal(lambda: pay(request)) == ("PERMISSION_DENIED", "ORIGIN_NOT_ALLOWED")


def test_huge_metadata_is_refused():
    code, _ = refusal(lambda: INTENTS.CreatePaymentIntent(
        create(), metadata=with_key() + [("x-much", "y" * 10_000_000)], timeout=10))
    assert code in ("RESOURCE_EXHAUSTED", "UNAVAILABLE", "INTERNAL"), code
    assert pay().status == SUCCEEDED


def test_what_no_handler_sees_has_a_reason_too():
    channel = DEPLOYMENT.channel("intents")

    def call(method="ListPaymentIntents", metadata=(), body=b"", **options):
        return channel.unary_unary(
            f"/tender.intents.v1.PaymentIntents/{method}", request_serializer=None,
            response_deserializer=None)(body, metadata=metadata, timeout=10, **options)

    many = [(f"x-{number}", "y") for number in range(120)]
    for arguments, expected in [
        ({"metadata": many}, ("RESOURCE_EXHAUSTED", "METADATA_TOO_LARGE")),
        ({"method": "Nothing"}, ("UNIMPLEMENTED", "METHOD_UNKNOWN")),
        ({"compression": grpc.Compression.Gzip, "body": b"\0" * 100},
         ("UNIMPLEMENTED", "COMPRESSION_UNSUPPORTED")),
        ({"body": b"\0" * (9 << 20)}, ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LONG")),
    ]:
        assert refusal(lambda: call(**arguments)) == expected, arguments.keys()


def test_a_passed_deadline_stores_a_result_or_nothing():
    metadata = with_key()
    code, _ = refusal(lambda: pay(metadata=metadata, timeout=0.001))
    assert code in ("DEADLINE_EXCEEDED", "CANCELLED"), code
    intent = pay(metadata=metadata)
    assert intent.status == SUCCEEDED and captured(intent.id) == 4999
