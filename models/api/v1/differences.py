"""The opportunities of both dashboards side by side, each difference with its rule.

v1 reads ``crm_lead``, v2 the read models. Both show a person the same opportunities,
but for these rules:

* ``other_company``: v2 can be asked for one company; v1 knows no such choice.
* ``left_out``: a record that cannot be applied is left out of the read models, which
  v2 says, and *Event Store* lists.

An opportunity that one of them has otherwise, or has with other values, is explained by
no rule.
"""

from dataclasses import dataclass

from odoo.tools import SQL

from ...access import policy
from ...support.readable_values import readable

#: The rules that account for an opportunity that v1 alone has
OTHER_COMPANY = "other_company"
LEFT_OUT = "left_out"

SAME = "same"
UNEXPLAINED = "unexplained"

VALUE = SQL("COALESCE(%s, 0)", readable(SQL("expected_revenue"), "monetary"))

#: The values of an opportunity that are compared, as v1 and as v2 have them
_COMPARED = {
    "name": (SQL("COALESCE(lead.name, '')"), SQL("view.name")),
    "value": (VALUE, SQL("view.value")),
    "currency_id": (SQL("company.currency_id"), SQL("view.currency_id")),
    "company_id": (SQL("lead.company_id"), SQL("view.company_id")),
    "stage_id": (SQL("lead.stage_id"), SQL("view.stage_id")),
    "status": (
        SQL(
            "CASE WHEN lead.won_status IN ('won', 'lost') THEN lead.won_status"
            " ELSE 'pending' END"
        ),
        SQL("view.status"),
    ),
    "active": (SQL("COALESCE(lead.active, false)"), SQL("view.active")),
    "user_id": (SQL("lead.user_id"), SQL("view.user_id")),
    "partner_id": (SQL("lead.partner_id"), SQL("view.partner_id")),
}


@dataclass(frozen=True)
class Differences:
    """The query of the opportunities of both, for one person.

    :ivar viewers: of ``cqrs.access``
    :ivar company_ids: those that v2 is asked for; None for all
    """

    access: object
    viewers: list
    company_ids: tuple[int, ...] | None

    @property
    def rows(self) -> SQL:
        """A row ``id, reason, in_v1, in_v2`` of each; columns as v1 has them, or v2.

        ``fields`` are the names of those that differ, of one that both have.
        """
        chosen = SQL("TRUE")
        if self.company_ids is not None:
            chosen = policy.in_companies(self.company_ids, SQL("v2"))
        return SQL(
            """
            SELECT id, v1.id IS NOT NULL AS in_v1,
                   v2.id IS NOT NULL AND %(chosen)s AS in_v2, %(columns)s,
                   CASE WHEN v1.id = v2.id THEN differing ELSE '{}' END AS fields,
                   CASE WHEN v1.id = v2.id AND differing = '{}'
                        THEN CASE WHEN %(chosen)s THEN 'same' ELSE 'other_company' END
                        WHEN v2.id IS NULL AND EXISTS (
                            SELECT FROM cqrs_projection_failure failure
                            WHERE failure.stream_model = 'crm.lead'
                              AND failure.stream_id = v1.id)
                        THEN 'left_out'
                        ELSE 'unexplained' END AS reason
            FROM (SELECT lead.id, %(of_v1)s
                  FROM crm_lead lead
                  LEFT JOIN res_company company ON company.id = lead.company_id
                  WHERE lead.type = 'opportunity' AND %(sees_lead)s) v1
            FULL JOIN (SELECT view.id, %(of_v2)s
                       FROM cqrs_opportunity_view view
                       WHERE %(sees_view)s) v2 USING (id)
            CROSS JOIN LATERAL (SELECT array_remove(ARRAY[%(differing)s], NULL)
            ) compared (differing)
            """,
            chosen=chosen,
            columns=self._each(
                "CASE WHEN v1.id IS NULL THEN v2.{0} ELSE v1.{0} END AS {0}"
            ),
            of_v1=self._of(0),
            of_v2=self._of(1),
            sees_lead=self.access._visible(self.viewers, SQL("lead")),
            sees_view=self.access._visible(self.viewers, SQL("view")),
            differing=self._each(
                "CASE WHEN v1.{0} IS DISTINCT FROM v2.{0} THEN '{0}' END"
            ),
        )

    def _each(self, form: str) -> SQL:
        return SQL(", ".join(form.format(name) for name in _COMPARED))

    def _of(self, side: int) -> SQL:
        return SQL(", ").join(
            SQL("%s AS %s", columns[side], SQL.identifier(name))
            for name, columns in _COMPARED.items()
        )


def sums(rows: SQL, own_id: int, currency_id: int) -> SQL:
    """Return the query of what v1 has, by reason and currency; amounts are texts.

    :param own_id: the user whose opportunities are the own
    :param currency_id: of an opportunity without a company
    """
    return SQL(
        """
        SELECT reason, COALESCE(currency_id, %(currency_id)s) AS currency_id,
               count(*) AS opportunities,
               count(*) FILTER (WHERE active) AS total,
               count(*) FILTER (WHERE active AND user_id = %(own_id)s) AS own,
               count(*) FILTER (WHERE active AND status = 'pending')
                   AS active_opportunities,
               COALESCE(sum(value) FILTER (
                   WHERE active AND status = 'pending'), 0)::text AS pipeline_value,
               COALESCE(sum(value) FILTER (WHERE status = 'won'), 0)::text
                   AS won_revenue
        FROM (%(rows)s) row WHERE in_v1 GROUP BY 1, 2 ORDER BY 1, 2
        """,
        currency_id=currency_id,
        own_id=own_id,
        rows=rows,
    )


def found(rows: SQL, limit: int) -> SQL:
    """Return the query of those that differ: unexplained ones, then the most valuable.

    ``count`` is that of all that have the same reason.
    """
    return SQL(
        """
        SELECT * FROM (
            SELECT id, reason, in_v1, in_v2, name, value::text, currency_id, company_id,
                   user_id, fields, count(*) OVER (PARTITION BY reason) AS count,
                   row_number() OVER (PARTITION BY reason
                                      ORDER BY value DESC, id DESC) AS number
            FROM (%s) row WHERE reason <> 'same'
        ) row WHERE number <= %s ORDER BY reason DESC, number
        """,
        rows,
        limit,
    )


def first(rows: SQL, condition: SQL, rates: dict | None, limit: int) -> SQL:
    """Return the query of the ids of the most valuable that are not archived, in order.

    :param condition: on the row
    :param rates: ``{currency id or 0: rate}``; None compares the bare numbers, as v1
    """
    value = SQL("value")
    if rates:
        cases = SQL(" ").join(SQL("WHEN %s THEN %s", *each) for each in rates.items())
        value = SQL("value * CASE COALESCE(currency_id, 0) %s END", cases)
    return SQL(
        """
        SELECT id FROM (%s) row WHERE active AND %s
        ORDER BY %s DESC, id DESC LIMIT %s
        """,
        rows,
        condition,
        value,
        limit,
    )
