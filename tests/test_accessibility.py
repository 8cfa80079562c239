"""``axe`` finds nothing on any screen, in any of the forms that it takes.

Odoo's own frame, which is around each of them, is not looked at.
"""

import os
import unittest
import uuid
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.parse import quote

import psycopg2

from odoo.http import request
from odoo.sql_db import connection_info_for
from odoo.tests import tagged
from odoo.tests.common import HOST

from ..models.maintenance.run import LOCK
from .browser import BrowserCase
from .common import SalesOrganisation, backdate, other_company

MODULES = os.environ.get("CRM_CQRS_NODE_MODULES")
DARK = "crm_cqrs/static/tests/dark/primary_variables.dark.scss"
WIDE, NARROW = (1400, 900), (360, 740)
#: Each screen in all eight forms: CRM_CQRS_AXE=all ./dev test -k accessibility
IS_WHOLE = os.environ.get("CRM_CQRS_AXE") == "all"
#: The widths of each form. Of palette, direction and width any two are seen together:
#: what a style does wrong is seldom wrong in one of eight alone.
SIZES = {
    ("light", "ltr"): [WIDE],
    ("light", "rtl"): [NARROW],
    ("dark", "ltr"): [NARROW],
    ("dark", "rtl"): [WIDE],
}

AXE = """
(async () => {
    // Odoo's own form, which the sheet has, is as it is on Odoo's own screens.
    const shown = [".o_action", ".o_cqrs_deal_sheet"].filter((each) =>
        document.querySelector(each)
    );
    const { violations } = await axe.run(
        {
            include: shown.map((each) => [each]),
            exclude: [[".o_cqrs_deal_sheet .o_form_renderer"]],
        },
        { resultTypes: ["violations"] }
    );
    return violations.flatMap(({ id, help, nodes }) =>
        nodes.map(({ html, any }) => {
            const why = any.map(({ message }) => message).join("; ");
            return `${id}: ${help}: ${html.slice(0, 300)} ${why}`;
        })
    );
})()
"""

# Odoo's own bar gives up its menus a moment after the window has become narrow.
SIDEWAYS = """
(async () => {
    const found = () =>
        [document.documentElement, ...document.querySelectorAll(".o_action .o_content")]
            .filter((each) => each.scrollWidth > each.clientWidth)
            .map((each) => `${each.className} is ${each.scrollWidth} wide`);
    for (let tries = 0; tries < 20 && found().length; tries++) {
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
    return found();
})()
"""

FORM = """
(() => {
    const surface = document.querySelector(".o_control_panel");
    const [red] = getComputedStyle(surface).backgroundColor.match(/\\d+/g);
    const { direction } = getComputedStyle(surface);
    return [red < 128 ? "dark" : "light", direction];
})()
"""

CHARTS = """
document.querySelector(".o_cqrs_opportunity")
    && document.querySelector(".o_cqrs_tile_box:has([data-name=won]) .o_cqrs_line")
    && document.querySelector(".o_cqrs_pick")
    && document.querySelector("canvas")
    && document.querySelector("select[name=currency]")
"""

DAY = """
document.querySelectorAll(".o_cqrs_activity").length === 3
    && document.querySelector(".o_cqrs_attention_item")
    && document.querySelector("canvas")
"""

PAST = """
document.querySelector(".o_cqrs_past") && document.querySelector(".o_cqrs_opportunity")
    && document.querySelector("canvas")
"""

NAME = """
(() => {
    const name = document.querySelector(".o_cqrs_name a");
    const { direction, textAlign } = getComputedStyle(name);
    return [direction, textAlign];
})()
"""

#: Odoo's rules let the manager open no other
OPEN_OWN = """
[...document.querySelectorAll(".o_cqrs_opportunity a")]
    .find(({ textContent }) => textContent.includes("Late deal")).click()
"""
SHEET = """
document.querySelector(".o_cqrs_deal_event")
    && document.querySelector(".o_cqrs_deal_sheet .o_form_sheet")
"""

# As over a slow line: what Odoo's form asks waits.
HOLD = """
(() => {
    const { open, send } = XMLHttpRequest.prototype;
    XMLHttpRequest.prototype.open = function (method, url, ...more) {
        this.isHeld = String(url).includes("/crm.lead/web_read");
        return open.call(this, method, url, ...more);
    };
    XMLHttpRequest.prototype.send = function (...body) {
        return this.isHeld ? undefined : send.call(this, ...body);
    };
})()
"""

TABLES = "document.querySelectorAll('.o_cqrs_toggle').forEach((each) => each.click())"
UNFOLDED = """
document.querySelectorAll("details").forEach((each) => { each.open = true; })
"""
DRAWN = """
new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 100)))
"""

DASHBOARD = "/odoo/sales-dashboard"
CHANGES = "/odoo/pipeline-changes"
SEARCH = f"{DASHBOARD}?group=stage_id&search=" + quote('["mine"]')
WATERFALL = """
document.querySelector(".o_cqrs_changed_deal") && document.querySelector("canvas")
    && document.querySelector(".o_cqrs_pick")
"""


@tagged("post_install", "-at_install")
@unittest.skipUnless(MODULES, "needs ./dev test, which provides axe and rtlcss")
class TestAccessibility(SalesOrganisation, BrowserCase):
    """Light and dark, left to right and right to left, wide and narrow."""

    expected_errors = ("404",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager.group_ids += cls.env.ref("base.group_system")
        # So that there is a company and a currency to choose.
        cls.manager.company_ids += other_company(cls.env)
        for name in ("EUR", "USD"):
            cls.env.ref(f"base.{name}").active = True
        cls.newcomer, _employee = cls.person("newcomer", cls.manager_employee)
        cls.customer = cls.env["res.partner"].create(
            {"name": "Customer", "city": "Liège", "user_id": cls.seller.id}
        )
        for user in (cls.manager, cls.seller):
            cls.opportunity(user, name="Open deal", partner_id=cls.customer.id)
            cls.opportunity(user, name="Won deal").action_set_won()
            cls.opportunity(user, name="Lost deal").action_set_lost()
        cls.late = cls.opportunity(cls.manager, date_deadline="2020-01-31")
        cls.late.name = "Late deal"
        risen = cls.opportunity(cls.seller, name="Risen deal")
        backdate(cls.env, cls.env.cr.now() - timedelta(days=40))
        cls.opportunity(cls.seller, name="Fresh deal")
        risen.expected_revenue *= 2
        cls.yesterday = (cls.env.cr.now() - timedelta(days=1)).date()
        cls.env["res.lang"]._activate_lang("ar_001")
        cls.env["ir.asset"].create(
            {
                "name": "crm_cqrs: a dark palette",
                "bundle": "web.assets_web_dark",
                "directive": "before",
                "target": "web/static/src/scss/primary_variables.scss",
                "path": DARK,
            }
        )
        cls.retire()
        cls.axe = Path(MODULES, "axe-core", "axe.min.js").read_text()

    @classmethod
    def retire(cls):
        """Have callers of v1, steps, and a difference that nothing explains."""
        cls.there_id = (cls.manager.company_ids - cls.manager.company_id).id
        steps = cls.env["cqrs.api.v1.step"]
        steps.action_announce("2030-01-01 00:00:00", "2031-01-01 00:00:00")
        steps.action_switch_off()
        cls.env.cr.flush()
        cls.env.cr.execute(
            """
            INSERT INTO cqrs_api_usage (day, route, user_id, requests)
            VALUES (now()::date, '/api/opportunities', %s, 3);
            UPDATE crm_lead SET expected_revenue = 7 WHERE id = %s
            """,
            [cls.seller.id, cls.late.id],
        )

    def setUp(self):
        super().setUp()
        scheme = patch.object(
            self.env.registry["ir.http"],
            "color_scheme",
            lambda self: request.cookies.get("color_scheme", "light"),
        )
        self.enterContext(scheme)

    def runs(self):
        """Have one run in each state, and another connection perform one of them."""
        runs = self.env["cqrs.run"].create(
            [
                {"kind": "build", "state": "done", "findings": 4},
                {"kind": "replay", "state": "cancelled"},
                {"kind": "reconcile", "state": "failed", "error": "Out of space"},
                {"kind": "verify", "state": "running", "progress": 10},
                {"kind": "verify", "state": "done", "findings": 2},
                {"kind": "replay", "state": "running", "progress": 42},
                {"kind": "compare", "state": "pending"},
            ]
        )
        now = self.env.cr.now()
        runs.filtered(lambda run: run.state != "pending").started_at = now
        runs.filtered(lambda run: run.state == "done").finished_at = now
        connection = psycopg2.connect(**connection_info_for(self.env.cr.dbname)[1])
        self.addCleanup(connection.close)
        with connection.cursor() as cr:
            cr.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, runs[5].id])

    def check(self, form: list[str], state: str, is_whole: bool = IS_WHOLE):
        """Have axe look at what is shown, at the widths of the form or at both."""
        if not self.js("Boolean(window.axe)"):
            self.js(f"{self.axe};true")
        for width, height in [WIDE, NARROW] if is_whole else SIZES[tuple(form)]:
            self.page.resize(width, height)
            # The charts follow, and sizes, after what has resized is drawn.
            self.js(DRAWN)
            with self.subTest(form=form, state=state, width=width):
                self.assertEqual(self.js(FORM), form)
                self.assertEqual(self.js(AXE), [])
                self.assertEqual(self.js(SIDEWAYS), [])
        self.page.resize(*WIDE)

    def test_axe_finds_nothing(self):
        self.runs()
        self.newcomer_id = self.uuid(self.newcomer)
        with self.browse():
            # One method for all: each form has styles of its own, which take longer
            # to make than to look at.
            for language, direction in (("en_US", "ltr"), ("ar_001", "rtl")):
                self.enter(self.manager, lang=language)
                for scheme in ("light", "dark"):
                    self.browser.set_cookie("color_scheme", scheme, "/", HOST)
                    self.check_screens([scheme, direction])

    def test_axe_finds_nothing_on_a_salespersons_day(self):
        deal = self.env["crm.lead"].search([("name", "=", "Risen deal")])
        for days in (-2, 0, 2):
            deal.activity_schedule(
                "mail.mail_activity_data_todo",
                summary=f"Call in {days} days",
                date_deadline=self.yesterday + timedelta(days=1 + days),
                user_id=self.seller.id,
            )
        with self.browse():
            for language, direction in (("en_US", "ltr"), ("ar_001", "rtl")):
                self.enter(self.seller, lang=language)
                self.visit(DASHBOARD, DAY)
                self.check(["light", direction], "a salesperson's day", True)

    def test_axe_finds_nothing_in_a_search(self):
        with self.browse():
            for language, direction in (("en_US", "ltr"), ("ar_001", "rtl")):
                self.enter(self.manager, lang=language)
                self.visit(SEARCH, "document.querySelector('.o_cqrs_group button')")
                self.js("document.querySelector('.o_cqrs_group button').click()")
                self.until("document.querySelector('.o_cqrs_opportunity')")
                self.js("document.querySelector('.o_cqrs_selector input').click()")
                self.until("document.querySelector('.o_cqrs_actions')")
                self.check(["light", direction], "a search with groups", True)

    def test_axe_finds_nothing_while_a_deal_is_loaded(self):
        with self.browse():
            for language, direction in (("en_US", "ltr"), ("ar_001", "rtl")):
                self.enter(self.manager, lang=language)
                self.visit(f"{DASHBOARD}?status=any", CHARTS)
                self.js(HOLD)
                self.js(OPEN_OWN)
                self.until("document.querySelector('.o_cqrs_deal_preview dd')")
                self.check(["light", direction], "the values of a deal's row", True)

    def check_screens(self, form: list[str]):
        self.visit(f"{DASHBOARD}?status=any", CHARTS)
        self.check(form, "charts")
        # A name that is cut keeps its beginning, whichever way the page runs.
        side = {"ltr": "left", "rtl": "right"}[form[1]]
        self.assertEqual(self.js(NAME), ["ltr", side])
        self.js(OPEN_OWN)
        self.until(SHEET)
        self.check(form, "a deal beside the list")
        self.js("document.querySelector('.o_cqrs_deal_close').click()")
        self.until("!document.querySelector('.o_cqrs_deal_sheet')")
        self.js(TABLES)
        self.until("!document.querySelector('canvas')")
        self.check(form, "tables")
        self.follow(
            f"{DASHBOARD}?view_as={self.newcomer_id}",
            "document.querySelectorAll('.o_cqrs_empty').length === 5",
        )
        self.check(form, "nothing")
        self.follow(
            f"{DASHBOARD}?view_as={uuid.uuid4()}",
            "document.querySelector('.o_cqrs_error')",
        )
        self.check(form, "error")
        self.follow(f"{DASHBOARD}?day={self.yesterday}", PAST)
        self.check(form, "a past day")
        self.follow(f"{CHANGES}?kind=increased", WATERFALL)
        self.check(form, "changes")
        self.js(TABLES)
        self.until("!document.querySelector('canvas')")
        self.check(form, "changes as a table")
        self.follow(
            f"{CHANGES}?from=1990-01-01", "document.querySelector('.o_cqrs_error')"
        )
        self.check(form, "before the history")
        self.follow(
            "/odoo/sales-customers?search=customer",
            "document.querySelector('.o_cqrs_customer')",
        )
        self.check(form, "customers")
        self.follow(
            "/odoo/sales-customers?search=nobody%20at%20all",
            "document.querySelector('.o_cqrs_empty')",
        )
        self.check(form, "no customers")
        self.follow(
            f"/odoo/sales-customer?account={self.customer.id}",
            "document.querySelector('.o_cqrs_story_entry')",
        )
        self.check(form, "a customer")
        self.follow(
            "/odoo/sales-customer?account=2147483647",
            "document.querySelector('.o_cqrs_error')",
        )
        self.check(form, "no such customer")
        self.follow(
            "/odoo/event-store",
            "document.querySelectorAll('.o_cqrs_run').length === 2",
        )
        self.check(form, "desk")
        self.follow(
            f"/odoo/api-comparison?person={self.manager.id}&company={self.there_id}",
            "document.querySelector('.o_cqrs_list_all')"
            " && document.querySelector('[data-reason=unexplained]')",
        )
        self.check(form, "v1 beside v2")
        self.follow(
            "/odoo/api-retirement",
            "document.querySelector('.o_cqrs_callers')"
            " && document.querySelector('.o_cqrs_item .progress')"
            " && document.querySelector('.o_cqrs_steps')",
        )
        self.check(form, "retirement of v1")
        self.follow(
            f"/odoo/crm.lead/{self.late.id}/lead-history",
            "document.querySelectorAll('.o_cqrs_history_entry').length === 2",
        )
        self.js(UNFOLDED)
        self.check(form, "history")
