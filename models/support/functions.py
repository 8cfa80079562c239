"""Functions of the database that this addon declares."""

from typing import NamedTuple

from odoo.tools import SQL


class Function(NamedTuple):
    """A function in PL/pgSQL whose value follows from its arguments alone.

    :ivar parameters: as in ``CREATE FUNCTION``, e.g. ``given text``
    :ivar types: of the parameters, separated by commas
    :ivar body: the code
    """

    name: str
    parameters: str
    types: str
    result: str
    body: str

    @property
    def creation(self) -> SQL:
        """The statement that creates or replaces it."""
        return SQL(
            f"CREATE OR REPLACE FUNCTION {self.name} ({self.parameters})"
            f" RETURNS {self.result} LANGUAGE plpgsql"
            " IMMUTABLE STRICT PARALLEL SAFE AS %s",
            self.body,
        )

    def is_there(self, cr) -> bool:
        """Return whether the database has it, with this body."""
        cr.execute(
            "SELECT FROM pg_proc WHERE oid = to_regprocedure(%s) AND prosrc = %s",
            [f"{self.name}({self.types})", self.body],
        )
        return bool(cr.rowcount)
