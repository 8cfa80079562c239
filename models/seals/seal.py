"""The seals of the log, which the database refuses to change or remove."""

from collections.abc import Iterator

from odoo import fields, models
from odoo.tools import SQL

from ..support.triggers import DELETE, TRUNCATE, UPDATE, Trigger, not_holding
from .document import SealDocument

_REFUSAL = """
BEGIN
    RAISE EXCEPTION 'cqrs_seal is append-only: % refused', TG_OP
        USING ERRCODE = 'restrict_violation';
END
"""

#: The trigger of the seals
TRIGGERS = (
    Trigger("cqrs_seal", "cqrs_seal_append_only", UPDATE + DELETE + TRUNCATE, _REFUSAL),
)

#: Number of seals read at a time
PAGE_SIZE = 100


class CqrsSeal(models.Model):
    """The seals: each covers the events since the one before (``SealDocument``).

    Rows are written by the job (``sealing.py``) alone.
    """

    _name = "cqrs.seal"
    _inherit = "cqrs.read.only"
    _description = "Event Log Seal"
    _auto = False
    _order = "number desc"
    _rec_name = "number"

    number = fields.Integer("Seal", readonly=True, aggregator=None)
    made_at = fields.Datetime("Sealed At", readonly=True)
    events = fields.Integer(readonly=True)
    total = fields.Integer("Events Until Then", readonly=True, aggregator=None)
    is_signed = fields.Boolean("Signed", readonly=True)
    key = fields.Char(
        "Public Key", readonly=True, help="The Ed25519 key in hexadecimal."
    )
    root = fields.Char("Merkle Root", readonly=True)
    previous = fields.Char("Hash of Previous Seal", readonly=True)
    database = fields.Char("Database ID", readonly=True)
    text = fields.Text("Signed Text", readonly=True)
    signature = fields.Char(readonly=True)

    _table_query = SQL(
        """
        SELECT number AS id, number,
               (content ->> 'made_at')::timestamptz AT TIME ZONE 'UTC' AS made_at,
               (content ->> 'events')::integer AS events,
               (content ->> 'total')::integer AS total,
               signature IS NOT NULL AS is_signed,
               content ->> 'key' AS key, content ->> 'root' AS root,
               content ->> 'previous' AS previous,
               content ->> 'database' AS database, content::text AS text,
               encode(signature, 'hex') AS signature
        FROM cqrs_seal
        """
    )

    # The type json keeps the text as it is, which is what is signed.
    _TABLE = SQL(
        """
        CREATE TABLE IF NOT EXISTS cqrs_seal (
            number integer PRIMARY KEY,
            content json NOT NULL,
            signature bytea,
            streams bytea NOT NULL
        );
        CREATE TABLE IF NOT EXISTS cqrs_seal_handed_out (
            destination text PRIMARY KEY,
            number integer NOT NULL,
            handed_out_at timestamptz NOT NULL
        )
        """
    )

    _APPEND_ONLY = SQL(
        """
        CREATE OR REPLACE FUNCTION cqrs_seal_refuse_change() RETURNS trigger
        LANGUAGE plpgsql AS %s;
        DROP TRIGGER IF EXISTS cqrs_seal_append_only ON cqrs_seal;
        CREATE TRIGGER cqrs_seal_append_only
            BEFORE UPDATE OR DELETE OR TRUNCATE ON cqrs_seal
            FOR EACH STATEMENT EXECUTE FUNCTION cqrs_seal_refuse_change()
        """,
        _REFUSAL,
    )

    def init(self):
        self.env.cr.execute(self._TABLE)
        if not_holding(self.env, TRIGGERS):
            self.env.cr.execute(self._APPEND_ONLY)

    def _last_seal(self) -> SealDocument | None:
        seals = self._read_seals(SQL("true ORDER BY number DESC LIMIT 1"))
        return next(iter(seals.values()), None)

    def _pages(self, after: int = 0) -> Iterator[list[SealDocument]]:
        """Yield pages of the seals after a number, in order."""
        while seals := self._read_seals(
            SQL("number > %s ORDER BY number LIMIT %s", after, PAGE_SIZE)
        ):
            yield [*seals.values()]
            after = max(seals)

    def _read_seals(self, condition: SQL) -> dict[int, SealDocument]:
        """Return seals by the numbers of their rows."""
        rows = self.env.execute_query(
            SQL(
                "SELECT number, content::text, signature, streams FROM cqrs_seal"
                " WHERE %s",
                condition,
            )
        )
        return {
            number: SealDocument(text, signature and bytes(signature), bytes(streams))
            for number, text, signature, streams in rows
        }
