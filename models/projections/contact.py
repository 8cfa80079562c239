from odoo import fields, models
from odoo.tools import SQL

from ..support.indexes import create_missing
from .search_terms import terms_function
from .table import Column, Table, upsert


def name_key(row: SQL | None = None) -> SQL:
    """Return what accounts are sorted by: an index takes no longer name.

    :param row: the alias of the relation, as below; its index needs none
    """
    return SQL("left(%s, 200)", _column("name", row))


def is_account(row: SQL | None = None) -> SQL:
    """Return the condition that a contact is an account itself, not one of another."""
    return SQL("%s = %s", _column("id", row), _column("account_id", row))


def _column(name: str, row: SQL | None) -> SQL:
    return SQL("%s.%s", row, SQL.identifier(name)) if row else SQL.identifier(name)


TABLE = Table(
    "cqrs_contact",
    columns=(
        Column("id", "integer", "PRIMARY KEY", value=SQL("stream_id")),
        Column(
            "account_id",
            "integer",
            "NOT NULL",
            value=SQL("COALESCE(commercial_partner_id, stream_id)"),
            source="commercial_partner_id",
        ),
        Column("name", "text", 'COLLATE "C"', default="''"),
        Column("is_company", "boolean", default="false"),
        Column("active", "boolean", default="false"),
        Column("user_id", "integer"),
        # Only some modules give contacts a sales team.
        Column("team_id", "integer"),
        Column("company_id", "integer"),
        Column("country_id", "integer"),
        Column("city", "text", field=fields.Char(readonly=True)),
        Column("words", "tsvector", value=SQL("array_to_tsvector(cqrs_terms(text))")),
        Column("version", "integer", "NOT NULL", value=SQL("version")),
    ),
    options="WITH (fillfactor = 80)",
)

_WORDS = SQL(
    """
    CROSS JOIN LATERAL (
        SELECT left(COALESCE(name, ''), 500) || ' ' || left(COALESCE(ref, ''), 500)
    ) named (text)
    """
)


class CqrsContact(models.AbstractModel):
    """One row for each contact on record, under the id of its ``res.partner``.

    ``account_id`` is the company that the contact belongs to (its commercial entity),
    or the contact itself: a row with ``id = account_id`` is an account. ``user_id``,
    ``team_id`` and ``company_id`` are the contact's own. The column ``words`` holds the
    terms (``search_terms.py``) of the name and the reference.
    """

    _name = "cqrs.contact"
    _inherit = "cqrs.projection"
    _description = "Contact (Read Model)"
    _cqrs_consumes = ("res.partner",)
    _cqrs_is_for_all = False
    _cqrs_tables = (TABLE,)

    def _functions(self):
        return [*super()._functions(), terms_function()]

    def _create_tables(self):
        result = super()._create_tables()
        create_missing(self.env.cr, self._INDEXES)
        return result

    _INDEXES = SQL(
        """
        CREATE INDEX IF NOT EXISTS cqrs_contact_name ON cqrs_contact (
            %(name)s, id) WHERE %(is_account)s;
        CREATE INDEX IF NOT EXISTS cqrs_contact_owner ON cqrs_contact (
            user_id, id) WHERE %(is_account)s AND user_id IS NOT NULL;
        CREATE INDEX IF NOT EXISTS cqrs_contact_account ON cqrs_contact (
            account_id, id) WHERE id <> account_id;
        CREATE INDEX IF NOT EXISTS cqrs_contact_words ON cqrs_contact
            USING gin (words) WITH (gin_pending_list_limit = 64)
        """,
        name=name_key(),
        is_account=is_account(),
    )

    def _statements(self, model):
        rows = TABLE.rows(SQL("state IS NOT NULL"), joins=_WORDS, reads={"ref": "text"})
        return [upsert(TABLE, rows)]

    def _ending_statements(self, model):
        return [self._REMOVE]

    _REMOVE = SQL(
        "DELETE FROM cqrs_contact USING stream WHERE id = stream_id AND state IS NULL"
    )
