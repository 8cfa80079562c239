import re
import string
import unicodedata

from odoo import fields, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.readable_values import readable
from .projection import Table

#: What opportunities are sorted by, ``{order: expression of the row}``
ORDERS = {
    "value": SQL("value"),
    "closing_date": SQL("closing_date"),
    "created_at": SQL("created_at"),
    "changed_at": SQL("changed_at"),
    "stage": SQL("stage_id"),
    # A longer one would not fit into an index, and its lead could not be written.
    "name": SQL("left(name, 200)"),
}

# Punctuation joins words to what the parser takes for an address, a path or a number,
# and does not find the parts of.
_SPACES = str.maketrans(dict.fromkeys(string.punctuation + "\0", " "))
_ACCENTS = "[\u0300-\u036f]"


def words_of(text: str) -> list[str]:
    """Return the words to look for in the column ``words``, without accents."""
    text = re.sub(_ACCENTS, "", unicodedata.normalize("NFKD", text))
    return unicodedata.normalize("NFKC", text).translate(_SPACES).split()


# What ``words_of`` does, in PostgreSQL. Only ASCII has as many bytes as characters.
# translate() takes twenty times as long as the outer replacement.
_VECTOR = SQL(
    """
    to_tsvector('simple', regexp_replace(
        CASE WHEN octet_length(text) = length(text) THEN text
             ELSE normalize(
                 regexp_replace(normalize(text, NFKD), %(accents)s, '', 'g'), NFKC)
        END, %(punctuation)s, ' ', 'g'))
    """,
    accents=_ACCENTS,
    punctuation=f"[{re.escape(string.punctuation)}]",
)


class CqrsOpportunityView(models.Model):
    """One row for each opportunity, under the id of its ``crm.lead``.

    ``value`` is exact, in ``currency_id``; without a currency (a lead without a
    company) it is in the company currency of whoever looks, as in Odoo itself. What
    Odoo cannot read of a lead (``readable.py``) is not set.
    ``version`` is that of the opportunity's stream. Leads have no row. The column
    ``words`` has those of its name and its customer's, in small letters and without
    accents.
    """

    _name = "cqrs.opportunity.view"
    _inherit = "cqrs.projection"
    _description = "Opportunity (Read Model)"
    _auto = False
    _order = "value desc, id desc"
    _cqrs_consumes = ("crm.lead",)
    _cqrs_tables = (Table("cqrs_opportunity_view"),)

    name = fields.Char(readonly=True)
    value = fields.Monetary(readonly=True)
    currency_id = fields.Many2one("res.currency", readonly=True)
    probability = fields.Float(readonly=True, aggregator="avg")
    stage_id = fields.Many2one("crm.stage", readonly=True)
    status = fields.Selection(
        [("pending", "Pending"), ("won", "Won"), ("lost", "Lost")], readonly=True
    )
    active = fields.Boolean(readonly=True)
    user_id = fields.Many2one("res.users", "Salesperson", readonly=True)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    partner_name = fields.Char("Customer Name", readonly=True)
    closing_date = fields.Date("Expected Closing", readonly=True)
    closed_at = fields.Datetime(readonly=True)
    created_at = fields.Datetime(readonly=True)
    changed_at = fields.Datetime(readonly=True)
    version = fields.Integer(readonly=True, aggregator=None)

    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_opportunity_view (
            id integer PRIMARY KEY,
            name text COLLATE "C" NOT NULL,
            value numeric NOT NULL,
            currency_id integer,
            probability double precision,
            stage_id integer,
            status text NOT NULL,
            active boolean NOT NULL,
            user_id integer,
            team_id integer,
            company_id integer,
            partner_id integer,
            partner_name text,
            words tsvector,
            closing_date date,
            closed_at timestamp,
            created_at timestamp,
            changed_at timestamp NOT NULL,
            version integer NOT NULL
        ) WITH (fillfactor = 80)
        """
    )

    def _create_tables(self):
        self.env.cr.execute(self._TABLE)
        # One of all rows and one of each owner's, read both ways; as they end in the
        # id, there are no ties.
        for order, key in ORDERS.items():
            self._create_index(order, SQL("(%s, id)", key))
            self._create_index(f"owner_{order}", SQL("(user_id, %s, id)", key))
        # Those closed within some days, for the figures of part of a month.
        self._create_index("closed", SQL("(closed_at) WHERE closed_at IS NOT NULL"))
        # What an index of words has not put in place yet is searched through by each
        # reader, and put there by one writer among many: it is to be little.
        self._create_index(
            "words", SQL("USING gin (words) WITH (gin_pending_list_limit = 64)")
        )

    def _create_index(self, name: str, definition: SQL):
        create_missing(
            self.env.cr,
            SQL(
                "CREATE INDEX IF NOT EXISTS %s ON cqrs_opportunity_view %s",
                SQL.identifier(f"cqrs_opportunity_view_{name}"),
                definition,
            ),
        )

    def _statements(self, model):
        return [self._PUT]

    def _ending_statements(self, model):
        return [self._REMOVE]

    _REMOVE = SQL(
        """
        DELETE FROM cqrs_opportunity_view USING stream
        WHERE id = stream_id AND COALESCE(state ->> 'type', '') <> 'opportunity'
        """
    )

    _PUT = SQL(
        """
        INSERT INTO cqrs_opportunity_view (
            id, name, value, currency_id, probability, stage_id, status,
            active, user_id, team_id, company_id, partner_id, partner_name, words,
            closing_date, closed_at, created_at, changed_at, version)
        SELECT stream_id, COALESCE(name, ''), COALESCE(%(value)s, 0),
               "company_id.currency_id", %(probability)s, stage_id,
               CASE WHEN won_status IN ('won', 'lost') THEN won_status
                    ELSE 'pending' END,
               COALESCE(active, false),
               user_id, team_id, company_id, partner_id,
               "partner_id.complete_name",
               %(words)s,
               %(closing_date)s, %(closed_at)s, %(created_at)s,
               occurred_at AT TIME ZONE 'UTC', version
        FROM stream CROSS JOIN jsonb_to_record(state) AS lead (
            name text, type text, expected_revenue numeric,
            "company_id.currency_id" integer, probability double precision,
            stage_id integer, won_status text, active boolean,
            user_id integer, team_id integer, company_id integer,
            partner_id integer, "partner_id.complete_name" text,
            date_deadline date, date_closed timestamp, create_date timestamp)
        CROSS JOIN LATERAL (
            SELECT left(COALESCE(name, ''), 500)
                || ' ' || left(COALESCE("partner_id.complete_name", ''), 500)
            ) names (text)
        WHERE type = 'opportunity'
        ON CONFLICT (id) DO UPDATE SET
            name = EXCLUDED.name,
            value = EXCLUDED.value,
            currency_id = EXCLUDED.currency_id,
            probability = EXCLUDED.probability,
            stage_id = EXCLUDED.stage_id,
            status = EXCLUDED.status,
            active = EXCLUDED.active,
            user_id = EXCLUDED.user_id,
            team_id = EXCLUDED.team_id,
            company_id = EXCLUDED.company_id,
            partner_id = EXCLUDED.partner_id,
            partner_name = EXCLUDED.partner_name,
            words = EXCLUDED.words,
            closing_date = EXCLUDED.closing_date,
            closed_at = EXCLUDED.closed_at,
            created_at = EXCLUDED.created_at,
            changed_at = EXCLUDED.changed_at,
            version = EXCLUDED.version
        """,
        value=readable(SQL("expected_revenue"), "monetary"),
        probability=readable(SQL("probability"), "float"),
        closing_date=readable(SQL("date_deadline"), "date"),
        closed_at=readable(SQL("date_closed"), "datetime"),
        created_at=readable(SQL("create_date"), "datetime"),
        words=_VECTOR,
    )
