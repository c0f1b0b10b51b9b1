"""Holds, limits and reversals asked for what they are not: refused beside what is right."""
from people import STRANGER
from posting_scene import *


def test_holds_end_once_and_by_their_own_merchant():
    beside = Beside()
    held, plain, other = hold(10), posting(both(7)), hold(10, merchant_id=STRANGER)
    beside("held", (held, BOOKED), (plain, BOOKED), (other, BOOKED))
    beside("above", (end(held, POST, both(11)), "PENDING_EXCEEDED"))
    beside("other accounts", (end(held, POST, both(5, bank=f"{BANK}:x")), "PENDING_EXCEEDED"))
    beside("another's", (end(other, POST), "PENDING_UNKNOWN"),
           (end(other, VOID), "PENDING_UNKNOWN"))
    beside("no hold", (end(plain, POST, both(7)), "PENDING_UNKNOWN"),
           (end(plain, VOID), "PENDING_UNKNOWN"))
    beside("once", (end(held, POST, both(4)), BOOKED), (end(held, POST, both(6)), "PENDING_POSTED"),
           (end(held, VOID), "PENDING_POSTED"))
    held = hold(10)
    beside("void", (held, BOOKED), (end(held, VOID), BOOKED), (end(held, POST), "PENDING_VOIDED"))
    held = hold(10, ends=2)
    beside("short", (held, BOOKED))
    until(lambda: LEDGER.GetTransaction(ledger_pb2.GetTransactionRequest(
        transaction_id=held.transaction_id), timeout=5).transaction.ended_by)
    beside("over", (end(held, POST), "PENDING_EXPIRED"), (end(held, VOID), "PENDING_EXPIRED"))
    back = lambda minor, **fields: posting(
        [leg(CREDIT, minor, BANK), leg(DEBIT, minor, OTHER)], reverses=plain.transaction_id,
        **fields)
    beside("not the same", (back(6), "REVERSAL_DIFFERS"),
           (back(7, merchant_id=STRANGER), "REVERSED_UNKNOWN"))
    once = back(7)
    beside("once", (once, BOOKED), (back(7), "REVERSED_ALREADY"))
    beside.end()


def limits(minimum=None, maximum=None, code=BANK, currency="EUR", merchant=True):
    scope = [("tender-merchant", DEPLOYMENT.merchant)] if merchant else []
    return OPERATOR.SetAccountLimits(ledger_pb2.SetAccountLimitsRequest(
        account_code=code, currency=currency, minimum_balance_minor=minimum,
        maximum_balance_minor=maximum), metadata=with_key() + scope, timeout=10).account


def test_limits_count_what_is_held():
    code = f"{BANK}:limited"
    into = lambda minor, **fields: posting(both(minor, bank=code), **fields)
    away = lambda minor, **fields: posting(
        [leg(CREDIT, minor, code), leg(DEBIT, minor, OTHER)], **fields)
    beside = Beside()
    limits(0, 100, code)
    soon = {"expires": time.time() + DAY}
    beside("held", (into(60), BOOKED), (into(30, **soon), BOOKED), (away(50, **soon), BOOKED))
    # 60 of which 50 may go, and to which 30 may come.
    beside("limits", (into(11), "BALANCE_ABOVE_LIMIT"), (away(11), "BALANCE_BELOW_LIMIT"),
           (into(11, **soon), "BALANCE_ABOVE_LIMIT"), (away(11, **soon), "BALANCE_BELOW_LIMIT"),
           (into(10), BOOKED), (away(10), BOOKED))
    # No account can be closed; one whose limits are its balance takes no authorising command.
    limits(60, 60, code)
    beside("closed", (into(1), "BALANCE_ABOVE_LIMIT"), (away(1), "BALANCE_BELOW_LIMIT"),
           (into(1, **soon), "BALANCE_ABOVE_LIMIT"))
    assert account(code).balance_minor == 60
    limits(None, None, code)
    beside.end()
    for arguments, expected in (
            ({"currency": "XXQ"}, "CURRENCY_UNKNOWN"), ({"currency": "eur"}, "CURRENCY_UNKNOWN"),
            ({"currency": "EURO"}, "FIELD_TOO_LONG"), ({"code": "nobody"}, "ACCOUNT_UNKNOWN"),
            ({"code": ""}, "FIELD_REQUIRED"), ({"code": "bank:" + "x" * 10_000}, "FIELD_TOO_LONG"),
            ({"minimum": 1, "maximum": 0}, "LIMITS_INVALID"),
            ({"merchant": False}, "MERCHANT_REQUIRED")):
        assert refusal(lambda: limits(**arguments)) == ("INVALID_ARGUMENT", expected), arguments
