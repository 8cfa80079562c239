"""The screens of somebody who administers a company, and of keys bound to companies."""

import os
import unittest
from datetime import timedelta
from pathlib import Path

from odoo import Command, fields
from odoo.tests import new_test_user, tagged
from odoo.tests.common import _registry_test_lock

from .browser import BrowserCase
from .common import SalesOrganisation, administrator, other_company
from .test_accessibility import MODULES

GROUP = "crm_cqrs.group_company_event_store"
PICTURES = os.environ.get("CRM_CQRS_PICTURES")

# Odoo's own lists and dialogs have faults of their own, on each of its screens.
AXE = """
(async () => {
    const where = {include: "%s", exclude: ".o-autocomplete"};
    const {violations} = await axe.run(where, {resultTypes: ["violations"]});
    return violations.flatMap(({id, nodes}) => nodes.map(({html}) => `${id}: ${html}`));
})()
"""
#: Whatever is cut in a list
CUT = """
[...document.querySelectorAll(".o_list_table th, .o_list_table .o_data_cell")]
    .flatMap((cell) => [cell, ...cell.querySelectorAll("*")])
    .filter((each) => each.scrollWidth > each.clientWidth + 1 && each.clientWidth)
    .map((each) => each.textContent.trim())
    .filter(Boolean)
"""
ROW = "document.querySelector('.o_data_row')"


@tagged("post_install", "-at_install")
@unittest.skipUnless(MODULES, "needs ./dev test, which provides axe")
class TestScreensOfCompanies(SalesOrganisation, BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.there = other_company(cls.env)
        cls.here = cls.env.company
        cls.keeper = new_test_user(
            cls.env,
            login="cqrs_keeper",
            groups=GROUP,
            company_id=cls.here.id,
            company_ids=[Command.set(cls.here.ids)],
        )
        cls.opportunity(cls.seller, name="cqrs ours")
        cls.seller.company_ids = [Command.set((cls.here | cls.there).ids)]
        cls.opportunity(
            cls.seller, name="cqrs theirs", company_id=cls.there.id, team_id=False
        )
        cls.env.cr.flush()
        cls.axe = Path(MODULES, "axe-core", "axe.min.js").read_text()

    def look(self, name, part=""):
        """Keep a picture, if they are wanted; nothing is cut, and axe finds nothing."""
        if PICTURES:
            Path(PICTURES, f"{name}.png").write_bytes(self.page.picture())
        with self.subTest(screen=name):
            self.assertEqual(self.js(CUT), [])
            if part:
                self.js(f"{self.axe};true")
                self.assertEqual(self.js(AXE % part), [])

    def click(self, selector, text=""):
        found = (
            f"[...document.querySelectorAll({selector!r})]"
            f".find((each) => each.textContent.includes({text!r}))"
        )
        self.until(found)
        self.js(f"{found}.click()")

    def test_a_company_sees_its_own(self):
        action = "/odoo/action-crm_cqrs.cqrs_{}_action"
        with self.browse():
            self.enter(self.keeper)
            self.visit(action.format("event"), ROW)
            self.look("company-events")
            self.follow(action.format("company_health"), ROW)
            self.look("company-health")
            self.click(".o_data_row button", "Export")
            self.click(".modal button", "Ok")
            self.until("document.querySelector('[name=file_url]')")
            self.assertFalse(self.js("document.querySelector('[name=file_url] a')"))
            self.look("company-exports")
            self.end_export()
            # Nobody has loaded the list again.
            self.until("document.querySelector('[name=file_url] a')")
            self.look("company-exported")
            self.follow(
                action.format("webhook"), "document.querySelector('.o_view_nocontent')"
            )
            self.look("company-webhooks")

    def end_export(self):
        with _registry_test_lock:
            run = self.env["cqrs.run"].search([("kind", "=", "export")], limit=1)
            self.env["ir.attachment"].create(
                {
                    "name": "Export",
                    "raw": b"{}",
                    "res_model": run._name,
                    "res_id": run.id,
                }
            )
            run.write({"state": "done", "progress": 100})
            self.env.flush_all()

    def test_a_key_is_bound_by_clicks(self):
        admin = administrator(self.env)
        keys = self.env["res.users.apikeys"].with_user(self.seller).sudo()
        keys._generate(None, "cqrs ours", fields.Datetime.now() + timedelta(days=1))
        key = keys.search([("user_id", "=", self.seller.id)])
        field = ".modal [name=company_ids] input"
        password, name = admin.login, self.there.name
        with self.browse():
            self.enter(admin)
            self.visit("/odoo/action-base.action_apikeys_admin", ROW)
            self.click(".o_data_row button[name=action_cqrs_companies]")
            self.until(f"document.querySelector('{field}')")
            self.look("key", ".modal .o_form_renderer")
            self.click(field)
            self.js(f"document.querySelector('{field}').focus()")
            self.page.write_text(name)
            self.click(".o-autocomplete--dropdown-item", name)
            self.until("document.querySelector('.modal .o_tag')")
            self.look("key-of-a-company")
            self.click("button[name=action_bind]")
            self.until("document.querySelector('.modal input[type=password]')")
            self.js("document.querySelector('.modal input[type=password]').focus()")
            self.page.write_text(password)
            self.click(".modal button", "Confirm Password")
            self.until("!document.querySelector('.modal')")
            self.look("keys")
        self.assertEqual(key.cqrs_company_ids, self.there)
