from odoo.exceptions import UserError
from odoo.tests import TransactionCase, tagged

from .. import hooks
from ..models.maintenance.replay import replay
from ..models.maintenance.verify import verify
from .common import SalesOrganisation
from .examples import add_models, classes_of, code_of

LOST = "cqrs.lost"


@tagged("post_install", "-at_install")
class TestHowToAddAReadModel(SalesOrganisation, TransactionCase):
    def lost(self):
        self.env.cr.flush()
        self.env.cr.execute("SELECT id, lost_reason_id FROM cqrs_lost")
        return dict(self.env.cr.fetchall())

    def lose(self, lead):
        lead.action_set_lost(lost_reason_id=self.reason.id)
        return lead

    def test_lost_opportunities(self):
        self.reason = self.env["crm.lost.reason"].create({"name": "Too expensive"})
        deal = self.lose(self.opportunity(self.seller))
        won = self.opportunity(self.seller)
        won.action_set_won()
        self.lose(self.opportunity(self.seller, type="lead"))
        self.env.cr.flush()

        add_models(
            self, *classes_of(code_of("how-to/add-a-read-model.md"), "projections")
        )
        self.registry.init_models(self.env.cr, [LOST], {}, install=False)
        with self.subTest("the update has filled it"):
            lost = self.lost()
            self.assertEqual(lost.get(deal.id), self.reason.id)
            leads = self.env["crm.lead"].with_context(active_test=False).browse(lost)
            self.assertEqual(set(leads.mapped("type")), {"opportunity"})
            self.assertEqual(set(leads.mapped("won_status")), {"lost"})

        with self.subTest("every write keeps it"):
            others = [self.opportunity(self.seller) for __ in range(3)]
            for other in others:
                self.lose(other)
            self.assertEqual(
                self.lost(), {**lost, **{o.id: self.reason.id for o in others}}
            )
            others[0].unlink()
            others[1].action_unarchive()
            others[2].type = "lead"
            deal.lost_reason_id = False
            self.assertEqual(self.lost(), {**lost, deal.id: None})

        with self.subTest("a replay and verify compare it"):
            [found] = replay(self.env, [LOST], repair=False)
            self.assertEqual((found.rows, found.drift), (len(lost), 0))
            self.assertEqual(verify(self.env), [])

        with self.subTest("nobody writes it"), self.assertRaises(UserError):
            self.env[LOST].sudo().create([{}])

        with (
            self.subTest("an uninstall drops it"),
            self.env.cr.savepoint() as savepoint,
        ):
            hooks._drop(self.env)
            self.env.cr.execute("SELECT to_regclass('cqrs_lost')")
            self.assertEqual(self.env.cr.fetchone(), (None,))
            savepoint.rollback()
