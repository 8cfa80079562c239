from odoo import Command
from odoo.tests import tagged

from ..models.maintenance.replay import replay
from .common import SalesOrganisation, other_company


@tagged("post_install", "-at_install")
class TestUserProfile(SalesOrganisation):
    def profile(self, user):
        return self.dashboard(user)["user"]

    def test_both_identities_and_the_hierarchy(self):
        profile = self.profile(self.manager)
        uuid = self.env["cqrs.user.profile"].browse(self.manager.id).uuid
        seller = self.env["cqrs.user.profile"].browse(self.seller.id)
        head = self.env["cqrs.user.profile"].browse(self.head.id)
        self.assertEqual(
            profile,
            {
                "id": uuid,
                "email": self.manager.email,
                "name": "Manager",
                "odoo": {
                    "user_id": self.manager.id,
                    "employee_id": self.manager_employee.id,
                    "manager_employee_id": self.head_employee.id,
                },
                "hierarchy": {
                    "manager": {
                        "id": head.uuid,
                        "name": "Head",
                        "email": self.head.email,
                    },
                    "subordinates": [
                        {
                            "id": seller.uuid,
                            "name": "Seller",
                            "email": self.seller.email,
                        }
                    ],
                    "is_manager": True,
                    "reports_count": 1,
                },
            },
        )

    def test_the_uuid_survives_what_a_login_or_an_identity_provider_writes(self):
        before = self.profile(self.seller)
        self.seller._update_last_login()
        self.seller.write(
            {"name": "Renamed", "login": "cqrs_renamed", "email": "n@x.org"}
        )
        after = self.profile(self.seller)
        self.assertEqual(after, {**before, "name": "Renamed", "email": "n@x.org"})

    def test_the_uuid_is_the_same_after_a_rebuild_from_the_log(self):
        before = self.profile(self.seller)
        self.env.cr.execute("DELETE FROM cqrs_user_profile")
        replay(self.env, ["cqrs.user.profile"])
        self.assertEqual(self.profile(self.seller), before)

    def test_a_user_who_becomes_a_portal_user_has_no_profile(self):
        self.seller.group_ids = [Command.set(self.env.ref("base.group_portal").ids)]
        self.env.cr.flush()
        profiles = self.env["cqrs.user.profile"]
        self.assertFalse(profiles.browse(self.seller.id).exists())
        self.assertEqual(self.profile(self.manager)["hierarchy"]["subordinates"], [])

    def test_an_employee_of_the_main_company_comes_first(self):
        other = other_company(self.env)
        self.seller.company_ids = [Command.link(other.id)]
        second = self.employee("second", user=self.seller, company=other)
        self.assertEqual(
            self.profile(self.seller)["odoo"]["employee_id"], self.seller_employee.id
        )
        self.seller.company_id = other
        self.assertEqual(self.profile(self.seller)["odoo"]["employee_id"], second.id)

    def test_who_works_elsewhere_is_no_report_that_one_is_shown(self):
        other = other_company(self.env)
        self.seller.write(
            {"company_ids": [Command.set(other.ids)], "company_id": other.id}
        )
        self.seller_employee.company_id = other
        views = self.env["cqrs.dashboard"], self.env["cqrs.reports"]

        def shown(viewer, caller):
            self.env.cr.flush()
            dashboard, hierarchy = (view.with_user(caller) for view in views)
            profile = dashboard._read_profile(viewer)["hierarchy"]
            level = hierarchy._read_level(viewer, viewer)
            [above] = [
                node["reports_count"]
                for node in hierarchy._read_level(caller, self.head)["items"]
                if node["user_id"] == viewer.id
            ] or [level["total"]]
            counts = {
                profile["reports_count"],
                len(profile["subordinates"]),
                dashboard._read_access(viewer)["subordinate_count"],
                above,
                level["total"],
                level["parent"]["reports_count"],
            }
            self.assertEqual(len(counts), 1, counts)
            return counts.pop()

        self.assertEqual(shown(self.manager, self.manager), 0)
        self.manager.company_ids |= other
        self.assertEqual(shown(self.manager, self.manager), 1)
        # Of whom one looks as, no more than of oneself.
        self.assertEqual(shown(self.manager, self.head), 0)
        self.head.company_ids |= other
        self.assertEqual(shown(self.manager, self.head), 1)

    def test_an_identity_provider_writes_the_user_at_login(self):
        # As auth_oauth does: as superuser, by login, and with what the token says.
        before = self.profile(self.seller)
        user = self.env["res.users"].sudo().search([("login", "=", "cqrs_seller")])
        user.write({"name": "From the Token", "email": "token@x.org", "active": True})
        user.write({"image_1920": False, "password": "new", "lang": "en_US"})
        user._update_last_login()
        after = self.profile(self.seller)
        self.assertEqual(
            after, {**before, "name": "From the Token", "email": "token@x.org"}
        )

    def test_a_login_writes_no_profile(self):
        self.env.cr.flush()
        query = "SELECT ctid, xmin, id FROM cqrs_user_profile ORDER BY id"
        self.env.cr.execute(query)
        before = self.env.cr.fetchall()
        for user in self.seller | self.manager:
            user.with_user(user)._update_last_login()
            self.env.cr.flush()
        self.env.cr.execute(query)
        self.assertEqual(self.env.cr.fetchall(), before)

    def test_a_user_is_archived_and_comes_back(self):
        before = self.profile(self.seller)
        self.seller.active = False
        profiles = self.env["cqrs.user.profile"].with_context(active_test=False)
        profile = profiles.browse(self.seller.id)
        self.assertEqual((profile.uuid, profile.active), (before["id"], False))
        self.assertEqual(self.profile(self.manager)["hierarchy"]["reports_count"], 0)
        self.seller.active = True
        self.assertEqual(self.profile(self.seller), before)
        self.assertEqual(self.profile(self.manager)["hierarchy"]["reports_count"], 1)

    def test_an_archived_employee_gives_way_and_comes_back(self):
        other = other_company(self.env)
        self.seller.company_ids = [Command.link(other.id)]
        second = self.employee("second", user=self.seller, company=other)
        self.seller_employee.active = False
        odoo = self.profile(self.seller)["odoo"]
        self.assertEqual(odoo["employee_id"], second.id)
        self.assertIsNone(odoo["manager_employee_id"])
        second.active = False
        # Of none that is active, the one of the main company again.
        odoo = self.profile(self.seller)["odoo"]
        self.assertEqual(odoo["employee_id"], self.seller_employee.id)
        (self.seller_employee | second).active = True
        odoo = self.profile(self.seller)["odoo"]
        self.assertEqual(odoo["employee_id"], self.seller_employee.id)
        self.assertEqual(odoo["manager_employee_id"], self.manager_employee.id)

    def test_a_user_without_an_employee(self):
        user, employee = self.person("single")
        uuid = self.profile(user)["id"]
        employee.unlink()
        profile = self.profile(user)
        self.assertEqual(
            profile["odoo"],
            {"user_id": user.id, "employee_id": None, "manager_employee_id": None},
        )
        self.assertEqual(profile["id"], uuid)
        self.assertIsNone(profile["hierarchy"]["manager"])
        self.assertEqual(profile["hierarchy"]["subordinates"], [])

    def test_an_employee_without_a_user_has_no_profile_but_manages(self):
        link = self.employee("link", self.head_employee)
        self.seller_employee.parent_id = link
        profile = self.profile(self.seller)
        self.assertEqual(profile["odoo"]["manager_employee_id"], link.id)
        # The next above who has a user.
        self.assertEqual(profile["hierarchy"]["manager"]["name"], "Head")
        link.user_id = self.peer
        self.peer_employee.user_id = False
        profile = self.profile(self.seller)
        self.assertEqual(profile["hierarchy"]["manager"]["name"], "Peer")

    def test_every_profile_is_the_same_after_a_rebuild(self):
        other = other_company(self.env)
        self.seller.company_ids = [Command.link(other.id)]
        self.employee("second", user=self.seller, company=other)
        self.peer.active = False
        self.manager.name = "Renamed"
        self.env.cr.flush()
        query = "SELECT * FROM cqrs_user_profile ORDER BY id"
        self.env.cr.execute(query)
        before = self.env.cr.dictfetchall()
        self.env.cr.execute("DELETE FROM cqrs_user_profile")
        replay(self.env, ["cqrs.user.profile"])
        self.env.cr.execute(query)
        self.assertEqual(self.env.cr.dictfetchall(), before)
