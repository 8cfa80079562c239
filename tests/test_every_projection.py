"""The contract that holds for every read model."""

from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from .. import hooks
from ..models.maintenance.replay import replay
from ..models.projections.failures import broken
from .common import SalesOrganisation

TABLES = """
    SELECT relname FROM pg_class
    WHERE relkind = 'r' AND relnamespace = current_schema::regnamespace
"""


@tagged("post_install", "-at_install")
class TestEveryProjection(SalesOrganisation, TransactionCase):
    def setUp(self):
        super().setUp()
        self.projections = self.env["cqrs.projection"]._projections()
        captured = set(self.env["cqrs.event"]._captured())
        self.filled = [p for p in self.projections if captured & {*p._cqrs_consumes}]
        self.assertGreater(len(self.filled), 3)

    def make_records(self):
        """Make records from which each table that can be filled has a row."""
        partner = self.env["res.partner"].create({"name": "cqrs", "is_company": True})
        self.opportunity(self.seller, partner_id=partner.id)
        self.env.cr.flush()

    def tables(self):
        self.env.cr.execute(TABLES)
        return {name for (name,) in self.env.cr.fetchall()}

    def delete_all(self, table):
        self.env.cr.execute(SQL("DELETE FROM %s", SQL.identifier(table)))
        return self.env.cr.rowcount

    def test_nobody_writes_it_through_the_orm(self):
        for projection in self.projections:
            records = projection.sudo()
            for what, write in {
                "create": lambda model: model.create([{}]),
                "_create": lambda model: model._create([]),
                "write": lambda model: model.browse(1).write({}),
                "_write_multi": lambda model: model.browse(1)._write_multi([{}]),
                "unlink": lambda model: model.browse(1).unlink(),
            }.items():
                with (
                    self.subTest(projection._name, what=what),
                    self.assertRaises(UserError),
                ):
                    write(records)

    def test_its_tables_are_those_that_it_declares(self):
        for projection in self.projections:
            with self.subTest(projection._name), self.env.cr.savepoint() as savepoint:
                declared = set(projection._declared_tables())
                for table in declared:
                    self.env.cr.execute(SQL("DROP TABLE %s", SQL.identifier(table)))
                before = self.tables()
                projection._create_tables()
                self.assertEqual(self.tables() - before, declared)
                savepoint.rollback()

    def test_an_update_makes_and_fills_what_is_missing(self):
        self.make_records()
        for projection in self.filled:
            with self.subTest(projection._name), self.env.cr.savepoint() as savepoint:
                for table in projection._cqrs_tables:
                    self.env.cr.execute(
                        SQL("DROP TABLE %s", SQL.identifier(table.name))
                    )
                self.registry.init_models(
                    self.env.cr, [projection._name], {}, install=False
                )
                self.assertEqual(broken(self.env), {})
                [found] = replay(self.env, [projection._name], repair=False)
                self.assertEqual(found.drift, 0)
                self.assertGreater(found.rows, 0)
                savepoint.rollback()

    def test_an_uninstall_drops_them_whatever_they_are_called(self):
        declared = [t for p in self.projections for t in p._declared_tables()]
        self.env.cr.execute("CREATE TABLE of_another_name ()")
        self.patch(
            self.registry["cqrs.metrics"],
            "_declared_tables",
            lambda projection: ["of_another_name"],
        )
        with self.env.cr.savepoint() as savepoint:
            hooks._drop(self.env)
            self.assertEqual(
                self.tables().intersection([*declared, "of_another_name"]), set()
            )
            savepoint.rollback()

    def test_a_replay_compares_each_of_its_tables(self):
        self.make_records()
        for name in ("cqrs.metrics", "cqrs.sales.figures"):
            self.env[name]._fold_batch()
        self.make_records()
        for projection in self.filled:
            for table in projection._cqrs_tables:
                with (
                    self.subTest(table.name),
                    self.env.cr.savepoint() as savepoint,
                ):
                    self.assertGreater(self.delete_all(table.name), 0)
                    [found] = replay(self.env, [projection._name], repair=False)
                    self.assertGreater(found.missing, 0)
                    savepoint.rollback()
