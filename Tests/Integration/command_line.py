"""What the command line refuses: exit code 64 and one line that says which and what to do."""
import os
import subprocess

from scene import DEPLOYMENT, http

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
    (["show", "nobody"], "give a pi_"), (["show", "pi_1"], "ID_INVALID")]


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
