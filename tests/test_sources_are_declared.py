from odoo import Command, fields, models
from odoo.tests import TransactionCase, tagged

from ..models.event_store.source import DECLARED, Rule, Source
from .common import RealCursors, sources_declared
from .examples import add_models


@tagged("post_install", "-at_install")
class TestSourcesAreDeclared(TransactionCase):
    def attached(self, *sources):
        """Return the attached sources once further ones are declared."""
        self.enterContext(sources_declared(self.env, *sources))
        return self.env["cqrs.event"]._sources()

    def test_fields_that_a_database_lacks_are_left_out(self):
        declared = Source(
            model="res.partner.category",
            noun="Category",
            fields=(
                "name",
                "no_such_field",
                "display_name",  # not stored
                "child_ids",  # rows of the children
                "parent_id",
                "parent_id.name",
                "parent_id.no_such_field",
                "no_such_relation.name",
                "name.name",
                "partner_ids",
            ),
        )
        attached = self.attached(declared)["res.partner.category"]
        self.assertEqual(
            attached.fields, ("name", "parent_id", "parent_id.name", "partner_ids")
        )
        parent = self.env["res.partner.category"].create({"name": "Parent"})
        child = parent.create({"name": "Child", "parent_id": parent.id})
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT type, after FROM cqrs_event WHERE stream_model = %s"
            " AND stream_id = %s",
            [child._name, child.id],
        )
        [(type_, after)] = self.env.cr.fetchall()
        self.assertEqual(type_, "CategoryCreated")
        self.assertEqual(after["parent_id.name"], {"en_US": "Parent"})

    def test_what_is_no_table_is_not_attached(self):
        sources = self.attached(
            Source("mail.thread", "Thread", ("message_follower_ids",)),
            Source("cqrs.event", "Event", ("type",)),
            Source("res.country.group", "CountryGroup", ("no_such_field",)),
        )
        for model in "mail.thread", "cqrs.event", "res.country.group":
            self.assertNotIn(model, sources)

    def test_a_model_that_comes_and_goes(self):
        """As with a module that is installed before or after this one."""
        source = Source("test.optional", "Optional", ("name", "color"))
        self.assertNotIn("test.optional", self.attached(source))

        class Optional(models.Model):
            _name = "test.optional"
            _description = "Model of an Optional Module"
            _module = "crm_cqrs"

            name = fields.Char()

        with self.subTest("comes"):
            remove = add_models(self, Optional)
            self.registry.init_models(self.env.cr, ["test.optional"], {}, False)
            self.assertNotIn("test.optional", self.env["cqrs.event"]._sources())
            self.env["cqrs.source"]._sync()
            attached = self.env["cqrs.event"]._sources()["test.optional"]
            self.assertEqual(attached.fields, ("name",))
            record = self.env["test.optional"].create({"name": "Here"})
            self.env.cr.flush()
            self.assertEqual(
                self.env["cqrs.event"].search([("stream", "=", "test.optional")]).type,
                "OptionalCreated",
            )
            self.assertTrue(record)
        with self.subTest("goes"):
            remove()
            self.assertNotIn("test.optional", self.env["cqrs.event"]._sources())

    def test_an_addon_that_is_not_installed(self):
        with self.subTest("its model is here"):
            source = Source("res.country", "Country", ("name",))
            self.enterContext(sources_declared(self.env))
            DECLARED["res.country"] = {"not_installed": source}
            self.assertNotIn("res.country", self.env["cqrs.event"]._sources())
        with self.subTest("another addon captures the same model"):
            DECLARED["crm.stage"]["not_installed"] = Source(
                "crm.stage", "Step", ("name",), rules=(Rule("Renamed", "name"),)
            )
            self.registry.clear_cache("stable")
            self.assertEqual(
                self.env["cqrs.event"]._sources()["crm.stage"].noun, "Stage"
            )
        with self.subTest("an addon that is"):
            DECLARED["crm.stage"]["crm"] = Source("crm.stage", "Step", ("name",))
            self.registry.clear_cache("stable")
            self.assertEqual(
                self.env["cqrs.event"]._sources()["crm.stage"].noun, "Step"
            )


@tagged("post_install", "-at_install")
class TestSourcesAreReadByAllTransactions(RealCursors):
    def test_an_older_snapshot_is_not_what_the_process_remembers(self):
        name = "res.country.group"

        def remove():
            with self.transaction() as env:
                env["cqrs.source"].search([("model", "=", name)]).unlink()

        self.addCleanup(remove)
        with self.registry.cursor() as older:
            older.execute("SELECT")
            with self.transaction() as env:
                env["cqrs.source"].create(
                    {
                        "model": name,
                        "noun": "Group",
                        "field_ids": [
                            Command.create(
                                {
                                    "path": "name",
                                    "state": "recorded",
                                    "since": fields.Datetime.now(),
                                }
                            )
                        ],
                    }
                )
            # A write would ask the same.
            self.environment(older)["cqrs.event"]._watches()
        with self.transaction() as env:
            self.assertIn(name, env["cqrs.event"]._sources())
            self.assertTrue(env["cqrs.event"]._watches()[name].source)
