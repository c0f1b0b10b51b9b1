"""What the ledger refuses, each beside what is right: the bad one with its reason, the good ones
are booked, and nothing is half done."""
import datetime

from people import STRANGER
from posting_scene import *
from rows import sql


def items():
    """Refused whatever the books hold."""
    def bad(name, why, entries, **fields):
        return name, why, posting(entries, **fields)

    now, some = time.time(), fresh()
    yield bad("unbalanced", "UNBALANCED", [leg(DEBIT, 5), leg(CREDIT, 4)])
    yield bad("both debits", "UNBALANCED", [leg(DEBIT, 5), leg(DEBIT, 5, OTHER)])
    yield bad("mixed currencies", "UNBALANCED", [leg(DEBIT, 5), leg(CREDIT, 5, None, "USD")])
    yield bad("one currency of two", "UNBALANCED", both(5) + [leg(DEBIT, 5, None, "USD")])
    yield bad("zero", "AMOUNT_NOT_POSITIVE", both(0))
    yield bad("negative", "AMOUNT_NOT_POSITIVE", both(-5))
    yield bad("the least number", "AMOUNT_NOT_POSITIVE", both(-(2**63)))
    yield bad("the most in a leg, twice", "OVERFLOW", both(MOST) + both(MOST))
    yield bad("the most, where one is", "OVERFLOW", both(MOST))
    yield bad("no entries", "TOO_FEW_ENTRIES", [])
    yield bad("34 entries", "TOO_MANY_ENTRIES", both(5) * 17)
    yield bad("one entry", "TOO_FEW_ENTRIES", [leg(DEBIT, 5)])
    yield bad("unknown currency", "CURRENCY_UNKNOWN", both(5, "XXQ"))
    yield bad("lower-case currency", "CURRENCY_UNKNOWN", both(5, "eur"))
    yield bad("no side", "SIDE_MISSING", [leg(0, 5), leg(CREDIT, 5)])
    yield bad("no merchant's id", "MERCHANT_INVALID", both(5), merchant_id="nobody")
    yield bad("two people's kind", "KIND_NEEDS_APPROVAL", both(5), kind="write_off")
    yield bad("two people's account", "KIND_NEEDS_APPROVAL", both(5, bank="write_offs"))
    yield bad("unbalanced fact", "UNBALANCED", [leg(DEBIT, 5), leg(CREDIT, 4)], records_fact=True)
    yield bad("hold without an end", "PHASE_INVALID", both(5), phase=PENDING)
    yield bad("end without a hold", "PHASE_INVALID", both(5), expires=now + 9, phase=0)
    yield bad("a fact held", "PHASE_INVALID", both(5), expires=now + 9, records_fact=True)
    yield bad("the hold of a hold", "PHASE_INVALID", both(5), expires=now + 9, pending_id=some)
    yield bad("nothing to post", "PHASE_INVALID", both(5), phase=POST)
    yield bad("nothing to void", "PHASE_INVALID", [], phase=VOID)
    yield bad("what only the ledger does", "PHASE_INVALID", both(5), pending_id=some, phase=4)
    yield bad("a hold that reverses", "PHASE_INVALID", both(5), expires=now + 9, reverses=some)
    yield bad("void with entries", "TOO_MANY_ENTRIES", both(5), phase=VOID, pending_id=some)


def authorised():
    """Refused for what the books hold; remembered."""
    def bad(name, why, entries=None, **fields):
        return name, why, posting(both(5) if entries is None else entries, **fields)

    now, some = time.time(), fresh()
    yield bad("unknown kind", "KIND_UNKNOWN", kind="frobnicate")
    for code in ("nobody", "BANK:x", " bank:x", "bank ", ":", "банк:x", "b" * 120):
        yield bad(f"account {code}", "ACCOUNT_UNKNOWN", both(5, bank=code))
    yield bad("ends in the past", "EXPIRY_PASSED", expires=now - 60)
    yield bad("ends before 1970", "EXPIRY_PASSED", expires=-DAY)
    yield bad("ends too late", "EXPIRY_TOO_FAR", expires=now + 367 * DAY)
    yield bad("ends in year 9999", "EXPIRY_TOO_FAR", expires=253_402_300_799)
    yield bad("post of nothing", "PENDING_UNKNOWN", phase=POST, pending_id=some)
    yield bad("void of nothing", "PENDING_UNKNOWN", [], phase=VOID, pending_id=some)
    yield bad("reversal of nothing", "REVERSED_UNKNOWN", reverses=some)
    for [day] in sql("select day from ledger.day_seal order by day limit 1"):
        noon = datetime.datetime.fromisoformat(f"{day}T12:00:00+00:00").timestamp()
        yield bad("in a sealed day", "DAY_SEALED", at=int(noon))
        yield bad("before the books", "DAY_SEALED", at=int(noon) - 400 * DAY)
        yield bad("before 1970", "DAY_SEALED", at=-DAY)


def test_what_cannot_be_booked_is_refused_item_by_item():
    beside = Beside()
    for name, why, command in items():
        beside(name, (command, why))
        # Nothing was remembered: the id may be used for what is right.
        beside(name, (posting(both(3), transaction_id=command.transaction_id), BOOKED))
    beside.end()


def test_a_refusal_by_the_books_is_remembered():
    beside = Beside()
    for name, why, command in authorised():
        right = posting(both(3), transaction_id=command.transaction_id)
        beside(name, (command, why), (right, why), (command, why))
        beside(name, (right, why))
    beside.end()


def test_the_same_id_with_a_difference():
    beside = Beside()
    one = posting(both(3))
    for what, fields in (
            ("entries.amount.amount_minor", {"entries": both(4)}),
            ("entries.account_code", {"entries": both(3, bank=f"{BANK}:other")}),
            ("kind", {"kind": "payout_received"}), ("merchant_id", {"merchant_id": STRANGER}),
            ("subject", {"subject": "another"}),
            ("external_reference", {"external_reference": "r"}),
            ("phase", {"expires": time.time() + DAY})):
        base = {"entries": both(3), "at": one.effective_at.seconds,
                "transaction_id": one.transaction_id}
        beside(what, (one, BOOKED if what == "entries.amount.amount_minor" else THERE),
               (posting(**{**base, **fields}), (DIFFERS, what)), (one, THERE))
    beside.end()


def test_chains_fall_as_a_whole():
    beside = Beside()
    linked = lambda minor=3, **fields: posting(both(minor), linked=True, **fields)
    failed, unbalanced = "LINKED_TRANSACTION_FAILED", [leg(DEBIT, 5), leg(CREDIT, 4)]
    fact = {"records_fact": True}
    beside("bad last", (linked(), failed), (posting(unbalanced), "UNBALANCED"))
    beside("bad first", (linked(0), "AMOUNT_NOT_POSITIVE"), (posting(both(3)), failed))
    beside("bad middle", (linked(), failed), (linked(kind="x"), "KIND_UNKNOWN"),
           (posting(both(3)), failed))
    beside("a linked fact", (linked(**fact), "LINKED_FACT"), (posting(both(3)), failed))
    beside("a fact at its end", (linked(), failed), (posting(both(3), **fact), "LINKED_FACT"))
    one = linked()
    another = posting(both(4), transaction_id=one.transaction_id)
    beside("itself", (one, failed), (another, (DIFFERS, "entries.amount.amount_minor")))
    beside("two chains", (linked(), failed), (posting(both(3), kind="x"), "KIND_UNKNOWN"),
           (linked(), BOOKED), (posting(both(3)), BOOKED))
    beside.end()
    # Left open at the end of its batch: what is before it is booked.
    good, first, last = posting(both(1)), linked(), linked()
    assert post(good, first, last) == [BOOKED, (REJECTED, failed), (REJECTED, "LINKED_CHAIN_OPEN")]
    # Of the first group: nothing of it was remembered.
    beside.moved += 1
    last.linked = False
    beside("closed", (first, BOOKED), (last, BOOKED))
    beside.end()
