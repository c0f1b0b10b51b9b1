"""Days are sealed once, whoever dies in between; nothing takes effect in them any more, and a seal
that was changed is named. Imported before all other tests, some of which book while they are: it
begins the books some days ago."""
import concurrent.futures
import contextlib
import datetime
import hashlib
import json
import random
import subprocess

from people import channel
from rows import CLUSTER, ENVIRONMENT, sql
from scene import *

TENDER = DEPLOYMENT.home / "bin" / "tender"
FOLDER = DEPLOYMENT.home / "seals"
DAYS = 3
# Of the advisory locks that these tests take.
KEY = 4711


def writers_search(path):
    """A replica of the release before calls another function of that name."""
    return ("do 'declare f regprocedure; begin for f in select oid from pg_proc "
            "where proname = ''write_batch'' loop "
            f"execute format(''alter function %s set search_path = {path}'', f); "
            "end loop; end'; ")


@contextlib.contextmanager
def books_begin_days_ago():
    """What writes the books finds a clock that is some days back. They only ever go forwards, so
    that it cannot be set back later."""
    assert sql("select count(*) from ledger.batch") == [["0"]], "something has been booked before"
    sql("create schema ago; grant usage on schema ago to public; "
        "create function ago.clock_timestamp() returns timestamptz language sql volatile as "
        f"'select pg_catalog.clock_timestamp() - interval ''{DAYS} days'''; "
        + writers_search("ago, pg_catalog, ledger, pg_temp"))
    try:
        yield
    finally:
        sql(writers_search("ledger, pg_temp") + "drop schema ago cascade")


@contextlib.contextmanager
def rows_wait():
    """Whoever stores the seal of a day waits there for who holds the day."""
    sql("create function public.wait_for_day() returns trigger language plpgsql as 'begin "
        f"perform pg_advisory_xact_lock_shared({KEY}, new.day - date ''2000-01-01''); "
        "return new; end'; create trigger ahead before insert on ledger.day_seal "
        "for each row execute function public.wait_for_day()")
    try:
        yield
    finally:
        sql("drop trigger ahead on ledger.day_seal; drop function public.wait_for_day()")


@contextlib.contextmanager
def held(day):
    """No seal of the day is stored until the block ends."""
    with subprocess.Popen(
            [f"{CLUSTER['programs']}/psql", "-XqAt"], env=ENVIRONMENT, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, cwd="/") as session:
        session.stdin.write(
            f"select 'held', pg_advisory_lock({KEY}, date '{day}' - date '2000-01-01');\n")
        session.stdin.flush()
        assert session.stdout.readline().startswith("held")
        yield


def storing():
    """The servers' processes that wait to store a seal."""
    return [pid for [pid] in sql(
        "select pid from pg_locks "
        f"where locktype = 'advisory' and classid = {KEY} and not granted")]


def begin():
    """What was booked on the first day; who holds that day and the next; both days."""
    [[today]] = sql("select (now() at time zone 'UTC')::date")
    days = [str(datetime.date.fromisoformat(today) - datetime.timedelta(days=DAYS - n))
            for n in (0, 1)]
    rows = contextlib.ExitStack()
    rows.enter_context(rows_wait())
    holders = []
    for day in days:
        # The ledger seals by itself too, whenever it comes to it.
        holders.append(contextlib.ExitStack())
        holders[-1].enter_context(held(day))
    with books_begin_days_ago():
        before = pay()
        until(lambda: booked(before.id) == 4999)
    return rows, holders, days


ROWS, HOLDERS, SEALED = begin()

# These book when they are imported.
from books import POST, command, kill_ledger, stop_database, whole  # noqa: E402
from recovery import run  # noqa: E402


def kill_it(pids):
    """The service dies; what its server process had been told already dies with it."""
    kill_ledger()
    for pid in pids:
        sql(f"select pg_terminate_backend({pid})")


def stop_its_database(_):
    stop_database()


def sealed(day):
    """The day's seal, or None while it cannot be sealed: somebody is behind, dead or faster."""
    done = subprocess.run(
        [TENDER, "ledger", "seal", day, "--json"], capture_output=True, text=True, timeout=90)
    return json.loads(done.stdout) if done.returncode == 0 else None


def seals():
    return json.loads(run("ledger", "seals", "--json"))["seals"]


def told(day):
    """The roots that the merchant has heard of a day."""
    events = json.loads(run("events", "--object", f"day_seal_{day}", "--json"))
    assert {event["type"] for event in events} <= {"ledger.day_sealed"}, events
    return [json.loads(event["body"])["data"]["object"]["root"] for event in events]


def seal_though(disturb, day, holding):
    """The day's seal; between its file and its row something dies."""
    file = FOLDER / f"{day}.seal"
    with concurrent.futures.ThreadPoolExecutor() as pool:
        with holding:
            asking = pool.submit(until, lambda: sealed(day), 240)
            # A service says that it has told everything of a minute ago.
            pids = until(storing, 180)
            text = file.read_bytes()
            assert sql(f"select count(*) from ledger.day_seal where day = '{day}'") == [["0"]]
            disturb(pids)
        seal = asking.result()
    assert file.read_bytes() == text == seal["document"].encode(), (text, seal)
    assert hashlib.sha256(text).hexdigest() == seal["root"], seal
    assert sql(f"select encode(root, 'hex') from ledger.day_seal where day = '{day}'") == [
        [seal["root"]]]
    assert sealed(day) == seal, "asked again it is the same seal"
    return seal


def test_a_day_is_sealed_once_whoever_dies_between_file_and_row():
    first, second = SEALED
    with ROWS, HOLDERS[0], HOLDERS[1]:
        after = pay()
        until(lambda: booked(after.id) == 4999)
        one = seal_though(kill_it, first, HOLDERS[0])
        two = seal_though(stop_its_database, second, HOLDERS[1])
    assert "\nsum test EUR debits 4999 credits 4999 entries 2\n" in one["document"], one
    assert (one["number"], two["number"]) == (1, 2) and two["transactions"] == 0, two
    assert two["previousRoot"] == one["root"] and one["previousRoot"] == "0" * 64
    for day, seal in ((first, one), (second, two)):
        until(lambda: told(day) == [seal["root"]])
    # The ledger itself goes on with the day after, unless that has only just ended.
    just = datetime.datetime.now(datetime.timezone.utc).time() < datetime.time(0, 15)
    until(lambda: just or len(seals()) == DAYS, 150)
    # Everything stays so, and is told once.
    assert seals()[:2] == [one, two] and told(first) == [one["root"]]
    whole()


def test_nothing_takes_effect_in_a_sealed_day():
    noon = datetime.datetime.fromisoformat(seals()[0]["day"] + "T12:00:00+00:00")
    post = channel("ledger", "operator").unary_unary(
        POST, request_serializer=ledger_pb2.PostRequest.SerializeToString,
        response_deserializer=ledger_pb2.PostResponse.FromString)

    def posting(**fields):
        made = command(random.SystemRandom(), "sealed")
        made.effective_at.FromDatetime(noon.replace(tzinfo=None))
        made.MergeFrom(ledger_pb2.PostingCommand(**fields))
        return made

    wish, fact = posting(), posting(subject="fact-of-a-sealed-day")
    wish.records_fact = False
    for _ in range(2):
        refused, created = post(
            ledger_pb2.PostRequest(commands=[wish, fact]), metadata=with_key(), timeout=10).results
        assert refused.status == ledger_pb2.POSTING_STATUS_REJECTED, refused
        assert refused.reason == "DAY_SEALED", refused
    assert created.status == ledger_pb2.POSTING_STATUS_EXISTS, created
    leg = "adjustment: debit bank:sealed 1.00 EUR, credit adjustments 1.00 EUR"
    said = run("ledger", "post", leg, "--effective", noon.strftime("%Y-%m-%dT%H:%M:%SZ"), code=2)
    assert "DAY_SEALED" in said, said
    # What happened then is recorded now.
    [[open_day, effective]] = sql(
        "select b.recorded_at > now() - interval '1 hour', t.effective_at at time zone 'UTC' "
        "from ledger.transaction t join ledger.batch b on b.shard = t.shard and b.number = t.batch "
        "where t.subject = 'fact-of-a-sealed-day'")
    assert (open_day, effective) == ("t", noon.strftime("%Y-%m-%d %H:%M:%S"))
    whole()


def verified(*, code=0):
    """(kind, day) of what is wrong with the books, their seals and the files."""
    answer = json.loads(
        run("ledger", "verify", "--seals", str(FOLDER), "--json", code=code))
    assert answer["files"] >= 1 and answer["seals"] >= 1, answer
    return [(finding["kind"], finding["day"]) for finding in answer["findings"]]


def test_a_changed_seal_is_named():
    assert verified() == []
    seal = seals()[1]
    day, file = seal["day"], FOLDER / f"{seal['day']}.seal"
    text = file.read_bytes()
    file.chmod(0o600)
    file.write_bytes(text.replace(b"number 2", b"number 3"))
    assert verified(code=1) == [("seal_file_differs", day)]
    # It is not replaced either.
    assert "SEAL_FILE_DIFFERS" in run("ledger", "seal", day, code=64)
    file.unlink()
    assert verified(code=1) == [("seal_file_missing", day)]
    assert json.loads(run("ledger", "seal", day, "--json")) == seal
    assert file.read_bytes() == text and verified() == []
    # Without the triggers, and with a root that fits: the books and the seal behind it say so.
    change = ("set session_replication_role = replica; update ledger.day_seal set document = "
              "replace(document, 'transactions {}', 'transactions {}') where number = 2; "
              "update ledger.day_seal set root = sha256(convert_to(document, 'UTF8')) "
              "where number = 2")
    sql(change.format(0, 1))
    try:
        found = verified(code=1)
        assert ("seal_differs", day) in found and ("seal_file_differs", day) in found, found
        assert "`shard 0" in run("ledger", "verify", code=1)
    finally:
        sql(change.format(1, 0))
    assert verified() == [] and seals()[1] == seal
    whole()
