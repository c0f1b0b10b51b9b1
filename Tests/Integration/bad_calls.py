"""Requests with an item that is no command: refused whole, with the field, and nothing booked."""
from posting_scene import *
from google.rpc import error_details_pb2, status_pb2


def test_calls_that_are_no_batch_book_nothing():
    beside = Beside()

    def of(**fields):
        return posting(both(5), **fields)

    def entry(**fields):
        made = of()
        for name, value in fields.items():
            getattr(made.entries[0], name).CopyFrom(value) if name == "amount" else setattr(
                made.entries[0], name, value)
        return made

    def without(name):
        made = of()
        made.ClearField(name)
        return made

    nul = of(subject="NUL in it").SerializeToString()
    utf8 = of(subject="bad UTF-8").SerializeToString()
    for name, command, why in (
            ("NUL", nul.replace(b"NUL in", b"NUL\0in"), "TEXT_CONTAINS_NUL"),
            ("bad UTF-8", utf8.replace(b"bad UTF", b"bad\xffUTF"), "TEXT_INVALID_UTF8"),
            ("empty account", entry(account_code=""), "FIELD_REQUIRED"),
            ("long account", entry(account_code="bank:" + "x" * 10_000), "FIELD_TOO_LONG"),
            ("no currency", entry(amount=common_pb2.Money(amount_minor=5)), "FIELD_REQUIRED"),
            ("long currency", entry(amount=common_pb2.Money(currency="EURO")), "FIELD_TOO_LONG"),
            ("unknown side", entry(side=77), "ENUM_UNKNOWN"),
            ("unknown phase", of(phase=77), "ENUM_UNKNOWN"),
            ("no id", of(transaction_id=""), "FIELD_REQUIRED"),
            ("short id", of(transaction_id="ltx_1"), "ID_INVALID"),
            ("another kind of id", of(transaction_id="pi_" + "a" * 28), "ID_INVALID"),
            ("malformed hold", of(phase=POST, pending_id="x"), "ID_INVALID"),
            ("malformed reversal", of(reverses="ltx_" + "1" * 28), "ID_INVALID"),
            ("no time", without("effective_at"), "FIELD_REQUIRED"),
            ("no kind", of(kind=""), "FIELD_REQUIRED"),
            ("no merchant", of(merchant_id=""), "FIELD_REQUIRED"),
            ("long kind", of(kind="k" * 41), "FIELD_TOO_LONG"),
            ("258 entries", posting(both(5) * 129), "FIELD_TOO_MANY"),
            ("year 10000", of(at=253_402_300_800), "NUMBER_OUT_OF_RANGE"),
            ("before year 1", of(at=-62_135_596_801), "NUMBER_OUT_OF_RANGE"),
            ("the largest number of seconds", of(at=MOST), "NUMBER_OUT_OF_RANGE"),
            ("a card number", of(subject="4242424242424242"), "SENSITIVE_DATA_REJECTED")):
        data = command if isinstance(command, bytes) else command.SerializeToString()
        request = b"".join(
            b"\x0a" + varint(len(part)) + part for part in (of().SerializeToString(), data))
        try:
            RAW(request, metadata=with_key(), timeout=10)
            raise AssertionError(f"not refused: {name}")
        except grpc.RpcError as error:
            got = error.code().name, reason(error), paths(error)
        assert got[:2] == ("INVALID_ARGUMENT", why), (name, got)
        assert got[2] and all("commands[1]" in path for path in got[2]), (name, got)
    for count, why in ((0, "FIELD_REQUIRED"), (8_001, "FIELD_TOO_MANY")):
        got = refusal(lambda: post(*[of() for _ in range(count)]))
        assert got == ("INVALID_ARGUMENT", why), (count, got)
    results = post(*[posting(both(1)) for _ in range(7_999)], posting(both(0)))
    assert results == [BOOKED] * 7_999 + [(REJECTED, "AMOUNT_NOT_POSITIVE")]
    beside.moved += 7_999
    beside.end()


RAW = channel("ledger", "operator").unary_unary(
    "/tender.ledger.v1.Ledger/Post", request_serializer=None, response_deserializer=None)


def varint(number):
    return bytes([number]) if number < 128 else bytes([number & 127 | 128]) + varint(number >> 7)


def paths(error):
    """The fields that a refusal names."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in status_pb2.Status.FromString(value).details:
                bad = error_details_pb2.BadRequest()
                if detail.Unpack(bad):
                    return [violation.field for violation in bad.field_violations]
    return []
