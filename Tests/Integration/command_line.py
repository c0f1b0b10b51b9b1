"""What the command line refuses: exit code 64 and one line that says which and what to do."""
import csv
import datetime
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
    (["bench", "ledger", "--whole", "--scale", "50000"], "not beside --whole"),
    (["ledger", "as-of", "nobody"], "ACCOUNT_NOT_FOUND"),
    (["ledger", "as-of", "merchant_payable", "--recorded", "noon"], "noon is no instant"),
    (["ledger", "statement", "merchant_payable", "--from", "2026-13-01"], "is no instant"),
    (["ledger", "post", "debit bank:a 1.00 EUR"], "names no kind"),
    (["ledger", "post", "fee: bank:a 1.00 EUR"], "is no leg"),
    (["ledger", "post", "fee: debit bank:a 1 EUR, credit bank:b 1 EUR", "--metadata", "card"],
     "card is no pair"),
    (["ledger", "post", "fee: debit bank:a 1 EUR, credit bank:b 1 EUR", "--metadata",
      "note=4242 4242 4242 4242"], "SENSITIVE_DATA_REJECTED"),
    (["ledger", "limit", "merchant_payable"], "or --none, which takes both away"),
    (["ledger", "limit", "nobody", "--none"], "ACCOUNT_UNKNOWN"),
    (["ledger", "seal", "yesterday"], "DAY_INVALID"), (["ledger", "seal", "2020-01-01"], "DAY_UNKNOWN"),
    (["ledger", "seal", "--without", "billing"], "PRODUCER_UNKNOWN"),
    (["ledger", "limit", "write_offs", "--minimum", "2", "--maximum", "1"], "LIMITS_INVALID")]


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
    # Its days are sealed by themselves, and the producers tell how far they are.
    listed = lambda: json.loads(tender("ledger", "seals", "--json").stdout)
    until(lambda: {row["producer"] for row in listed()["producers"] if row.get("through")}
          == {"intents", "gateway-router"}, 60)
    seals = listed()
    folder = DEPLOYMENT.home / "seals"
    proof = json.loads(tender("ledger", "verify", "--seals", str(folder), "--json").stdout)
    assert proof["findings"] == [] and proof["files"] == proof["seals"] == len(seals["seals"]), proof
    assert tender("ledger", "seals").returncode == 0


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
    # intents says how it was paid.
    assert all(leg["metadata"] == {"payment_method": "card"} for leg in journal), journal


def posted(*words, code=0):
    """(status, why) of what was sent, and its ids."""
    done = tender("ledger", *words, "--json")
    assert done.returncode == code, (words, done)
    rows = json.loads(done.stdout)
    return [(row["status"], row["reason"]) for row in rows], [row["transaction"] for row in rows]


def test_holds_chains_limits_and_reversals():
    """Everything that the ledger can be asked to do, from the command line, on accounts of its own."""
    account = f"bank:held_{os.getpid()}"
    line = lambda amount: f"adjustment: debit adjustments {amount} EUR, credit {account} {amount} EUR"
    fund = f"adjustment: debit {account} 10.00 EUR, credit adjustments 10.00 EUR"
    assert posted("post", fund)[0] == [("created", "")]
    done = tender("ledger", "limit", account, "--minimum", "0", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["minimumMinor"] == 0, done
    tomorrow = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    until = ("--pending-until", tomorrow.strftime("%Y-%m-%dT%H:%M:%SZ"))
    results, (hold,) = posted("post", line("6.00"), *until)
    assert results == [("created", "")]
    assert hold in tender("ledger", "pending", "--csv").stdout
    now = json.loads(tender("ledger", "as-of", account, "--json").stdout)
    assert (now["balanceMinor"], now["creditsPendingMinor"], now["minimumMinor"]) == (1000, 600, 0)
    # What is held is not there for others; a chain falls as a whole.
    assert posted("post", line("4.01"), code=2)[0] == [("rejected", "BALANCE_BELOW_LIMIT")]
    assert posted("post", line("3.00"), line("1.01"), "--linked", code=2)[0] == [
        ("rejected", "LINKED_TRANSACTION_FAILED"), ("rejected", "BALANCE_BELOW_LIMIT")]
    assert posted("post", line("3.00"), line("1.00"), "--linked")[0] == [("created", "")] * 2
    # Posted in part, once; the rest is free.
    assert posted("post-pending", hold, "--amount", "2.50")[0] == [("created", "")]
    assert posted("void", hold, code=2)[0] == [("rejected", "PENDING_POSTED")]
    results, (last,) = posted("post", line("3.50"))
    assert results == [("created", "")]
    shown = json.loads(tender("ledger", "show", hold, "--json").stdout)
    assert shown["phase"] == "pending" and shown["endedBy"].startswith("ltx_"), shown
    # Taken back, once.
    assert posted("reverse", last)[0] == [("created", "")]
    assert posted("reverse", last, code=2)[0] == [("rejected", "REVERSED_ALREADY")]
    _, (hold,) = posted("post", line("3.50"), *until)
    done = tender("ledger", "void", hold, "--json")
    [voided] = json.loads(done.stdout)
    assert voided["status"] == "created", voided
    # Said again with the key and the time that it named: it is there.
    again = ("--key", voided["key"], "--effective", voided["effectiveAt"])
    assert posted("void", hold, *again)[0] == [("exists", "")]
    balance = json.loads(tender("ledger", "as-of", account, "--json").stdout)["balanceMinor"]
    assert balance == 350, balance
    # Closed, nothing moves on it that somebody asks for, until it is opened again.
    done = tender("ledger", "close", account, "EUR", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["closed"] is True, done
    assert posted("post", line("1.00"), code=2)[0] == [("rejected", "ACCOUNT_CLOSED")]
    done = tender("ledger", "reopen", account, "EUR", "--json")
    assert done.returncode == 0 and json.loads(done.stdout)["closed"] is False, done
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    key = ("--key", f"again-{os.getpid()}", "--effective", now)
    assert posted("post", line("1.00"), *key)[0] == [("created", "")]
    assert posted("post", line("1.00"), *key)[0] == [("exists", "")]
    assert posted("post", line("2.00"), *key, code=2)[0] == [
        ("exists_with_difference", "entries.amount.amount_minor")]


def test_metadata_is_kept_with_a_transaction():
    subject = f"metadata-{os.getpid()}"
    account = f"bank:kept_{os.getpid()}"
    line = f"adjustment: debit {account} 2.00 EUR, credit adjustments 2.00 EUR"
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    said = ("--subject", subject, "--key", subject, "--effective", now)
    pairs = ("--metadata", "payment_method=sepa_debit", "--metadata", 'note={"a": 1}, b=2')
    results, (id,) = posted("post", line, *said, *pairs)
    assert results == [("created", "")]
    # The order has no meaning; what differs is named.
    assert posted("post", line, *said, *pairs[2:], *pairs[:2])[0] == [("exists", "")]
    assert posted("post", line, *said, *pairs[2:], code=2)[0] == [
        ("exists_with_difference", "metadata")]
    assert posted("post", line, "--metadata", "a=1", "--metadata", "a=2", code=2)[0] == [
        ("rejected", "METADATA_INVALID")]
    kept = {"payment_method": "sepa_debit", "note": '{"a": 1}, b=2'}
    words = 'note={"a": 1}, b=2; payment_method=sepa_debit'
    assert json.loads(tender("ledger", "show", id, "--json").stdout)["metadata"] == kept
    assert "payment_method=sepa_debit" in tender("ledger", "show", id).stdout
    for view in (("journal", subject), ("statement", account)):
        found = json.loads(tender("ledger", *view, "--json").stdout)
        rows = found["entries"] if view[0] == "statement" else found
        assert rows and all(row["metadata"] == kept for row in rows), found
        rows = list(csv.DictReader(tender("ledger", *view, "--csv").stdout.splitlines()))
        assert rows and all(row["metadata"] == words for row in rows), rows
        text = tender("ledger", *view).stdout
        assert "payment_method=sepa_debit" in text, text
