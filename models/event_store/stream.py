from odoo import fields, models
from odoo.tools import SQL

from ..support.json_field import PortableJson


class CqrsStream(models.Model):
    """The last recorded state of each captured record, with its version.

    The next difference and every replay start from it. ``state`` holds the
    declared fields that are not null, keyed by field path; it is NULL once the
    record is deleted. ``hash`` is the hash of the stream's last event.
    """

    _name = "cqrs.stream"
    _inherit = "cqrs.read.only"
    _description = "Recorded State"
    _auto = False
    _order = "id"

    stream_model = fields.Char(readonly=True)
    stream_id = fields.Integer("Record", readonly=True, aggregator=None)
    version = fields.Integer(readonly=True, aggregator=None)
    state = PortableJson(readonly=True)

    # fillfactor: a state is rewritten in place at each change (a HOT update,
    # since no indexed column changes), which needs room in the page.
    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_stream (
            id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
            stream_model text COLLATE "C" NOT NULL,
            stream_id integer NOT NULL,
            version integer NOT NULL,
            state jsonb,
            hash bytea NOT NULL,
            CONSTRAINT cqrs_stream_key UNIQUE (stream_model, stream_id)
        ) WITH (fillfactor = 80)
        """
    )

    def init(self):
        self.env.cr.execute(self._TABLE)
