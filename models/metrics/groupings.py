"""The groups by which the metrics can be read, and the labels of each."""

from typing import NamedTuple

from odoo import models
from odoo.tools import SQL

from ..opportunities.stages import stages


class Grouping(NamedTuple):
    """A grouping of opportunities: by the stage, say.

    :ivar dimension: of the roll-up that has its column; None if only the opportunities
        themselves have it
    :ivar column: of the rows to add up
    :ivar names: the query of ``id``, ``name`` and ``place``, the text to sort by, of
        all its records; a month is its own place
    """

    dimension: str | None
    column: str
    names: str | None = None


def _recorded(model: str, place: str = "name") -> str:
    """Return the query of the names in the last events of a model's records."""
    return f"""
        SELECT id, name, {place} AS place
        FROM (SELECT stream_id AS id, (state -> 'sequence')::integer AS sequence,
                     {_in_language("state -> 'name'")} AS name
              FROM cqrs_stream WHERE stream_model = '{model}') record
    """


def _in_language(name: str) -> str:
    return f"COALESCE({name} ->> %(lang)s, {name} ->> 'en_US')"


_IN_ORDER = "lpad((row_number() OVER (ORDER BY sequence, id))::text, 10, '0')"

GROUPINGS = {
    "stage": Grouping("stage", "stage_id", _recorded("crm.stage", _IN_ORDER)),
    "salesperson": Grouping(
        "owner", "user_id", "SELECT id, name, name AS place FROM cqrs_user_profile"
    ),
    "month": Grouping("month", "month"),
    "team": Grouping("owner", "team_id", _recorded("crm.team")),
    "customer": Grouping(
        None,
        "partner_id",
        "SELECT id, complete_name AS name, complete_name AS place FROM res_partner",
    ),
    "lost_reason": Grouping(None, "lost_reason_id", _recorded("crm.lost.reason")),
    # Tags and sources are not on record.
    "tag": Grouping(
        None,
        "tag_id",
        f"SELECT id, {_in_language('name')} AS name,"
        f" {_in_language('name')} AS place FROM crm_tag",
    ),
    "source": Grouping(
        None, "source_id", "SELECT id, name, name AS place FROM utm_source"
    ),
}


def member(by: str) -> str:
    """Return the member of a group that has its label: beside the figures of a team."""
    return "sales_team" if by == "team" else by


def are_many(by: tuple[str, ...]) -> bool:
    """Return whether groups come in pages, also if no page is asked for."""
    return len(by) > 1 or "customer" in by


class CqrsMetrics(models.AbstractModel):
    _inherit = "cqrs.metrics"

    def _labels(self, by: str, keys: set) -> dict:
        """Return the label of each group, in order of the labels.

        The group without a stage, salesperson or month comes last, with the label None.
        """
        label = {
            "stage": self._label_stages,
            "salesperson": self._label_salespeople,
            "month": self._label_months,
        }.get(by)
        known = [key for key in keys if key]
        labels = label(known) if label else self._label_names(by, known)
        return labels | {None: None}

    def _label_stages(self, ids: list[int]) -> dict[int, dict]:
        names = stages(self.env)
        # Unknown stages come behind those of the pipeline.
        known = [id_ for id_ in names if id_ in ids]
        return {
            id_: {"id": id_, "name": names.get(id_)}
            for id_ in dict.fromkeys([*known, *sorted(ids)])
        }

    def _label_salespeople(self, ids: list[int]) -> dict[int, dict]:
        self.env.cr.execute(
            SQL(
                """
                SELECT uuid AS id, salesperson.id AS user_id, name, email
                FROM unnest(%s::integer[]) AS salesperson (id)
                LEFT JOIN cqrs_user_profile profile USING (id)
                ORDER BY name, salesperson.id
                """,
                ids,
            )
        )
        return {row["user_id"]: row for row in self.env.cr.dictfetchall()}

    def _label_months(self, months: list) -> dict:
        # strftime() gives the year 1 one digit.
        return {month: month.isoformat()[:7] for month in sorted(months)}

    def _label_names(self, by: str, ids: list[int]) -> dict[int, dict]:
        rows = self.env.execute_query(
            SQL(
                """
                SELECT key.id, name FROM unnest(%s::integer[]) AS key (id)
                LEFT JOIN (%s) named USING (id)
                ORDER BY place, key.id
                """,
                ids,
                self._names_of(by),
            )
        )
        return {id_: {"id": id_, "name": name} for id_, name in rows}

    def _names_of(self, by: str) -> SQL:
        """Return the query of the names of a grouping's records."""
        return SQL(GROUPINGS[by].names, lang=self.env.lang or "en_US")
