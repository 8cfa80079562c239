from odoo import Command
from odoo.tests import tagged

from ..models.event_store.replay import replay
from .common import SalesOrganisation


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
        other = self.env["res.company"].create({"name": "cqrs other company"})
        self.seller.company_ids = [Command.link(other.id)]
        second = self.employee("second", user=self.seller, company=other)
        self.assertEqual(
            self.profile(self.seller)["odoo"]["employee_id"], self.seller_employee.id
        )
        self.seller.company_id = other
        self.assertEqual(self.profile(self.seller)["odoo"]["employee_id"], second.id)
