"""Postings on accounts of this run's own, and what must have moved on them in the end."""
import os
import random
import time

from books import identifier, whole
from people import channel
from scene import *

OPERATOR = ledger_pb2_grpc.LedgerStub(channel("ledger", "operator"))
CHANCE = random.Random()
DEBIT, CREDIT = ledger_pb2.NORMAL_SIDE_DEBIT, ledger_pb2.NORMAL_SIDE_CREDIT
BOOKED = (ledger_pb2.POSTING_STATUS_CREATED, "")
THERE = (ledger_pb2.POSTING_STATUS_EXISTS, "")
DIFFERS = ledger_pb2.POSTING_STATUS_EXISTS_WITH_DIFFERENCE
REJECTED = ledger_pb2.POSTING_STATUS_REJECTED
PENDING, POST = ledger_pb2.POSTING_PHASE_PENDING, ledger_pb2.POSTING_PHASE_POST_PENDING
VOID = ledger_pb2.POSTING_PHASE_VOID_PENDING
BANK, OTHER = f"bank:bad_{os.getpid()}", f"adjustments:bad_{os.getpid()}"
MOST, DAY = 2**63 - 1, 86_400


def fresh():
    return identifier("ltx", CHANCE.getrandbits(128))


def leg(side, minor, code=None, currency="EUR"):
    return ledger_pb2.Entry(
        account_code=code or (BANK if side == DEBIT else OTHER), side=side,
        amount=common_pb2.Money(currency=currency, amount_minor=minor))


def both(minor, currency="EUR", bank=None):
    return [leg(DEBIT, minor, bank, currency), leg(CREDIT, minor, None, currency)]


def posting(entries, at=None, expires=None, **fields):
    """`at` and `expires`: seconds of the epoch; `expires` holds."""
    values = {"transaction_id": fresh(), "merchant_id": DEPLOYMENT.merchant, "kind": "adjustment",
              "phase": PENDING if expires is not None else None, **fields}
    made = ledger_pb2.PostingCommand(entries=entries, **values)
    made.effective_at.seconds = int(time.time()) if at is None else at
    if expires is not None:
        made.expires_at.seconds = int(expires)
    return made


def hold(minor, ends=DAY, **fields):
    return posting(both(minor), expires=time.time() + ends, **fields)


def end(held, phase, entries=(), **fields):
    return posting(entries, phase=phase, pending_id=held.transaction_id, **fields)


def post(*commands):
    """(status, reason or difference) of each."""
    answer = OPERATOR.Post(
        ledger_pb2.PostRequest(commands=commands), metadata=with_key(), timeout=30)
    assert [r.transaction_id for r in answer.results] == [c.transaction_id for c in commands]
    return [(r.status, r.reason or r.difference) for r in answer.results]


def account(code, currency="EUR"):
    found = LEDGER.ListAccounts(ledger_pb2.ListAccountsRequest(), timeout=10).accounts
    wanted = [one for one in found if (one.code, one.currency) == (code, currency)]
    return wanted[0] if wanted else ledger_pb2.Account()


def effect(command):
    """What it moves on our account."""
    return 0 if command.phase == PENDING else sum(
        entry.amount.amount_minor * (1 if entry.side == DEBIT else -1)
        for entry in command.entries if entry.account_code == BANK)


class Beside:
    """Posts what is bad between two good ones, and knows what must have moved in the end."""

    def __init__(self):
        self.moved, self.before = 0, account(BANK).balance_minor

    def __call__(self, name, *pairs):
        """Each pair: a command and what is expected, a reason or (status, what differs)."""
        good = [posting(both(1)), posting(both(1))]
        got = post(good[0], *(command for command, _ in pairs), good[1])
        expected = [(REJECTED, e) if isinstance(e, str) else e for _, e in pairs]
        assert got == [BOOKED, *expected, BOOKED], (name, got, expected)
        self.moved += 2 + sum(effect(command) for command, status in pairs if status == BOOKED)

    def end(self):
        """Only what was right has moved, and the books prove themselves."""
        balance = account(BANK).balance_minor
        assert balance == self.before + self.moved, (balance, self.before, self.moved)
        whole()
