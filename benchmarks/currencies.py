"""A page by value with three currencies, beside one with one currency.

Both are read in this process, from temporary tables that have the name of the view:
without HTTP, which would be a large part of both.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from .found import Found, Table, ratio
from .measure import Samples, interleave
from .odoo_databases import environment
from .plan import Plan
from .processor import Cost, Meter

CURRENCIES = {"one": 1, "three": 3}
ROWS = 100_000
"""A page costs the same with more, and each has entries in as many indexes as live."""


def measure(plan: Plan, names: tuple[str, ...], seconds: float) -> Found:
    """Return the ratios for some roles.

    :param names: of the roles
    """
    samples, result = Samples(), Found()
    with ExitStack() as stack:
        readers = {
            kind: stack.enter_context(reader(plan.databases["installed"], number))
            for kind, number in CURRENCIES.items()
        }
        cases = {
            f"{name}: {kind}": (
                lambda reader=reader, id_=plan.roles[name].user_id: reader.page(id_)
            )
            for name in names
            for kind, reader in readers.items()
        }
        interleave(cases, seconds, samples)
    ratios = {name: samples.ratio(f"{name}: three", f"{name}: one") for name in names}
    result.add_times(samples, "currencies")
    result.tables.append(
        Table(
            "A page by value with three currencies as a multiple of one with one"
            " currency, without HTTP",
            ("", *names),
            [("page -value", *(ratio(ratios[name]) for name in names))],
        )
    )
    result.ratios["read_page_three_currencies_vs_one"] = max(
        ratios.values(), key=lambda each: each.value
    )
    return result


class Reader:
    """Reads pages of a view that only its transaction sees."""

    def __init__(self, env) -> None:
        self._env = env
        self._caches: dict = {}
        self._meter = Meter(os.getpid(), {env.cr._cnx.info.backend_pid})

    def page(self, user_id: int) -> Cost:
        from odoo.addons.crm_cqrs.models.support.answer_context import begin_reading

        # Each as a process of its own, which knows the currencies in use.
        vars(self._env.registry)["cqrs_caches"] = self._caches
        before = self._meter.now()
        env = self._env(user=user_id, su=True)
        begin_reading(env, is_whole=True)
        page = env["cqrs.opportunities"]._read_page(env.user)
        env["cqrs.dashboard"]._opportunities(
            page.ids, env.user, conversion=page.conversion
        )
        return self._meter.since(before)


@contextmanager
def reader(database: str, number: int) -> Iterator[Reader]:
    """Give a reader of opportunities in so many currencies; nothing is left of it."""
    from odoo.addons.crm_cqrs.models.projections.opportunity_view import TABLE

    with environment(database) as env:
        cr, columns = env.cr, ", ".join(f'"{name}"' for name in TABLE.names)
        values = columns.replace(
            '"currency_id"', "(%(ids)s::integer[])[1 + id %% %(number)s]"
        )
        cr.execute("SELECT array_agg(id) FROM (SELECT id FROM res_currency LIMIT 3) c")
        parameters = {"ids": cr.fetchone()[0], "number": number, "rows": ROWS}
        cr.execute(
            f"""
            CREATE TEMPORARY TABLE {TABLE.name}
                (LIKE public.{TABLE.name} INCLUDING ALL) ON COMMIT DROP;
            INSERT INTO pg_temp.{TABLE.name} ({columns})
            SELECT {values} FROM public.{TABLE.name}
            WHERE id %% GREATEST((SELECT count(*) FROM public.{TABLE.name})
                                 / %(rows)s, 1) = 0;
            ANALYZE pg_temp.{TABLE.name}
            """,
            parameters,
        )
        yield Reader(env)
