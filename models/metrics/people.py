"""The figures of people, each with those below."""

from itertools import chain

from odoo import api, models
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..currencies.currencies import own_currency
from ..currencies.rates import rates_into
from ..projections.metrics_tables import TAIL
from ..support.answer_context import without_jit
from .figures import added, converted, exact, exactly, parts, scopes
from .sums import FOLDED, sums_of

#: Owners in the place of a person's own and those below: owner and company of each
Owners = tuple[tuple[int, int], ...]


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    @api.model
    @exactly()
    def _read_people(
        self,
        user,
        person_ids: list[int],
        company_ids: tuple[int, ...] | None = None,
        target_currency=None,
        owners: dict[int, Owners] | None = None,
    ) -> dict[int, dict]:
        """Return the figures of people, each with those below them.

        :param user: the ``res.users`` record of the viewer
        :param person_ids: of a person and of reports of that person, whose figures add
            up to those of the person's team, if they are parts of it
        :param company_ids: as for ``_read``, like ``target_currency``
        :param owners: for some of the people the owners that count, in the place of
            those below in the hierarchy
        :return: ``{user id: {currency, **figures, own: figures, team: figures}}`` of
            all the people, where *own* are the person's opportunities, *team* those of
            everyone below the person in the hierarchy
        """
        asked = self._asked(user, company_ids)
        viewers = asked["viewers"]
        below = self._below(person_ids, owners or {})
        key = tuple(person_ids), tuple((owners or {}).items()), company_ids

        def sums(rows):
            return self._sum_people(self._rows_seen(viewers, rows, company_ids), below)

        without_jit(self.env)
        folded = FOLDED.get(
            self.env, self._version(viewers), key, lambda: sums(self._folded("owner"))
        )
        changed = (
            sums(self._contributions(SQL.identifier(TAIL)))
            if AnswerContext.of(self.env).has_tail
            else ()
        )
        rows = added(chain(folded, changed), asked["currency"])
        return self._figures_of_people(user, person_ids, rows, target_currency)

    def _figures_of_people(
        self, user, person_ids: list[int], rows: list[dict], target_currency
    ) -> dict[int, dict]:
        """Return the figures that ``_read_people`` describes, made of sums."""
        context = AnswerContext.of(self.env, user)
        currency = target_currency or own_currency(context)
        rates = rates_into(currency, {row["currency_id"] for row in rows}, context)
        people = {person_id: [] for person_id in person_ids}
        for row in rows:
            people[row["group"]].append(row)
        first, *others = [converted(each, rates) for each in people.values()]
        figures = [scopes(*first, currency)]
        figures += parts(figures[0]["team"], others, currency)
        return {
            person_id: {"currency": currency.name, **each}
            for person_id, each in zip(people, figures, strict=True)
        }

    def _below(self, person_ids: list[int], owners: dict[int, Owners]) -> SQL:
        """Return the query of ``person_id``, ``owner_id`` and ``company_ids``."""
        given = [
            (person_id, *owner) for person_id, some in owners.items() for owner in some
        ]
        return SQL(
            """
            SELECT person_id, owner_id, array_agg(company_id) AS company_ids
            FROM (SELECT viewer_id AS person_id, owner_id, company_id
                  FROM cqrs_user_access
                  WHERE viewer_id = ANY(%s) AND via = 'hierarchy'
                  %s) below
            GROUP BY person_id, owner_id
            """,
            [person_id for person_id in person_ids if person_id not in owners],
            SQL(
                "UNION ALL SELECT * FROM"
                " unnest(%s::integer[], %s::integer[], %s::integer[])",
                *map(list, zip(*given, strict=True)),
            )
            if given
            else SQL(),
        )

    def _sum_people(self, rows: SQL, below: SQL) -> list[dict]:
        self.env.cr.execute(
            SQL(
                """
                SELECT true AS is_group, person_id AS "group", currency_id, %s
                FROM (%s) visible JOIN (%s) below
                  ON owner_id = user_id
                 AND (owner_id = person_id OR visible.company_id IS NULL
                      OR visible.company_id = ANY(company_ids))
                GROUP BY person_id, currency_id
                """,
                sums_of(SQL("person_id = user_id")),
                rows,
                below,
            )
        )
        return exact(self.env.cr.dictfetchall())
