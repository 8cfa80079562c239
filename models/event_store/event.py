from odoo import api, fields, models
from odoo.fields import Domain
from odoo.tools import SQL

from ..support.indexes import create_missing
from ..support.json_field import PortableJson
from .chain import HASH_FORMAT

ORIGINS = [
    ("orm", "Odoo"),
    ("import", "Import"),
    ("cron", "Scheduled Action"),
    ("reconcile", "Reconciliation"),
    ("migration", "First Build"),
]


class CqrsEvent(models.Model):
    """The append-only log: one row per change of a captured record.

    ``before`` and ``after`` hold the changed fields only, by field path; a
    creation has no ``before`` and everything in ``after``, a deletion the
    reverse. ``version`` counts the events of a stream from 1 without gaps.
    ``details`` is what the fields cannot say: of a merge, the ids ``merged_from``.
    ``user_id`` is whom Odoo wrote the record as, ``acting_user_id`` who was logged
    in; they differ where code works as someone else. Where several users wrote the
    record in one transaction, ``user_id`` is the last and ``details`` has the other
    ``users``.
    Rows are written by the difference statement (``difference.py``) alone.
    """

    _name = "cqrs.event"
    _inherit = ("cqrs.read.only", "cqrs.deleted.names")
    _description = "Domain Event"
    _auto = False
    _order = "id desc"
    _rec_name = "type"

    position = fields.Integer(readonly=True, aggregator=None)
    event_id = fields.Char(readonly=True)
    stream_model = fields.Char("Model", readonly=True)
    stream_id = fields.Integer("Record", readonly=True, aggregator=None)
    version = fields.Integer(readonly=True, aggregator=None)
    type = fields.Char(readonly=True)
    schema_version = fields.Integer(readonly=True, aggregator=None)
    before = PortableJson(readonly=True)
    after = PortableJson(readonly=True)
    details = PortableJson(readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    user_id = fields.Many2one("res.users", "Effective User", readonly=True)
    acting_user_id = fields.Many2one("res.users", readonly=True)
    origin = fields.Selection(ORIGINS, readonly=True)
    correlation_id = fields.Char(
        "Request ID",
        readonly=True,
        help="Given by the client in the header X-Correlation-ID, else made by Odoo.",
    )
    occurred_at = fields.Datetime(readonly=True)
    txid = fields.Char("Transaction", readonly=True)
    epoch = fields.Integer(readonly=True, aggregator=None)
    module_version = fields.Char(readonly=True)
    hash = fields.Char(readonly=True)
    stream = fields.Char(compute="_compute_stream", search="_search_stream")

    # The ORM wants an ``id`` and its own types; PostgreSQL folds this query into
    # the one around it, so that a read by id is a probe of the primary key.
    _table_query = SQL(
        """
        SELECT position AS id, position, event_id, stream_model, stream_id,
               version, type, schema_version, before, after, details, company_id,
               user_id, acting_user_id, origin, correlation_id,
               occurred_at AT TIME ZONE 'UTC' AS occurred_at,
               txid::text AS txid, epoch, module_version, encode(hash, 'hex') AS hash
        FROM cqrs_event
        """
    )

    # No foreign key: the log outlives what it speaks of, and a key would lock
    # the referenced rows in every CRM write.
    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_event (
            position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            event_id uuid NOT NULL,
            stream_model text COLLATE "C" NOT NULL,
            stream_id integer NOT NULL,
            version integer NOT NULL,
            type text COLLATE "C" NOT NULL,
            schema_version smallint NOT NULL,
            before jsonb,
            after jsonb,
            details jsonb,
            company_id integer,
            user_id integer,
            acting_user_id integer,
            origin text NOT NULL,
            correlation_id text,
            occurred_at timestamptz NOT NULL,
            txid xid8 NOT NULL,
            epoch integer NOT NULL DEFAULT 1,
            module_version text NOT NULL,
            hash bytea NOT NULL,
            hash_format smallint NOT NULL DEFAULT %s,
            CONSTRAINT cqrs_event_stream_version
                UNIQUE (stream_model, stream_id, version)
        )
        """,
        HASH_FORMAT,
    )

    # One for each documented question. The log in order, and the two filters that
    # can be rare anywhere in it, each in that order: a page costs the page. A record
    # is found by the unique key above, a model by its first column. Time needs no
    # more than a BRIN, since the log lies on disk in the order of time; it costs a
    # write next to nothing.
    _INDEXES = SQL(
        """
        CREATE INDEX IF NOT EXISTS cqrs_event_order
            ON cqrs_event (epoch, txid, position);
        CREATE INDEX IF NOT EXISTS cqrs_event_type
            ON cqrs_event (type, epoch, txid, position);
        CREATE INDEX IF NOT EXISTS cqrs_event_user
            ON cqrs_event (user_id, epoch, txid, position);
        CREATE INDEX IF NOT EXISTS cqrs_event_acting_user
            ON cqrs_event (acting_user_id, epoch, txid, position)
            WHERE acting_user_id IS DISTINCT FROM user_id;
        CREATE INDEX IF NOT EXISTS cqrs_event_time
            ON cqrs_event USING brin (occurred_at) WITH (autosummarize = on)
        """
    )

    # A new epoch begins where transaction ids start over (a dump restored into a
    # younger cluster), so that readers can order by (epoch, txid, position).
    _EPOCH = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_epoch (
            epoch integer PRIMARY KEY,
            started_at timestamptz NOT NULL DEFAULT now()
        );
        INSERT INTO cqrs_epoch (epoch) VALUES (1) ON CONFLICT DO NOTHING
        """
    )

    @api.depends("stream_model", "stream_id")
    def _compute_stream(self):
        for event in self:
            event.stream = f"{event.stream_model}/{event.stream_id}"

    def _search_stream(self, operator, value):
        """Find a record's or a model's events: ``crm.lead/42`` or ``crm.lead``."""
        if operator not in ("=", "ilike", "like", "in"):
            return NotImplemented
        domains = []
        for text in [value] if isinstance(value, str) else value:
            model, __, record = str(text).strip().partition("/")
            domain = Domain("stream_model", "=", model)
            if record:
                record = int(record) if record.isdecimal() else 0
                domain &= Domain("stream_id", "=", record)
            domains.append(domain)
        return Domain.OR(domains)

    def init(self):
        self.env.cr.execute(self._EPOCH)
        self.env.cr.execute(self._TABLE)
        create_missing(self.env.cr, self._INDEXES)
