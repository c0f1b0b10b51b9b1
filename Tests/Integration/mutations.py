"""Every mutating method of the six services, taken from the contracts, refuses every kind of wrong
input with a precise status, reason and field; nothing is stored, nothing crashes."""
import grpc
from contracts import (
    MUTATIONS, changed, copy, details, fields_of, full, identifier, rules_of, without)
from people import scope, send
from rows import differences, settled, starts
from scene import key, with_key

CARD = "4242424242424242"
CARDS = {
    "a card number": CARD, "a spaced card number": "4242 4242 4242 4242",
    "a dashed card number": "4242-4242-4242-4242",
    "a full-width card number": "".join(chr(0xFF10 + int(digit)) for digit in CARD),
    "a base64 card number": "NDI0MjQyNDI0MjQyNDI0Mg=="}
PLACE = b"PLACEHOLDER"


def person(method):
    """Somebody who may call."""
    return "merchant" if "merchant" in method.access else sorted(method.access)[0]


def refusal(method, message, metadata=None, timeout=10):
    who = person(method)
    metadata = with_key() if metadata is None else metadata
    try:
        answer = send(method, who, message, metadata + scope(method, who), timeout)
    except grpc.RpcError as error:
        return (error.code().name, *details(error))
    raise AssertionError(f"{method}: not refused: {answer[:80]}")


class Nothing:
    """Everything in the block stores nothing and leaves every process running."""

    def __init__(self, *besides):
        self.besides = besides

    def __enter__(self):
        self.rows, self.started = settled(), starts()

    def __exit__(self, kind, *_):
        if kind is None:
            stored = differences(self.rows, settled(), self.besides)
            assert not stored, stored
            assert self.started == starts(), "a service was restarted"


def test_there_are_mutations_to_test():
    assert len(MUTATIONS) >= 20, MUTATIONS


def test_keys():
    cases = [
        ([], "IDEMPOTENCY_KEY_REQUIRED"), ([""], "IDEMPOTENCY_KEY_INVALID"),
        (["a" * 256], "IDEMPOTENCY_KEY_INVALID"), (["with space"], "IDEMPOTENCY_KEY_INVALID"),
        (["a", "b"], "IDEMPOTENCY_KEY_INVALID"), ([CARD], "SENSITIVE_DATA_REJECTED")]
    with Nothing():
        for method in MUTATIONS:
            message = full(method.descriptor.input_type)
            for keys, expected in cases:
                got = refusal(method, message, [("idempotency-key", value) for value in keys])
                assert got[:2] == ("INVALID_ARGUMENT", expected), (method, keys, got)


def test_card_numbers_in_metadata():
    with Nothing():
        for method in MUTATIONS:
            message = full(method.descriptor.input_type)
            for name, value in [
                ("x-note", CARD), ("x-note", "4242 4242 4242 4242"), (f"x-{CARD}", "note"),
                ("x-note-bin", CARD.encode()), ("x-note", "NDI0MjQyNDI0MjQyNDI0Mg=="),
            ]:
                got = refusal(method, message, with_key() + [(name, value)])
                assert got[:2] == ("INVALID_ARGUMENT", "SENSITIVE_DATA_REJECTED"), (method, name, got)


def texts(field, rules):
    """(what, value, reason) of wrong values of a text; bytes are put in behind the encoder."""
    longest = rules.length_max or 255
    yield "NUL", b"a\0b"[-longest:], "TEXT_CONTAINS_NUL"
    yield "bad UTF-8", b"a\xffb"[-longest:], "TEXT_INVALID_UTF8"
    yield "too long", "x" * (longest + 1), "FIELD_TOO_LONG"
    if rules.id_prefix:
        first = rules.id_prefix.split("|")[0]
        yield "no id", f"{first}_1", "ID_INVALID"
        yield "another kind of id", identifier("zz"), "ID_INVALID"
        yield "capitals", identifier(rules.id_prefix).upper(), "ID_INVALID"
    for what, value in CARDS.items():
        if len(value.encode()) > longest:
            yield what, value, "FIELD_TOO_LONG"
        else:
            yield what, value, "ID_INVALID" if rules.id_prefix else "SENSITIVE_DATA_REJECTED"


def wrong(message, field, holder):
    """(what, request as bytes, reason) of everything that may not be in this field."""
    rules = rules_of(field)
    if rules.required:
        yield "missing", without(message, holder, field).SerializeToString(), "FIELD_REQUIRED"
    if field.is_repeated:
        other = copy.deepcopy(message)
        list_ = getattr(holder(other), field.name)
        del list_[:]
        for _ in range((rules.count_max or 100) + 1):
            list_.add() if field.message_type else list_.append("x")
        yield "too many", other.SerializeToString(), "FIELD_TOO_MANY"
    if field.type == field.TYPE_STRING:
        for what, value, reason in texts(field, rules):
            if isinstance(value, str):
                yield what, changed(message, holder, field, value).SerializeToString(), reason
                continue
            # Python's encoder refuses it: put in afterwards, at the same length.
            stand_in = "#" * len(value)
            data = changed(message, holder, field, stand_in).SerializeToString()
            assert data.count(stand_in.encode()) == 1
            yield what, data.replace(stand_in.encode(), value), reason
    if field.type == field.TYPE_BYTES and not rules.card_data_exempt:
        data = changed(message, holder, field, CARD.encode()).SerializeToString()
        longest = rules.length_max or 1 << 31
        yield "a card number", data, (
            "SENSITIVE_DATA_REJECTED" if longest >= 16 else "FIELD_TOO_LONG")
    if field.type == field.TYPE_BYTES and rules.length_max:
        data = changed(message, holder, field, b"x" * (rules.length_max + 1)).SerializeToString()
        yield "too long", data, "FIELD_TOO_LONG"
    if field.type == field.TYPE_ENUM:
        for number in (77, -1):
            data = changed(message, holder, field, number).SerializeToString()
            yield f"enum {number}", data, "ENUM_UNKNOWN"
    if rules.has_range and not field.message_type:
        for number in (rules.maximum + 1, rules.minimum - 1):
            if number >= 0:
                data = changed(message, holder, field, number).SerializeToString()
                yield f"{number}", data, "NUMBER_OUT_OF_RANGE"


def test_every_field():
    tried = 0
    with Nothing():
        for method in MUTATIONS:
            message = full(method.descriptor.input_type)
            for path, field, holder in fields_of(message):
                for what, data, expected in wrong(message, field, holder):
                    code, reason, where = refusal(method, data)
                    assert (code, reason) == ("INVALID_ARGUMENT", expected), (
                        method, path, what, code, reason, where)
                    place = where.removesuffix("[0]").removesuffix("[100]")
                    assert place == path, (method, path, what, where)
                    tried += 1
    assert tried > 500, tried
    print(f"     {tried} wrong fields in {len(MUTATIONS)} methods")


def group(depth):
    """A message nested in a field that no contract has."""
    data = b""
    for _ in range(depth):
        data = b"\xfa\x3f" + varint(len(data)) + data
    return data


def varint(number):
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes(out) + bytes([number])


def test_broken_deep_and_wide_messages():
    with Nothing():
        for method in MUTATIONS:
            most = method.rules.request_bytes_max or 65536
            for what, data, expected in [
                ("truncated", b"\x0a\x7f", ("INVALID_ARGUMENT", "MESSAGE_MALFORMED")),
                ("no varint", b"\x08" + b"\xff" * 11, ("INVALID_ARGUMENT", "MESSAGE_MALFORMED")),
                ("field 0", b"\x00\x00", ("INVALID_ARGUMENT", "MESSAGE_MALFORMED")),
            ]:
                got = refusal(method, data)
                assert got[:2] == expected, (method, what, got)
            # Above 8 MiB it is the transport that refuses it, for any method.
            got = refusal(method, b"\x0a" + varint(most) + b"x" * most)
            assert got[:2] == ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_LONG"), (method, got)
            # Deep and wide where nothing looks: refused for what is missing, not by a crash.
            if any(rules_of(field).required for field in method.descriptor.input_type.fields):
                for what, data in [
                    ("deep", group(5_000)), ("wide", b"\xfa\x3f\x00" * 20_000),
                ]:
                    code, reason, _ = refusal(method, data)
                    assert (code, reason) in (
                        ("INVALID_ARGUMENT", "FIELD_REQUIRED"),
                        # A number that is missing is zero.
                        ("INVALID_ARGUMENT", "NUMBER_OUT_OF_RANGE"),
                        ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_COMPLEX")), (method, what, code, reason)
            # Wide where it counts: as many empty elements as the size allows.
            for field in method.descriptor.input_type.fields:
                if field.is_repeated and field.message_type:
                    element = varint(field.number << 3 | 2) + b"\0"
                    code, reason, _ = refusal(method, element * (most // len(element)))
                    assert (code, reason) in (
                        ("INVALID_ARGUMENT", "FIELD_TOO_MANY"),
                        ("RESOURCE_EXHAUSTED", "MESSAGE_TOO_COMPLEX")), (method, code, reason)


def test_metadata_above_the_limit():
    """The server takes 16 KiB. What is above is read up to 64 KiB and refused; beyond that the
    connection is closed, for HTTP/2 has no way to leave a header block out."""
    with Nothing():
        for method in MUTATIONS:
            message = full(method.descriptor.input_type)
            for size, expected in [
                (20_000, [("RESOURCE_EXHAUSTED", "METADATA_TOO_LARGE")]),
                (10_000_000, [("RESOURCE_EXHAUSTED", ""), ("UNAVAILABLE", "")]),
            ]:
                got = refusal(method, message, with_key() + [("x-much", "y" * size)], timeout=20)
                assert got[:2] in expected, (method, size, got)
            # The same caller is served on.
            assert refusal(method, message, [])[1] == "IDEMPOTENCY_KEY_REQUIRED", method


MONEY = [
    ("unknown currency", "XXQ", 100, "CURRENCY_UNKNOWN"),
    ("lower case", "eur", 100, "CURRENCY_UNKNOWN"),
    ("zero", "EUR", 0, "AMOUNT_NOT_POSITIVE"), ("negative", "EUR", -1, "AMOUNT_NOT_POSITIVE"),
    ("most negative", "EUR", -(2**63), "AMOUNT_NOT_POSITIVE"),
    ("above the limit", "EUR", 100_000_000_000, "AMOUNT_TOO_LARGE"),
    ("overflowing", "EUR", 2**63 - 1, "AMOUNT_TOO_LARGE")]
# Where zero is a price like any other, and a negative one has a name of its own.
FREE = ("Billing/CreatePrice",)
# Answers per element: `test_postings`; what facts say of an operation that is not there is not read;
# a payout may be of any sign, as it is taken from the merchant after more refunds than payments.
PER_ELEMENT = ("Ledger/Post", "PaymentFacts/ApplyFacts", "Reconciliation/ImportReport")


def test_amounts():
    tried = 0
    with Nothing():
        for method in MUTATIONS:
            if method.path.endswith(PER_ELEMENT):
                continue
            message = full(method.descriptor.input_type)
            for path, field, holder in fields_of(message):
                if not field.message_type or field.message_type.name != "Money":
                    continue
                for what, currency, minor, expected in MONEY:
                    if method.path.endswith(FREE):
                        if minor == 0:
                            continue
                        expected = expected.replace("NOT_POSITIVE", "NEGATIVE")
                    other = copy.deepcopy(message)
                    money = getattr(holder(other), field.name)
                    money.currency, money.amount_minor = currency, minor
                    code, reason, where = refusal(method, other)
                    assert (code, reason) == ("INVALID_ARGUMENT", expected), (
                        method, path, what, code, reason)
                    assert where.startswith(path), (method, path, what, where)
                    tried += 1
    assert tried >= 3 * len(MONEY), tried


def test_postings():
    """The ledger answers for each posting alone: a wrong one is rejected and leaves nothing."""
    post = next(method for method in MUTATIONS if method.path.endswith("Ledger/Post"))
    answer = post.descriptor.output_type._concrete_class
    cases = [*MONEY[:5], ("overflowing", "EUR", 2**63 - 1, "OVERFLOW")]
    with Nothing():
        for what, currency, minor, expected in cases:
            message = full(post.descriptor.input_type)
            command = message.commands[0]
            # Moves at once, by itself.
            for field in ("records_fact", "phase", "pending_id", "expires_at", "linked", "reverses"):
                command.ClearField(field)
            command.effective_at.GetCurrentTime()
            command.entries.add().CopyFrom(command.entries[0])
            command.entries.add().CopyFrom(command.entries[0])
            for entry in command.entries:
                entry.amount.currency, entry.amount.amount_minor = currency, minor
            command.entries[2].side = 2
            result = answer.FromString(
                send(post, "intents", message, with_key())).results[0]
            assert (result.status, result.reason) == (4, expected), (what, result)
