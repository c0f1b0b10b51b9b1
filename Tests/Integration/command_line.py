"""What the command line refuses: exit code 64 and one line that says which and what to do."""
import csv
import json
import os
import subprocess

from scene import DEPLOYMENT, booked, http, pay, until

TENDER = DEPLOYMENT.home / "bin" / "tender"

AMOUNTS = [
    (["49.999", "EUR"], "2 decimals"), (["49,99", "EUR"], "comma"), (["1e3", "EUR"], "exponent"),
    (["500.5", "JPY"], "no decimals"), (["0", "EUR"], "above zero"), (["-1", "EUR"], "sign"),
    (["NaN", "EUR"], "unexpected character"), (["1_000", "EUR"], "unexpected character"),
    (["1", "eur"], "no currency"), (["1", "XXQ"], "no currency"),
    (["9" * 20, "EUR"], "too large"), (["1000000000.00", "EUR"], "AMOUNT_TOO_LARGE")]
OTHERS = [
    (["pay", "1", "EUR", "--frobnicate"], "Unknown option '--frobnicate'"),
    (["pay", "1"], "Missing expected argument"),
    (["metrics", "nobody"], "no service is called nobody"),
    (["frobnicate"], "Unexpected argument 'frobnicate'"),
    (["pay", "1", "EUR", "--method", "nobody"], "no payment method is called nobody"),
    (["pay", "1", "EUR", "--method", "card_visa", "--key", "a b"], "the key is not usable"),
    (["show", "nobody"], "give a pi_"), (["show", "pi_1"], "ID_INVALID"),
    (["bench", "payments", "--rounds", "2"], "say --fault-percent too"),
    (["bench", "payments", "--seed", "7"], "say --fault-percent too"),
    (["ledger", "as-of", "nobody"], "ACCOUNT_NOT_FOUND"),
    (["ledger", "as-of", "merchant_payable", "--recorded", "noon"], "noon is no instant"),
    (["ledger", "statement", "merchant_payable", "--from", "2026-13-01"], "is no instant")]


def tender(*words):
    return subprocess.run(
        [TENDER, *words], capture_output=True, text=True, timeout=30,
        env={**os.environ, "TENDER_CHECKOUT": str(DEPLOYMENT.home.parent)})


def test_amounts():
    before = len(http("/books")["payments"])
    for words, expected in AMOUNTS:
        done = tender("pay", "--", *words)
        assert done.returncode == 64, (words, done)
        assert expected in done.stderr and done.stderr.count("\n") == 1, (words, done.stderr)
    assert len(http("/books")["payments"]) == before


def test_words():
    for words, expected in OTHERS:
        done = tender(*words)
        assert done.returncode == 64, (words, done)
        assert expected in done.stderr, (words, done.stderr)


def test_what_is_right_passes():
    assert tender("pay", "500", "JPY", "--method", "card_visa").returncode == 0
    assert tender("pay", "5", "EUR", "--method", "card_declined").returncode == 2


def test_the_books_are_proven():
    for words in (
            ["verify"], ["drift"], ["trial-balance"], ["trial-balance", "--recorded", "2100-01-01"]):
        done = tender("ledger", *words)
        assert done.returncode == 0, (words, done)
    proof = json.loads(tender("ledger", "verify", "--json").stdout)
    assert proof["findings"] == [] and proof["headBatch"] > 0 and len(proof["headHash"]) == 64
    assert proof["transactions"] == proof["movements"] > 0


def test_a_statement_adds_up():
    intent = pay()
    until(lambda: booked(intent.id) == 4999)
    words = ["ledger", "statement", "merchant_payable"]
    statement = json.loads(tender(*words, "--json").stdout)
    balance = statement["openingMinor"]
    for entry in statement["entries"]:
        balance += entry["amountMinor"] * (1 if entry["side"] == "credit" else -1)
        assert entry["balanceMinor"] == balance, entry
    assert statement["closingMinor"] == balance
    assert [e["amountMinor"] for e in statement["entries"] if e["subject"] == intent.id] == [4999]
    rows = list(csv.DictReader(tender(*words, "--csv").stdout.splitlines()))
    assert [row["transaction"] for row in rows[:len(statement["entries"])]] == [
        entry["transaction"] for entry in statement["entries"]]
    # As of the instant at which it was recorded, with whatever was in the same batch.
    recorded = [e for e in statement["entries"] if e["subject"] == intent.id][0]["recordedAt"]
    last = [e for e in statement["entries"] if e["recordedAt"] == recorded][-1]
    for instant, expected in ((recorded, last["balanceMinor"]), ("2000-01-01", 0)):
        done = tender("ledger", "as-of", "merchant_payable", "--recorded", instant, "--json")
        assert json.loads(done.stdout)["balanceMinor"] == expected, (instant, done)
    journal = json.loads(tender("ledger", "journal", intent.id, "--json").stdout)
    assert sorted((leg["side"], leg["amountMinor"]) for leg in journal) == [
        ("credit", 4999), ("debit", 4999)]
