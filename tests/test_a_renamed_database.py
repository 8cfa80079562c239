"""What a database accepts after a rename, and what a copy of it does."""

from odoo.tests import TransactionCase, tagged

from ..models.maintenance.renamed import Renaming, refused
from ..models.support.binding import KNOWN_AS, identities, marks, this_database

VALUES = {"name": "Outside", "url": "https://hooks.example.com/"}


@tagged("post_install", "-at_install")
class TestARenamedDatabase(TransactionCase):
    def setUp(self):
        super().setUp()
        self.this = this_database(self.env)
        uuid, __, self.name = self.this.partition(" ")
        self.former = f"{uuid} former name"
        self.admin = self.env.ref("base.user_admin")
        self.keys = self.env["res.users.apikeys"].with_user(self.admin).sudo()
        self.key = self.keys._generate(None, "test", False)
        self.webhook = (
            self.env["cqrs.webhook"].with_user(self.admin).create(VALUES).sudo()
        )

    def bind(self, identity):
        self.env.cr.execute(
            "UPDATE cqrs_api_key_database SET bound_to = %s", [identity]
        )
        self.webhook._set_state(bound_to=identity)
        self.env.flush_all()

    def is_accepted(self):
        accepted = {
            self.keys._cqrs_bounds(self.key, self.admin.id).is_of_here,
            self.webhook._is_bound(),
        }
        self.assertEqual(len(accepted), 1)
        return accepted.pop()

    def test_what_was_made_here_is_accepted(self):
        self.assertTrue(self.is_accepted())
        self.assertEqual(refused(self.env), {})
        self.assertEqual(identities(self.env), [self.this])

    def test_what_was_made_under_a_former_name_is_once_it_is_confirmed(self):
        self.bind(self.former)
        self.assertFalse(self.is_accepted())
        self.assertEqual(refused(self.env)["former name"]["webhooks"], 1)
        before = marks(self.env)
        renaming = Renaming.of(self.env, "former name")
        self.assertIn("1 webhooks", renaming.question)
        document = renaming.confirm(self.env)
        self.assertEqual(document["known_as"], [self.name, "former name"])
        self.assertTrue(self.is_accepted())
        self.assertEqual(refused(self.env), {})
        self.assertEqual(marks(self.env)[:1], before)
        self.assertEqual(len(marks(self.env)), 2)
        with self.assertRaisesRegex(ValueError, "already known as former name"):
            Renaming.of(self.env, "former name")

    def test_a_copy_of_the_renamed_database_gains_nothing(self):
        self.bind(self.former)
        Renaming.of(self.env, "former name").confirm(self.env)
        known = self.env["ir.config_parameter"].get_param(KNOWN_AS)
        copied = known.replace(self.this, f"{self.this} of which this is a copy")
        self.env["ir.config_parameter"].set_param(KNOWN_AS, copied)
        self.env.flush_all()
        self.assertFalse(self.is_accepted())
        self.assertEqual(identities(self.env), [self.this])

    def test_a_copy_whose_original_is_there_is_not_renamed(self):
        with self.assertRaisesRegex(ValueError, "still on this server"):
            Renaming.of(self.env, "postgres")

    def test_a_key_of_which_nothing_is_known_is_refused(self):
        self.env.cr.execute("DELETE FROM cqrs_api_key_database")
        self.assertFalse(self.keys._cqrs_bounds(self.key, self.admin.id).is_of_here)

    def test_who_resumes_a_webhook_in_a_copy_gives_it_a_new_secret(self):
        [secret] = self.webhook._signing_secrets()
        self.webhook._resume(send_backlog=False)
        self.assertEqual(self.webhook._signing_secrets(), [secret])
        self.bind(self.former)
        self.webhook._resume(send_backlog=False)
        self.assertNotIn(secret, self.webhook._signing_secrets())
        self.assertTrue(self.webhook._is_bound())
