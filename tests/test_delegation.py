from datetime import date, timedelta

import psycopg2
from freezegun import freeze_time

from odoo import Command, fields
from odoo.exceptions import AccessError, UserError, ValidationError
from odoo.tests import Form, new_test_user, tagged
from odoo.tools import mute_logger

from ..models.access.options import OPTIONS
from .common import SalesOrganisation, other_company


@tagged("post_install", "-at_install")
class TestDelegation(SalesOrganisation):
    """The manager goes on leave and lends the peer their view."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal = cls.opportunity(cls.seller)
        cls.today = date.today()

    def lend(self, lender=None, delegate=None, first=0, last=0, **values):
        """Return a delegation; the days are counted from today."""
        return self.env["cqrs.delegation"].create(
            {
                "lender_id": (lender or self.manager).id,
                "delegate_id": (delegate or self.peer).id,
                "date_from": self.today + timedelta(days=first),
                "date_to": self.today + timedelta(days=last),
                **values,
            }
        )

    def sees(self, user, deal=None):
        """Return whether the dashboard, and Odoo's own lists, show a deal."""
        deal = deal or self.deal
        may_see = deal.id in self.visible(user)
        page = self.env["cqrs.opportunities"]._read_page(user, limit=1000)
        self.assertIs(deal.id in page.ids, may_see)
        leads = self.env["crm.lead"].with_user(user)
        self.assertIs(bool(leads.search([("id", "=", deal.id)])), may_see)
        self.assertIs(leads.browse(deal.id).has_access("read"), may_see)
        views = self.env["cqrs.opportunity.view"].with_user(user)
        self.assertIs(bool(views.search([("id", "=", deal.id)])), may_see)
        return may_see

    def in_team(self, *users):
        team = self.env.ref("crm_cqrs.group_sale_team")
        for user in users:
            user.group_ids = [Command.link(team.id)]

    def test_the_delegate_sees_what_the_lender_sees(self):
        self.in_team(self.manager)
        self.assertFalse(self.sees(self.peer))
        delegation = self.lend()
        self.assertTrue(self.sees(self.peer))
        self.seller_employee.parent_id = False
        self.assertFalse(self.sees(self.peer))
        self.seller_employee.parent_id = self.manager_employee
        self.assertTrue(self.sees(self.peer))
        delegation.active = False
        self.assertFalse(self.sees(self.peer))

    def test_a_salesperson_lends_the_own(self):
        self.lend(self.seller)
        self.assertTrue(self.sees(self.peer))

    def test_who_looks_as_the_delegate_sees_what_the_own_team_has(self):
        """The manager sees the peer's deal as a leader, the seller as a delegate."""
        self.env["ir.config_parameter"].set_param(OPTIONS["team_leaders"], True)
        team = self.env["crm.team"].create(
            {"name": "cqrs team", "user_id": self.manager.id}
        )
        in_team = self.opportunity(self.peer, team_id=team.id)
        elsewhere = self.opportunity(self.peer)
        self.lend(self.peer, self.seller)
        self.env.cr.flush()
        for who, seen in (
            (self.seller, {self.deal.id, in_team.id, elsewhere.id}),
            (self.manager, {self.deal.id, in_team.id}),
        ):
            env = self.env(user=who)
            page = env["cqrs.opportunities"]._read_page(self.seller, limit=1000)
            self.assertEqual(set(page.ids), seen)
            self.assertEqual(env["cqrs.opportunities"]._count(self.seller), len(seen))

    def test_what_is_lent_can_be_looked_for(self):
        self.lend(self.seller)
        own = self.opportunity(self.peer)
        leads = self.env["crm.lead"].with_user(self.peer)
        lent = leads.search([("cqrs_lent", "=", True)])
        self.assertEqual(lent.ids, self.deal.ids)
        self.assertIn(own, leads.search([("cqrs_lent", "=", False)]))

    def test_a_move_of_the_lenders_people_shows_before_a_flush(self):
        self.in_team(self.manager)
        self.lend(self.manager)
        leads = self.env["crm.lead"].with_user(self.peer)
        domain = [("id", "=", self.deal.id)]
        self.assertTrue(leads.search(domain))
        self.seller_employee.parent_id = False
        self.assertFalse(leads.search(domain))

    def test_odoos_lists_show_no_more_than_they_show_the_lender(self):
        self.lend(self.manager)
        lead = self.env["crm.lead"].with_user(self.peer).browse(self.deal.id)
        self.assertIn(self.deal.id, self.visible(self.peer))
        self.assertFalse(lead.has_access("read"))
        self.in_team(self.manager)
        self.assertTrue(lead.has_access("read"))

    def test_it_is_read_only(self):
        self.lend(self.seller)
        lead = self.deal.with_user(self.peer)
        self.assertTrue(lead.has_access("read"))
        self.assertFalse(lead.has_access("write"))
        with self.assertRaises(AccessError):
            lead.name = "Changed"
        with self.assertRaises(AccessError):
            lead.message_post(body="Mine")

    def test_it_is_not_lent_on(self):
        self.in_team(self.manager, self.other_manager, self.peer)
        self.lend(self.manager, self.peer)
        self.lend(self.peer, self.other_manager)
        self.assertTrue(self.sees(self.peer))
        self.assertFalse(self.sees(self.other_manager))

    def test_both_days_are_included_and_no_other(self):
        for first, last, seen in [
            (0, 0, True),
            (-1, 0, True),
            (0, 1, True),
            (-3, -1, False),
            (1, 3, False),
        ]:
            with self.subTest(first=first, last=last):
                delegation = self.lend(self.seller, first=first, last=last)
                self.assertIs(self.sees(self.peer), seen)
                delegation.active = False

    def test_it_begins_on_the_lenders_day_unless_told_otherwise(self):
        self.env.user.tz = "Europe/Brussels"
        lent = {"delegate_id": self.peer.id, "date_to": "2030-12-31"}
        for zone, day in [
            ("UTC", "2030-05-06"),
            ("Pacific/Kiritimati", "2030-05-07"),
            ("Pacific/Pago_Pago", "2030-05-06"),
        ]:
            self.seller.tz = zone
            with self.subTest(zone), freeze_time("2030-05-06 23:00:00"):
                delegation = self.env["cqrs.delegation"].create(
                    {**lent, "lender_id": self.seller.id}
                )
                self.assertEqual(str(delegation.date_from), day)
                self.assertTrue(self.sees(self.peer))
                delegation.active = False
                form = Form(self.env["cqrs.delegation"].with_user(self.seller))
                self.assertEqual(str(form.date_from), day)
                form = Form(self.env["cqrs.delegation"])
                self.assertEqual(str(form.date_from), "2030-05-07")
                form.lender_id = self.seller
                self.assertEqual(str(form.date_from), day)

    def test_the_days_are_the_lenders(self):
        group = "sales_team.group_sale_salesman"
        lender = new_test_user(self.env, login="cqrs_abroad", groups=group)
        self.lend(lender, date_from="2030-05-06", date_to="2030-05-07")
        lenders = self.env["cqrs.access"]._lenders
        for zone, start, end in [
            (False, "2030-05-06 00:00:00", "2030-05-07 23:59:59"),
            ("Pacific/Auckland", "2030-05-05 12:00:00", "2030-05-07 11:59:59"),
            ("America/Los_Angeles", "2030-05-06 07:00:00", "2030-05-08 06:59:59"),
            ("Pacific/Kiritimati", "2030-05-05 10:00:00", "2030-05-07 09:59:59"),
        ]:
            lender.tz = zone
            for time, seconds, lent in [
                (start, -1, False),
                (start, 0, True),
                (end, 0, True),
                (end, 1, False),
            ]:
                moment = fields.Datetime.to_datetime(time) + timedelta(seconds=seconds)
                with self.subTest(zone=zone, moment=moment), freeze_time(moment):
                    expected = lender.ids if lent else []
                    self.assertEqual(lenders(self.peer), expected)

    def test_in_a_zone_that_is_unknown_the_days_are_those_of_utc(self):
        self.lend(self.seller, date_from="2030-05-06", date_to="2030-05-06")
        self.env.flush_all()
        self.env.cr.execute(
            "UPDATE res_partner SET tz = 'Nowhere/Gone' WHERE id = %s",
            [self.seller.partner_id.id],
        )
        self.env.invalidate_all()
        lenders = self.env["cqrs.access"]._lenders
        for day, expected in ((5, []), (6, self.seller.ids), (7, [])):
            with freeze_time(f"2030-05-{day:02} 12:00:00"):
                self.assertEqual(lenders(self.peer), expected)

    def test_only_in_companies_where_both_may_work(self):
        other = other_company(self.env)
        self.seller.company_ids = [Command.link(other.id)]
        deal = self.opportunity(self.seller, company_id=other.id)
        self.lend(self.seller)
        self.assertTrue(self.sees(self.peer))
        self.assertFalse(self.sees(self.peer, deal))

    def test_an_archived_lender_lends_nothing(self):
        self.lend(self.seller)
        self.seller.active = False
        self.assertFalse(self.sees(self.peer))

    def test_an_archived_delegate_is_lent_nothing(self):
        self.lend(self.seller)
        self.peer.active = False
        self.assertEqual(self.visible(self.peer), set())

    def test_a_delegate_who_loses_the_sales_groups_is_lent_nothing(self):
        self.lend(self.seller, first=-1, last=30)
        self.assertTrue(self.sees(self.peer))
        groups = self.peer.group_ids
        self.peer.group_ids = [Command.set(self.env.ref("base.group_user").ids)]
        self.assertEqual(self.visible(self.peer), set())
        self.assertEqual(self.env["cqrs.access"]._lenders(self.peer), [])
        reasons = self.env["cqrs.access"]._explain(self.peer, self.deal.id)["reasons"]
        self.assertIn("Peer does not have access to opportunities", reasons[0])
        leads = self.env["crm.lead"].with_user(self.peer).sudo()
        self.assertFalse(leads.search([("cqrs_lent", "=", True)]))
        # They are asked when it is read: what is given back counts again.
        self.peer.group_ids = [Command.set(groups.ids)]
        self.assertTrue(self.sees(self.peer))

    def test_a_lender_who_loses_the_sales_groups_lends_nothing(self):
        self.lend(self.seller, first=-1, last=30)
        groups = self.seller.group_ids
        self.seller.group_ids = [Command.set(self.env.ref("base.group_user").ids)]
        self.assertFalse(self.sees(self.peer))
        self.assertEqual(self.env["cqrs.access"]._lenders(self.peer), [])
        self.seller.group_ids = [Command.set(groups.ids)]
        self.assertTrue(self.sees(self.peer))

    def test_whichever_group_lets_the_delegate_read_leads(self):
        readers = self.env["res.groups"].create({"name": "Readers of leads"})
        self.env["ir.model.access"].create(
            {
                "name": "readers",
                "model_id": self.env.ref("crm.model_crm_lead").id,
                "group_id": readers.id,
                "perm_read": True,
            }
        )
        auditor = new_test_user(self.env, login="cqrs_auditor")
        auditor.group_ids += readers
        offered = self.env["res.users"].search(self.env["cqrs.delegation"]._people())
        self.assertIn(auditor, offered)
        self.assertNotIn(self.env.ref("base.user_root"), offered)
        self.lend(self.seller, auditor)
        self.assertEqual(self.visible(auditor), {self.deal.id})

    def test_all_documents_can_be_lent(self):
        everything = self.env.ref("sales_team.group_sale_salesman_all_leads")
        self.other_manager.group_ids = [Command.link(everything.id)]
        self.lend(self.other_manager)
        self.assertTrue(self.sees(self.peer))

    def test_the_rights_of_administrators_alone_lend_no_documents(self):
        system = self.env.ref("base.group_system")
        self.other_manager.group_ids = [Command.link(system.id)]
        self.lend(self.other_manager)
        self.assertFalse(self.deal.with_user(self.peer).has_access("read"))

    # Who may do what

    def test_a_salesperson_lends_the_own_view_alone(self):
        self.env = self.env(user=self.seller)
        form = Form(self.env["cqrs.delegation"])
        self.assertEqual(form.lender_id, self.seller)
        form.delegate_id = self.peer
        form.date_to = self.today
        delegation = form.save()
        self.assertEqual(delegation.display_name, "Seller to Peer")
        with self.assertRaises(AccessError):
            self.lend(self.manager, self.seller)
        with self.assertRaises(AccessError):
            delegation.unlink()
        with self.assertRaises(AccessError):
            delegation.with_user(self.peer).date_to = "2099-12-31"
        self.assertEqual(delegation.with_user(self.peer).lender_id, self.seller)
        with self.assertRaises(AccessError):
            delegation.with_user(self.head).read(["reason"])

    def test_administrators_lend_anyones(self):
        for group in ("sales_team.group_sale_manager", "base.group_system"):
            with self.subTest(group):
                login = f"cqrs_{group}"
                user = new_test_user(self.env, login=login, groups=group)
                delegation = self.env["cqrs.delegation"].with_user(user)
                values = {
                    "lender_id": self.manager.id,
                    "delegate_id": self.peer.id,
                    "date_to": self.today,
                }
                self.assertEqual(delegation.create(values).lender_id, self.manager)

    def test_who_lends_and_to_whom_cannot_be_changed(self):
        delegation = self.lend(self.seller).with_user(self.seller)
        with self.assertRaisesRegex(UserError, "create another one"):
            delegation.lender_id = self.manager
        with self.assertRaisesRegex(UserError, "create another one"):
            delegation.delegate_id = self.head
        delegation.write({"lender_id": self.seller.id, "reason": "Leave"})
        self.assertEqual(delegation.reason, "Leave")

    def test_it_ends_at_once_before_a_flush(self):
        lenders = self.env["cqrs.access"]._lenders
        delegation = self.lend(self.seller, first=-5, last=5)
        self.assertEqual(lenders(self.peer), self.seller.ids)
        delegation.date_to = self.today - timedelta(days=1)
        self.assertEqual(lenders(self.peer), [])

    def test_ending_it_early_leaves_a_record(self):
        delegation = self.lend(self.seller, first=-5, last=5)
        delegation = delegation.with_context(tracking_disable=False)
        self.env.cr.flush()
        delegation.date_to = self.today - timedelta(days=1)
        self.env.cr.flush()
        self.assertFalse(self.sees(self.peer))
        tracked = delegation.message_ids.tracking_value_ids.filtered(
            lambda value: value.field_id.name == "date_to"
        )
        self.assertEqual(len(tracked), 1)

    @mute_logger("odoo.sql_db")
    def test_what_makes_no_sense_is_refused(self):
        with (
            self.assertRaises(psycopg2.errors.CheckViolation),
            self.env.cr.savepoint(),
        ):
            self.lend(first=1, last=0)
        with (
            self.assertRaises(psycopg2.errors.CheckViolation),
            self.env.cr.savepoint(),
        ):
            self.lend(self.peer, self.peer)
        outsider = new_test_user(self.env, login="cqrs_outsider", name="Outsider")
        with self.assertRaisesRegex(ValidationError, "Outsider does not have access"):
            self.lend(delegate=outsider)
        with self.assertRaisesRegex(ValidationError, "Outsider does not have access"):
            self.lend(outsider, self.peer)

    def test_archived_users_neither_lend_nor_borrow(self):
        former, __ = self.person("former")
        former.active = False
        for lender, delegate in ((former, self.peer), (self.peer, former)):
            with self.assertRaisesRegex(ValidationError, "Former is archived"):
                self.lend(lender, delegate)
