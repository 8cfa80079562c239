from psycopg2.errors import SerializationFailure

from odoo import SUPERUSER_ID, api
from odoo.tests import TransactionCase, tagged
from odoo.tools import mute_logger


@tagged("post_install", "-at_install")
class TestConcurrentReorganisation(TransactionCase):
    """Real cursors: what two transactions do to the hierarchy at once."""

    def setUp(self):
        super().setUp()
        with self.committed() as env:
            employees = env["hr.employee"].create(
                [{"name": f"cqrs concurrent {name}"} for name in "abcd"]
            )
            self.employee_ids = employees.ids
        self.addCleanup(self.remove_employees)

    def committed(self):
        return _Committed(self.registry)

    def remove_employees(self):
        with self.committed() as env:
            env["hr.employee"].browse(self.employee_ids).unlink()

    @mute_logger("odoo.sql_db")
    def test_the_later_of_two_moves_is_run_again(self):
        a, b, c, d = self.employee_ids
        with self.committed() as first:
            # Its snapshot is taken before the other transaction commits.
            first["hr.employee"].browse(c).parent_id = d
            first.flush_all()
            with self.committed() as second:
                second["hr.employee"].browse(a).parent_id = b
            with self.assertRaises(SerializationFailure):
                first.cr.flush()
            first.cr.rollback()


class _Committed:
    """An environment on a cursor of its own that commits where the block ends."""

    def __init__(self, registry):
        self.cr = registry.cursor()

    def __enter__(self):
        return api.Environment(self.cr, SUPERUSER_ID, {"tracking_disable": True})

    def __exit__(self, exc_type, *args):
        self.cr.__exit__(exc_type, *args)
