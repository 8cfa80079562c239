"""Fields of opportunities that Odoo's own search bar asks for, and no column has."""

from datetime import date

from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..access.answer_context import AnswerContext
from ..support.periods import Period, next_month
from .filters import Filters
from .pace import KINDS, PaceFilters, pace_condition
from .text import resolved


class CqrsOpportunityView(models.Model):
    _inherit = "cqrs.opportunity.view"

    search_text = fields.Char(
        "Words",
        compute="_compute_searched",
        search="_search_search_text",
        help="Words that begin one of the opportunity's name, the customer's, the"
        " salesperson's or the stage's.",
    )
    attention = fields.Selection(
        selection="_selection_attention",
        string="Needs Attention",
        compute="_compute_searched",
        search="_search_attention",
        help="Search for one of the reasons why open opportunities need attention.",
    )
    is_of_my_team = fields.Boolean(
        "My Team's",
        compute="_compute_searched",
        search="_search_is_of_my_team",
        help="The salesperson is below you in the hierarchy.",
    )
    closing_month = fields.Char(
        "Month of Closing",
        compute="_compute_searched",
        search="_search_closing_month",
        help="Expected, until it is won or lost. Search as 2026-11.",
    )
    tag_ids = fields.Many2many(
        "crm.tag", string="Tags", compute="_compute_tag_ids", search="_search_tag_ids"
    )

    def _selection_attention(self):
        names = {
            "overdue": self.env._("Overdue"),
            "stuck": self.env._("Stuck in its stage"),
            "pushed": self.env._("Closing date moved"),
            "idle": self.env._("Not changed lately"),
            "no_activity": self.env._("No activity planned"),
        }
        return [(kind, names[kind]) for kind in KINDS]

    def _compute_searched(self):
        # They are searched for: several kinds of attention may hold at once.
        self.search_text = False
        self.attention = False
        self.is_of_my_team = False
        self.closing_month = False

    def _search_search_text(self, operator, value):
        if operator != "ilike" or not isinstance(value, str):
            return NotImplemented
        try:
            terms = resolved(self.env, Filters(text=value)).terms
        except ValueError:
            # Longer than anything that is found.
            return Domain.FALSE
        return _on_view(Filters(terms=terms, archived=None).condition())

    def _search_attention(self, operator, value):
        if operator != "in":
            return NotImplemented
        kinds = tuple(kind for kind in KINDS if kind in value)
        if not kinds:
            return Domain.FALSE
        context = AnswerContext.of(self.env)
        filters = PaceFilters(today=context.today(context.calendar), attention=kinds)
        return _on_view(pace_condition(self.env, filters))

    def _search_is_of_my_team(self, operator, value):
        if operator != "in" or set(value) != {True}:
            return NotImplemented
        return _on_view(
            SQL(
                """
                view.user_id = ANY(ARRAY(
                    SELECT owner_id FROM cqrs_user_access
                    WHERE viewer_id = %s AND via = 'hierarchy' AND owner_id <> %s))
                """,
                self.env.uid,
                self.env.uid,
            )
        )

    def _search_closing_month(self, operator, value):
        if operator != "in":
            return NotImplemented
        zone = AnswerContext.of(self.env).calendar.zone
        conditions = [SQL("FALSE")]
        for text in value:
            if not text:
                day = SQL("CASE view.status WHEN 'pending' THEN view.closing_date END")
                closed = SQL(
                    "CASE WHEN view.status <> 'pending' THEN view.closed_at END"
                )
                conditions.append(SQL("(%s IS NULL AND %s IS NULL)", day, closed))
                continue
            first = date.fromisoformat(f"{text}-01")
            month = Period(first, next_month(first), zone)
            conditions.append(Filters(closes=month, archived=None).condition())
        return _on_view(SQL("(%s)", SQL(" OR ").join(conditions)))

    @api.depends()
    def _compute_tag_ids(self):
        rows = self.env.execute_query(
            SQL(
                "SELECT id, tag_ids FROM cqrs_opportunity_view WHERE id = ANY(%s)",
                list(self._ids),
            )
        )
        tags = {id_: tag_ids or [] for id_, tag_ids in rows}
        known = self.env["crm.tag"].browse(
            {id_ for tag_ids in tags.values() for id_ in tag_ids}
        )
        known = known.exists()
        for opportunity in self:
            ids = tags.get(opportunity.id, ())
            opportunity.tag_ids = known.browse(id_ for id_ in ids if id_ in known.ids)

    def _search_tag_ids(self, operator, value):
        if operator == "any":
            value = self.env["crm.tag"].search(value).ids
        elif operator != "in":
            return NotImplemented
        conditions = [
            SQL("view.tag_ids && %s::integer[]", [id_ for id_ in value if id_])
        ]
        if False in value:
            conditions.append(SQL("cardinality(COALESCE(view.tag_ids, '{}')) = 0"))
        return _on_view(SQL("(%s)", SQL(" OR ").join(conditions)))


def _on_view(condition: SQL) -> Domain:
    """Return the domain of a condition on a row ``view``, whatever a query calls it."""

    def to_sql(model, alias, query):
        if alias == "view":
            return condition
        return SQL(
            "EXISTS (SELECT FROM cqrs_opportunity_view view WHERE view.id = %s AND %s)",
            SQL.identifier(alias, "id"),
            condition,
        )

    return Domain.custom(to_sql=to_sql)
