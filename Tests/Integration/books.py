"""The ledger and its database die in the middle of postings and of a reconciliation: everything is
booked once and classified once, and a row that was changed is named."""
import concurrent.futures
import json
import pathlib
import random
import tempfile
import threading

from faults import running
from outage import database_away
from people import channel
from reconciliation import GATEWAY, HEADER, line
from recovery import run
from rows import sql
from scene import *

CALLERS, CALLS, PER_CALL = 4, 30, 100
POST = "/tender.ledger.v1.Ledger/Post"
# What a caller sends again: its service went away before or after it booked.
REPEATED = ("UNAVAILABLE", "CANCELLED", "ABORTED", "DEADLINE_EXCEEDED")
# Such answers so far.
REFUSED = []


def identifier(prefix, bits):
    letters = ""
    for _ in range(28):
        bits, letter = divmod(bits, 26)
        letters = chr(ord("a") + letter) + letters
    return f"{prefix}_{letters}"


def command(chance, subject):
    amount = eur(chance.randint(1, 9_999))

    def leg(code, side):
        return ledger_pb2.Entry(account_code=code, side=side, amount=amount)

    posting = ledger_pb2.PostingCommand(
        transaction_id=identifier("ltx", chance.getrandbits(128)), kind="capture",
        merchant_id=DEPLOYMENT.merchant, subject=subject, records_fact=True, entries=[
            leg("gateway_clearing:stripe:acct_killed", ledger_pb2.NORMAL_SIDE_DEBIT),
            leg(f"merchant_payable:{chance.randint(1, 50)}", ledger_pb2.NORMAL_SIDE_CREDIT)])
    posting.effective_at.GetCurrentTime()
    return posting


def answered(call):
    """The answer of a call that is sent again, the same, until it has one."""

    def ask():
        try:
            return call()
        except grpc.RpcError as error:
            assert error.code().name in REPEATED, error
            REFUSED.append(error.code().name)
            return None

    return until(ask, 90)


def ledgers():
    return running(f"{os.environ['TENDER_TEST_CHECKOUT']}/.tender/bin/ledger")


def kill_ledger():
    for pid in until(ledgers, 30):
        os.kill(pid, 9)


def stop_database():
    with database_away("immediate"):
        pass


class Progress:
    """Counts answered calls; whoever disturbs waits for a number of them, not for a time."""

    def __init__(self):
        self.count, self.failed, self.changed = 0, None, threading.Condition()

    def step(self):
        with self.changed:
            self.count += 1
            self.changed.notify_all()

    def fail(self, error):
        with self.changed:
            self.failed = error
            self.changed.notify_all()

    def reached(self, count):
        with self.changed:
            assert self.changed.wait_for(lambda: self.failed or self.count >= count, 180), self.count
            if self.failed:
                raise self.failed


def whole():
    """The books prove themselves: no sum, no hash and no balance is off."""
    assert all(row["isBalanced"] for row in json.loads(run("ledger", "trial-balance", "--json")))
    assert json.loads(run("ledger", "verify", "--json"))["findings"] == []
    assert json.loads(run("ledger", "drift", "--json"))["findings"] == []


def test_killed_in_the_middle_everything_is_booked_once():
    seed = int(os.environ.get("TENDER_TEST_SEED") or random.randrange(1 << 32))
    print(f"     seed {seed}")
    chance = random.Random(seed)
    subject = f"killed-{seed}"
    plans = [[ledger_pb2.PostRequest(commands=[command(chance, subject) for _ in range(PER_CALL)])
              for _ in range(CALLS)] for _ in range(CALLERS)]
    post = channel("ledger", "operator").unary_unary(
        POST, request_serializer=ledger_pb2.PostRequest.SerializeToString,
        response_deserializer=ledger_pb2.PostResponse.FromString)
    progress, lost = Progress(), []

    def caller(plan):
        for request in plan:
            used = with_key()
            answer = answered(lambda: post(request, metadata=used, timeout=15))
            # `exists`: it was booked before its service died, and the answer lost.
            assert {result.status for result in answer.results} <= {
                ledger_pb2.POSTING_STATUS_CREATED, ledger_pb2.POSTING_STATUS_EXISTS}, answer
            lost.extend(r for r in answer.results if r.status == ledger_pb2.POSTING_STATUS_EXISTS)
            progress.step()

    def guarded(plan):
        try:
            caller(plan)
        except Exception as error:
            progress.fail(error)
            raise

    with concurrent.futures.ThreadPoolExecutor() as pool:
        callers = [pool.submit(guarded, plan) for plan in plans]
        reached = 0
        for disturb in (kill_ledger, kill_ledger, stop_database, kill_ledger, stop_database):
            reached += chance.randint(5, CALLERS * CALLS // 6)
            progress.reached(reached)
            disturb()
        for future in callers:
            future.result()
    print(f"     {len(REFUSED)} calls were cut off; {len(lost)} postings had been booked before")
    assert REFUSED, "nothing was disturbed: this has proven nothing"
    [[rows, ids, entries]] = sql(
        "select count(*), count(distinct t.id), sum((select count(*) from ledger.entry e "
        "where e.shard = t.shard and e.sequence = t.sequence)) "
        f"from ledger.transaction t where subject = '{subject}'")
    expected = CALLERS * CALLS * PER_CALL
    assert (int(rows), int(ids), int(entries)) == (expected, expected, 2 * expected)
    # Whoever sends all of it once more is told that it is there.
    used = with_key()
    for request in plans[0]:
        again = answered(lambda: post(request, metadata=used, timeout=15))
        assert {r.status for r in again.results} == {ledger_pb2.POSTING_STATUS_EXISTS}
    whole()


def test_killed_in_the_middle_every_line_is_classified_once():
    count = 20_000
    with tempfile.TemporaryDirectory() as folder:
        report = pathlib.Path(folder) / "report.csv"
        report.write_text(HEADER + "".join(
            line(f"pi_killed{number}", "10.00", "0.40", "9.60") for number in range(count)))
        steps = [("recon", "import", str(report), *GATEWAY, "--json", "--key", key()),
                 ("recon", "run", *GATEWAY, "--json", "--key", key())]
        before, cut = lines(), 0
        for step in steps:
            for disturb in (kill_ledger, stop_database):
                under_way = subprocess.Popen(
                    [DEPLOYMENT.home / "bin" / "tender", *step], stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL)
                until(lambda: busy() or under_way.poll() is not None, 30, every=0.01)
                disturb()
                cut += under_way.wait(60) not in (0, 1)
            # The same call, the same key, until it is answered; a run ends with 1 over breaks.
            answer = until(lambda: repeated(*step), 120)
            assert answer == repeated(*step), "the same key is the same answer"
        print(f"     {cut} of 4 calls were cut off")
        assert cut, "nothing was disturbed: this has proven nothing"
        assert lines() == before + count
        classes = answer["classes"]
        # Classes are those of lines, and of items that no line answers.
        assert classes["missing_internal"] >= count, answer
    [[unclassified]] = sql(
        "select count(*) from ledger.recon_line l where not exists (select 1 from "
        "ledger.recon_match m where m.file_id = l.file_id and m.line = l.line)")
    assert unclassified == "0", unclassified
    whole()


def lines():
    return int(sql("select count(*) from ledger.recon_line")[0][0])


def busy():
    """Whether a statement of the ledger's is under way."""
    return int(sql(
        "select count(*) from pg_stat_activity where usename like 'ledger%' and state = 'active' "
        "and query like '%recon_%'")[0][0]) > 0


def repeated(*step):
    done = subprocess.run(
        [DEPLOYMENT.home / "bin" / "tender", *step], capture_output=True, text=True, timeout=120)
    return json.loads(done.stdout) if done.returncode in (0, 1) and done.stdout else None


def test_a_changed_row_is_named():
    [[sequence, identity]] = sql(
        "select sequence, id from ledger.transaction where kind = 'capture' order by random() limit 1")
    name = identifier("ltx", int(identity.replace("-", ""), 16))
    change = ("set session_replication_role = replica; update ledger.entry "
              "set amount_minor = amount_minor {} 1 where sequence = '{}' and position = {}")
    [[position]] = sql(
        f"select min(position) from ledger.entry where sequence = '{sequence}'")
    sql(change.format("+", sequence, position))
    try:
        found = json.loads(run("ledger", "verify", "--json", code=1))["findings"]
        assert name in [finding["transaction"] for finding in found], (name, found)
        drift = json.loads(run("ledger", "drift", "--json", code=1))["findings"]
        assert drift, "a balance of other entries"
        text = run("ledger", "verify", code=1)
        assert "WRONG" in text and name in text, text
    finally:
        sql(change.format("-", sequence, position))
    whole()
