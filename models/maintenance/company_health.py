"""The health of the event store, as far as it concerns one company."""

from odoo import fields, models
from odoo.tools import SQL

from ..event_store.part import in_part
from ..support.bound_companies import bound_company_ids, within_bounds
from ..webhooks.companies import is_known
from .health import BAD, COUNT_UP_TO, GOOD, WATCH

_LEVELS = [(GOOD, "Good"), (WATCH, "To Watch"), (BAD, "Bad")]


class CqrsCompanyHealth(models.Model):
    """A row for each of the reader's companies that are switched on.

    Administrators have one for each company.

    Events of the last day and dead messages are counted up to ``COUNT_UP_TO``.
    """

    _name = "cqrs.company.health"
    _inherit = "cqrs.read.only"
    _description = "Event Store Health of a Company"
    _auto = False
    _order = "company_id"
    _rec_name = "company_id"

    company_id = fields.Many2one("res.company", readonly=True)
    level = fields.Selection(_LEVELS, readonly=True)
    events = fields.Integer(
        "Events (Last Day)", readonly=True, help="Counted up to 10,000."
    )
    last_event_at = fields.Datetime(
        "Last Event", readonly=True, help="Of the last day."
    )
    left_out = fields.Integer(
        "Records Left Out",
        readonly=True,
        help="Records whose last change could not be applied to the read models.",
    )
    endpoints = fields.Integer("Webhooks", readonly=True)
    switched_off = fields.Integer("Webhooks Switched Off", readonly=True)
    dead = fields.Integer(
        "Dead Messages",
        readonly=True,
        help="Messages of which the last attempt has failed.",
    )

    @property
    def _table_query(self) -> SQL:
        if self.env.is_system() and bound_company_ids(self.env) is None:
            companies = self.env["res.company"].sudo()
            ids = companies.search([]).ids  # pylint: disable=no-search-all
        else:
            ids = within_bounds(self.env, self.env.companies._ids)
        queries = [self._row(id_) for id_ in ids]
        nothing = SQL("SELECT * FROM (%s) nothing WHERE false", self._row(0))
        return SQL(" UNION ALL ").join(queries or [nothing])

    def _row(self, company_id: int) -> SQL:
        part = self.env["cqrs.event"]._part_of([company_id])
        return SQL(
            _ROW,
            company_id=company_id,
            events=in_part(
                SQL(
                    "(SELECT * FROM cqrs_event"
                    " WHERE cqrs_event.occurred_at > now() - interval '1 day')"
                ),
                part,
            ),
            models=list(part.models),
            known=is_known(SQL("message"), part),
            most=COUNT_UP_TO,
            good=GOOD,
            watch=WATCH,
            bad=BAD,
        )


# An endpoint counts where it is bound to this company alone, as a person of it sees it.
_ROW = """
    SELECT %(company_id)s AS id, %(company_id)s AS company_id,
           log.events, log.last_event_at, failed.left_out,
           webhook.endpoints, webhook.switched_off, webhook.dead,
           CASE WHEN webhook.switched_off > 0 THEN %(bad)s
                WHEN failed.left_out > 0 OR webhook.dead > 0 THEN %(watch)s
                ELSE %(good)s END AS level
    FROM (SELECT count(*)::integer AS events,
                 max(occurred_at) AT TIME ZONE 'UTC' AS last_event_at
          FROM (SELECT event.occurred_at FROM %(events)s event WHERE event.is_seen
                ORDER BY event.occurred_at DESC LIMIT %(most)s) day) log,
         (SELECT count(DISTINCT (failure.stream_model, failure.stream_id))::integer
                     AS left_out
          FROM cqrs_projection_failure failure
          JOIN cqrs_stream stream USING (stream_model, stream_id)
          WHERE stream.stream_model = ANY(%(models)s)
            AND (stream.state ->> 'company_id')::integer = %(company_id)s) failed,
         (SELECT count(*)::integer AS endpoints,
                 (count(*) FILTER (WHERE pause_reason IN ('failing', 'gone')))::integer
                     AS switched_off,
                 COALESCE(sum(dead), 0)::integer AS dead
          FROM cqrs_webhook
          CROSS JOIN LATERAL (
              SELECT count(*) AS dead FROM (
                  SELECT FROM cqrs_webhook_message message
                  WHERE message.webhook_id = cqrs_webhook.id
                    AND message.state = 'dead' AND %(known)s
                  LIMIT %(most)s) row) messages
          WHERE ARRAY[%(company_id)s] = ARRAY(
              SELECT company_id FROM cqrs_webhook_company_rel
              WHERE webhook_id = cqrs_webhook.id)) webhook
"""
