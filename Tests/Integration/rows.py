"""What is stored: the number of rows of every table of every schema."""
import json
import os
import pathlib
import subprocess
import time

from scene import DEPLOYMENT, with_key
from contracts import EXECUTABLES, METHODS
from people import send

CLUSTER = json.loads((DEPLOYMENT.home / "cluster.json").read_text())
ENVIRONMENT = {
    "PGHOST": CLUSTER["socketDirectory"], "PGPORT": str(CLUSTER["port"]), "PGUSER": "postgres",
    "PGPASSFILE": str(DEPLOYMENT.home / "secrets" / "pgpass"), "PGDATABASE": "tender",
    "PATH": os.environ["PATH"]}
COUNT = """
select table_schema || '.' || table_name,
  (xpath('/row/c/text()', query_to_xml(
    format('select count(*) as c from %I.%I', table_schema, table_name), false, true, '')))[1]::text
from information_schema.tables
where table_type = 'BASE TABLE' and table_schema in
  ('intents', 'vault', 'gateway', 'ledger', 'webhooks', 'billing')
"""


def sql(text):
    done = subprocess.run(
        [f"{CLUSTER['programs']}/psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-F", "\t", "-c", text],
        env=ENVIRONMENT, check=True, capture_output=True, text=True, cwd="/")
    return [line.split("\t") for line in done.stdout.splitlines()]


def count():
    # Gateways send their notifications when they like, about payments of long ago too.
    return {
        table: int(rows) for table, rows in sql(COUNT) if table != "gateway.notification"}


def settled(seconds=30):
    """The counts once relays and workers have nothing left to do."""
    end = time.monotonic() + seconds
    while True:
        waiting = sum(int(sql(f"select count(*) from {schema}.outbox")[0][0])
                      for schema in ("intents", "gateway", "vault", "billing", "ledger"))
        before = count()
        time.sleep(0.3)
        if waiting == 0 and before == count():
            return before
        assert time.monotonic() < end, f"the outboxes do not run dry: {waiting}"


def differences(before, after, without=()):
    return {table: (before.get(table), rows) for table, rows in after.items()
            if rows != before.get(table) and not table.endswith(tuple(without))}


def starts():
    """When each service started: another value afterwards says that it crashed."""
    found = {}
    for method in METHODS:
        if method.path.endswith("Operations/GetStatus"):
            answer = method.descriptor.output_type._concrete_class.FromString(
                send(method, "operator", b"", []))
            found[method.executable] = answer.started_at.ToNanoseconds()
    assert set(found) == set(EXECUTABLES.values()), found
    return found
