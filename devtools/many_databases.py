"""./dev bench --only databases: what databases cost in which nobody works.

One server serves copies of a small database, with the addon and without. Once it has
loaded all of them and done what was due, it is looked at for some minutes: memory,
threads, connections, time of the processor, and transactions, as PostgreSQL counts
them.
"""

import os
import re
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from .bootstrap import odoo
from .console import Failure, say, step
from .databases import database, template, throwaway
from .environment import Environment, environment
from .paths import ADDON, LOGS
from .process import free_port, run_logged
from .web import serving

PART = "databases"
KINDS = ("addon", "never asleep", "bare")
"""With the addon, with its actions awake as where people work, and without it."""
SECONDS = 180
"""For which the server is looked at."""
NEVER_ASLEEP = """
INSERT INTO ir_config_parameter (key, value)
VALUES ('crm_cqrs.jobs_never_sleep', 'True')
"""
FIRST_TURN = 20
"""Lines in the log about the actions of a database that were due at the start."""
START_SECONDS = 3600
MEMORY = 16 << 30
"""The limit by which Odoo counts how many registries it has room for."""
OLDER = """
SET session_replication_role = replica;
UPDATE cqrs_event SET occurred_at = occurred_at - interval '1 day'
"""
"""As if nobody had worked for a day."""
DONE = """
UPDATE ir_cron SET nextcall = now() AT TIME ZONE 'UTC' + interval '1 day'
WHERE id NOT IN (SELECT res_id FROM ir_model_data
                 WHERE module = 'crm_cqrs' AND model = 'ir.cron')
"""
"""Odoo's own actions were run a moment ago; it would take long to do it in all."""
COUNTED = """
SELECT count(*), COALESCE(sum(xact_commit + xact_rollback), 0) FROM pg_stat_database
WHERE starts_with(datname, :'prefix')
"""
CONNECTIONS = """
SELECT count(*) FROM pg_stat_activity WHERE starts_with(datname, :'prefix')
"""


def measure(count: int, kinds: tuple[str, ...] = KINDS) -> int:
    """Print what ``count`` databases cost, with the addon and without."""
    figures = {}
    with environment() as env:
        bare = template.ensure(env)
        for kind in kinds:
            with ExitStack() as stack:
                base = stack.enter_context(throwaway.database_from(env, bare))
                prepare(env, base, kind)
                names = stack.enter_context(copies(env, base, count))
                figures[kind] = idle(env, base, names)
    say(f"{f'{count} databases':32}" + "".join(f"{kind:>16}" for kind in kinds))
    for name in figures[kinds[0]]:
        row = "".join(f"{figures[kind][name]:>16.1f}" for kind in kinds)
        say(f"{name:32}{row}")
    return 0


def prepare(env: Environment, base: str, kind: str) -> None:
    """Make a database in which nobody has worked for a day."""
    if kind != "bare":
        run_logged(
            f"Installing {ADDON}",
            [odoo.COMMAND, "--no-http", "--stop-after-init", "-d", base, "-i", ADDON],
            log="bench-install",
            advice="The first error in there is the one to look at.",
            progress=odoo.loading_percent,
            environ=env.environ,
        )
        database.query_in(env.environ, base, OLDER)
    if kind == "never asleep":
        database.query_in(env.environ, base, NEVER_ASLEEP)
    database.query_in(env.environ, base, DONE)


@contextmanager
def copies(env: Environment, base: str, count: int) -> Iterator[list[str]]:
    """Copy a database; who drops it drops its copies, too."""
    names = [f"{base}_{number}" for number in range(count)]
    with step(f"Copying {count} databases") as progress:
        for number, name in enumerate(names):
            database.create_from(env.environ, base, name)
            progress(f"{number + 1} of {count}")
    yield names


def idle(env: Environment, base: str, names: list[str]) -> dict[str, float]:
    """Return the figures of a server whose databases nobody uses."""
    log = LOGS / "bench-databases.log"
    options = (
        *("--max-cron-threads=1", f"--limit-memory-soft={MEMORY}"),
        f"--limit-memory-hard={2 * MEMORY}",
    )
    began = time.monotonic()
    with serving.served(
        env.environ,
        ",".join(names),
        free_port(),
        log,
        *options,
        waiting_for="/web/health",
    ) as server:
        with step("Loading them, and doing what is due") as progress:
            wait_until_done(names, log, progress)
        loading = time.monotonic() - began
        before = counted(env, base, server.pid)
        with step(f"Looking at them for {SECONDS} s"):
            time.sleep(SECONDS)
        after = counted(env, base, server.pid)
        status = Path(f"/proc/{server.pid}/status").read_text()
        minutes = SECONDS / 60
        return {
            "seconds until all was loaded": loading,
            "memory, MB": field(status, "VmRSS") / 1024,
            "threads": field(status, "Threads"),
            "connections": connections(env, base),
            "processor, s a minute": (after[0] - before[0]) / minutes,
            "transactions a minute": (after[1] - before[1]) / minutes,
        }


def wait_until_done(names: list[str], log: Path, progress) -> None:
    """Wait until all registries are there, and what was due has been done in each."""
    deadline = time.monotonic() + START_SECONDS
    former = None  # so that the scheduler had its turn
    while time.monotonic() < deadline:
        text = log.read_text()
        loaded = len(re.findall(r"Registry loaded in", text))
        progress(f"{loaded} of {len(names)}")
        jobs = re.findall(r"INFO (\S+) \S+: Job '", text)
        if loaded < len(names):
            time.sleep(5)
            continue
        # The scheduler looks at all of them each minute. Those that never sleep are not
        # done before they are due again.
        if len(jobs) == former or min(map(jobs.count, names)) > FIRST_TURN:
            return
        former = len(jobs)
        time.sleep(70)
    raise Failure("The server did not come to rest.")


def counted(env: Environment, base: str, pid: int) -> tuple[float, float]:
    """Return the seconds of the processor and the transactions until now."""
    stat = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    ticks = int(stat[11]) + int(stat[12])
    return ticks / os.sysconf("SC_CLK_TCK"), transactions(env, base)[1]


def transactions(env: Environment, base: str) -> tuple[float, float]:
    [(count, done)] = database.query(env.environ, COUNTED, prefix=f"{base}_")
    return float(count), float(done)


def connections(env: Environment, base: str) -> float:
    [(count,)] = database.query(env.environ, CONNECTIONS, prefix=f"{base}_")
    return float(count)


def field(status: str, name: str) -> float:
    return float(re.search(rf"^{name}:\s+(\d+)", status, re.MULTILINE)[1])
