"""Reorganisations: who sees what follows people who get another manager.

This addon stores access by owner. What other systems use is built beside it in a
schema of its own, from the same closure: a table of (viewer, opportunity), and an
array of viewers with each opportunity.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from .found import Chart, Found, Table, milliseconds
from .measure import Samples, rounds
from .odoo_databases import environment
from .plan import Plan

OWNERS = (1, 43, 259)
WAYS = ("crm_cqrs", "bare", "table", "array")
TITLES = {
    "crm_cqrs": "crm_cqrs, the whole of Odoo's transaction",
    "bare": "bare Odoo, the same transaction",
    "table": "(viewer, opportunity) table, the SQL alone",
    "array": "array of viewers, the SQL alone",
}
BUILD = """
CREATE SCHEMA cqrs_bench;
CREATE TABLE cqrs_bench.opportunity AS
SELECT lead.id, lead.user_id AS owner_id,
       ARRAY(SELECT DISTINCT viewer_id FROM cqrs_user_access
             WHERE owner_id = lead.user_id) AS viewers
FROM crm_lead lead WHERE type = 'opportunity' AND user_id IS NOT NULL;
ALTER TABLE cqrs_bench.opportunity ADD PRIMARY KEY (id);
CREATE INDEX ON cqrs_bench.opportunity (owner_id);
CREATE INDEX ON cqrs_bench.opportunity USING gin (viewers);
CREATE TABLE cqrs_bench.visible AS
SELECT unnest(viewers) AS viewer_id, id AS opportunity_id
FROM cqrs_bench.opportunity;
ALTER TABLE cqrs_bench.visible ADD PRIMARY KEY (viewer_id, opportunity_id);
CREATE INDEX ON cqrs_bench.visible (opportunity_id);
ANALYZE cqrs_bench.opportunity;
ANALYZE cqrs_bench.visible;
"""
# Both are given the new closure, which they would have to compute as well. Like ours
# they write what differs.
TABLE = """
WITH moved AS MATERIALIZED (
    SELECT id, owner_id FROM cqrs_bench.opportunity WHERE owner_id = ANY(%(owners)s)
), wanted AS MATERIALIZED (
    SELECT DISTINCT viewer_id, moved.id AS opportunity_id
    FROM moved JOIN cqrs_user_access access USING (owner_id)
), gone AS (
    DELETE FROM cqrs_bench.visible
    WHERE opportunity_id = ANY(ARRAY(SELECT id FROM moved))
      AND (viewer_id, opportunity_id) NOT IN (
          SELECT viewer_id, opportunity_id FROM wanted)
)
INSERT INTO cqrs_bench.visible SELECT * FROM wanted ON CONFLICT DO NOTHING
"""
ARRAY = """
WITH wanted AS MATERIALIZED (
    SELECT owner_id, array_agg(DISTINCT viewer_id) AS viewers
    FROM cqrs_user_access WHERE owner_id = ANY(%(owners)s) GROUP BY owner_id
)
UPDATE cqrs_bench.opportunity SET viewers = wanted.viewers
FROM wanted
WHERE opportunity.owner_id = wanted.owner_id
  AND opportunity.viewers IS DISTINCT FROM wanted.viewers
"""
STATEMENTS = {"table": TABLE, "array": ARRAY}


@dataclass(frozen=True)
class Move:
    """People who get another manager, and whose opportunities go with them.

    :ivar employee_ids: who is moved, each with everyone below
    :ivar owner_ids: the users among all these
    """

    employee_ids: tuple[int, ...]
    owner_ids: tuple[int, ...]


def measure(plan: Plan, on_round: Callable[[], None]) -> Found:
    installed, bare = plan.databases["installed"], plan.databases["bare"]
    with environment(installed) as env:
        env.cr.execute(BUILD)
    samples = Samples()
    wal: dict[str, int] = {}
    written: dict[str, int] = {}
    moves = {}
    for owners in OWNERS:
        move = choose(installed, owners)
        if move is None:
            continue
        moves[owners] = move
        names = {way: f"{owners} owners {way}" for way in WAYS}
        for _ in rounds(plan.pick(0, *((2, 20) if owners < 259 else (9, 60)))):
            # There and back, so that each round finds what the one before did.
            for back in (False, True):
                for way, name in names.items():
                    database = bare if way == "bare" else installed
                    took, wal[name], written[name] = perform(database, move, way, back)
                    samples.add(name, took)
            on_round()
        samples.forget_first(list(names.values()))
    result = Found()
    result.add_times(samples, "reorganisation")
    if 259 in moves:
        result.ratios["reorg_259_vs_array_speedup"] = samples.ratio(
            "259 owners array", "259 owners crm_cqrs"
        )
    for owners, move in moves.items():
        table = Table(
            f"Moving {len(move.owner_ids)} owners at {plan.size}",
            ("", "p50 in ms", "WAL in MB", "rows written"),
        )
        for way in WAYS:
            name = f"{owners} owners {way}"
            table.rows.append(
                (
                    TITLES[way],
                    milliseconds(samples.median(name)),
                    f"{wal[name] / 1e6:.2f}",
                    f"{written[name]:,}",
                )
            )
            key = f"reorg_{owners}_{way}"
            result.figures[f"{key}_wal_bytes"] = wal[name]
            result.figures[f"{key}_rows"] = written[name]
        result.tables.append(table)
    most = max(moves)
    result.charts.append(
        Chart(
            "reorganisation",
            f"Moving {most} owners at {plan.size}, p50 in ms",
            {way: 1000 * samples.median(f"{most} owners {way}") for way in WAYS},
        )
    )
    return result


def choose(name: str, owners: int) -> Move | None:
    """Return a move of so many owners: the largest subtrees that fit.

    None where there are not as many.

    The new manager is the ``biggest_owner``, who has no reports: nobody moves below
    themselves.
    """
    with environment(name) as env:
        env.cr.execute(
            """
            WITH RECURSIVE below AS (
                SELECT id AS root, id, user_id FROM cqrs_employee
                WHERE user_id IS NOT NULL AND active AND parent_id IS NOT NULL
                  AND company_id = (SELECT min(id) FROM res_company)
                -- Not ALL: an employee of Odoo's demo data manages himself.
                UNION
                SELECT below.root, employee.id, employee.user_id
                FROM cqrs_employee employee JOIN below ON parent_id = below.id
            )
            SELECT root, array_agg(id ORDER BY id),
                   array_agg(DISTINCT user_id) FILTER (WHERE user_id IS NOT NULL)
            FROM below GROUP BY root ORDER BY count(*) DESC, root
            """
        )
        subtrees = env.cr.fetchall()
        env.cr.execute(
            "SELECT employee_id FROM bench_role WHERE role = 'biggest_owner'"
        )
        ((new_manager,),) = env.cr.fetchall()
    roots: list[int] = []
    people: set[int] = set()
    users: set[int] = set()
    for root, ids, user_ids in subtrees:
        fits = len(users) + len(user_ids) <= owners
        if fits and new_manager not in ids and people.isdisjoint(ids):
            roots.append(root)
            people.update(ids)
            users.update(user_ids)
    if len(users) < owners:
        return None
    return Move(tuple(roots), tuple(sorted(users)))


def perform(name: str, move: Move, way: str, back: bool) -> tuple[float, int, int]:
    """Return the seconds, the bytes of WAL and the rows written."""
    with environment(name) as env:
        cr = env.cr
        employees = env["hr.employee"].browse(move.employee_ids)
        cr.execute("SELECT role, employee_id FROM bench_role")
        role_ids = dict(cr.fetchall())
        manager_id = role_ids["head" if back else "biggest_owner"]
        rows, wal = written_rows(cr), written_wal(cr)
        began = time.perf_counter()
        if way in STATEMENTS:
            cr.execute("SET LOCAL jit = off")
            cr.execute(STATEMENTS[way], {"owners": list(move.owner_ids)})
        else:
            employees.parent_id = manager_id
        cr.flush()
        seconds = time.perf_counter() - began
        rows = written_rows(cr) - rows
        began = time.perf_counter()
        cr.commit()  # pylint: disable=invalid-commit
        seconds += time.perf_counter() - began
        wal = written_wal(cr) - wal
    return seconds, wal, rows


def written_rows(cr) -> int:
    """Return a number that grows by the rows that this transaction writes."""
    cr.execute(
        "SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_all_tables"
    )
    ((value,),) = cr.fetchall()
    return int(value)


def written_wal(cr) -> int:
    cr.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")
    ((value,),) = cr.fetchall()
    return int(value)
