"""Files that are no report, each made of a right one: what is wrong, how, and why it is refused."""
import os
import re
import zlib

from reconciliation import HEADER, line

ACCOUNT = f"acct_bad_{os.getpid()}"
BATCH = ("Merchant Account,Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,"
         "Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,"
         "Net Debit (NC),Net Credit (NC),Commission (NC),Batch Number\n"
         "{0},P{1},t{1},2026-11-01 10:00:00,CET,Settled,M{1},EUR,,49.99,EUR,,49.24,0.75,{1}\n"
         "{0},,,2026-11-02 00:00:00,CET,MerchantPayout,,,,,EUR,49.24,,,{1}\n")


def stripe(name):
    return HEADER + line(f"pi_{name}_1", "10.00", "0.40", "9.60") + line(
        f"pi_{name}_2", "49.99", "1.75", "48.24")


def adyen(name):
    return BATCH.format(ACCOUNT, f"{zlib.crc32(name.encode())}")


def change(old, new):
    def changed(text):
        assert old in text, old
        return text.replace(old, new, 1)
    return changed


def amount(written, net="9.60"):
    return change(",10.00,0.40,9.60", f",{written},0.40,{net}")


def day(written):
    def changed(text):
        bad, count = re.subn(r"\d{4}-\d\d-\d\d \d\d", written, text, count=1)
        assert count == 1, text
        return bad
    return changed


def reordered(text):
    rows = [row.split(",") for row in text.splitlines()]
    return "".join(",".join(row[::-1]) + "\n" for row in rows)


ENCODING, TRUNCATED, MALFORMED = "ENCODING_INVALID", "TRUNCATED", "MALFORMED"
CURRENCY = "CURRENCY_DIFFERS"
# Never said, whatever column it was found in.
DIGITS = "4242424242424242"
# What, how the right file becomes it, why it is refused.
FILES = [
    ("empty", lambda text: "", TRUNCATED),
    ("cut", lambda text: text[:-20], TRUNCATED),
    ("cut_behind_a_field", lambda text: text[:-1], TRUNCATED),
    ("header_cut", lambda text: HEADER[:-1], TRUNCATED),
    ("open_quote", change("charge", '"charge'), TRUNCATED),
    ("utf16", lambda text: text.encode("utf-16"), ENCODING),
    ("utf16_plain", lambda text: text.encode("utf-16-be"), ENCODING),
    ("latin", lambda text: text.replace("ch_", "ché_").encode("latin-1"), ENCODING),
    ("nul", change("ch_", "c\0_"), ENCODING),
    ("header_twice", lambda text: HEADER + text, "TYPE_UNKNOWN"),
    ("header_inside", lambda text: text + HEADER, "TYPE_UNKNOWN"),
    ("no_header", lambda text: text[len(HEADER):], MALFORMED),
    ("missing_column", change(",net,", ",netto,"), MALFORMED),
    ("column_twice", change(",fee,", ",net,"), MALFORMED),
    ("no_csv", lambda text: "<html>502 Bad Gateway</html>\n", MALFORMED),
    ("json", lambda text: '{"error": {"message": "No such report"}}\n', MALFORMED),
    ("semicolons", lambda text: text.replace(",", ";"), MALFORMED),
    ("field_missing", change(",eur,", ","), MALFORMED),
    ("field_too_many", change(",eur,", ",eur,,"), MALFORMED),
    ("another_provider", lambda text: adyen("other"), MALFORMED),
    ("exponent", amount("1e1"), MALFORMED),
    ("billion_exponent", amount("1e9"), MALFORMED),
    ("too_large", amount("9" * 20), MALFORMED),
    ("above_the_limit", amount("10000000000000.01", "9999999999999.61"), MALFORMED),
    ("thousands", amount('"1,000.00"'), MALFORMED),
    ("comma", amount('"10,00"'), MALFORMED),
    ("three_decimals", amount("10.001"), MALFORMED),
    ("no_amount", amount(""), MALFORMED),
    ("word", amount("ten"), MALFORMED),
    ("nan", amount("NaN"), MALFORMED),
    ("two_signs", amount("--10.00"), MALFORMED),
    ("sign_behind", amount("10.00-"), MALFORMED),
    ("parentheses", amount("(10.00)"), MALFORMED),
    ("sign_inside", amount("10.-00"), MALFORMED),
    ("minus_of_a_typesetter", amount("\u221210.00"), MALFORMED),
    ("arabic_digits", amount("\u0661\u0660.00"), MALFORMED),
    ("sign_alone", amount("-"), MALFORMED),
    ("fee_off", amount("10.00", "9.61"), MALFORMED),
    ("sign_wrong", amount("-10.00"), MALFORMED),
    ("yen_decimals", lambda text: amount("10.00")(text).replace(",eur,", ",jpy,", 1), MALFORMED),
    ("month_13", day("2026-13-01 10"), MALFORMED),
    ("february_30", day("2026-02-30 10"), MALFORMED),
    ("german_day", day("01.11.2026 10"), MALFORMED),
    ("american_day", day("11/01/2026 10"), MALFORMED),
    ("no_day", day(""), MALFORMED),
    ("hour_25", day("2026-11-01 25"), MALFORMED),
    ("unknown_type", change("charge", "charge_2"), "TYPE_UNKNOWN"),
    ("card_number", change("charge", DIGITS), "TYPE_UNKNOWN"),
    ("empty_type", change(",charge,", ",,"), "TYPE_UNKNOWN"),
    ("unknown_currency", change(",eur,", ",xxq,"), CURRENCY),
    ("another_currency", change(",eur,", ",usd,"), CURRENCY),
    ("no_currency", change(",eur,", ",,"), CURRENCY),
]
