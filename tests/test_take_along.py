"""A dashboard taken along: shared with others, as an Excel file, as CSV."""

import base64
import csv
import json
import os
import time
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

from odoo.tests import tagged
from odoo.tests.common import _registry_test_lock

from .browser import BrowserCase
from .excel import Excel, sheets, values

PATH = "/odoo/sales-dashboard"
PICTURES = os.environ.get("CRM_CQRS_EXPORT_PICTURES")
LISTED = "document.querySelectorAll('.o_cqrs_opportunity').length === %s"
CLICK = "document.querySelector('%s').click()"
EXPORT = "document.querySelector('.o_cqrs_export[data-state=%s]')"
MODULES = os.environ.get("CRM_CQRS_NODE_MODULES")
AXE = """
axe.run(%s, { resultTypes: ["violations"] }).then(({ violations }) =>
    violations.flatMap(({ id, nodes }) =>
        nodes.map(({ html }) => `${id}: ${html.slice(0, 300)}`)
    )
)
"""
COPIED = "navigator.clipboard.readText()"
NOTE = "document.querySelector('.o_cqrs_shared')?.textContent.includes(%r)"
ROWS = "document.querySelectorAll('.o_list_view .o_data_row').length === %s"
FACETS = "document.querySelector('.o_searchview').textContent"


@tagged("post_install", "-at_install")
class TestTakeAlong(Excel, BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        cls.opportunity(cls.seller, 7, name='=HYPERLINK("https://example.com")')
        cls.opportunity(cls.peer, name="Peer deal")
        cls.head.group_ids += cls.env.ref("crm_cqrs.group_sale_team")

    def picture(self, name):
        if PICTURES:
            data = self.page.call("Page.captureScreenshot")["data"]
            Path(PICTURES, f"{name}.png").write_bytes(base64.b64decode(data))

    def look(self, name, selector):
        """Have axe look at a part of the page, wide and on a phone."""
        for width, height in ((1024, 768), (390, 740)):
            self.page.resize(width, height)
            self.picture(f"{name}_{width}")
            if MODULES:
                axe = Path(MODULES, "axe-core", "axe.min.js").read_text()
                self.js(f"{axe};true")
                self.assertEqual(self.js(AXE % json.dumps(selector)), [])
        self.page.resize(1366, 768)

    def prepare(self, user, **values):
        self.enter(user, **values)
        for method, parameters in (
            ("Page.setDownloadBehavior", {"downloadPath": str(self.folder)}),
        ):
            self.page.call(method, behavior="allow", **parameters)
        self.page.call(
            "Browser.grantPermissions",
            permissions=["clipboardReadWrite", "clipboardSanitizedWrite"],
        )

    def downloaded(self, pattern):
        """Return the file that the browser has downloaded."""
        for __ in range(100):
            if found := list(self.folder.glob(pattern)):
                return found[0]
            time.sleep(0.1)
        self.fail(f"{pattern}: {list(self.folder.iterdir())}")
        return None

    def perform(self):
        """Perform what the scheduled action would."""
        with _registry_test_lock:
            with self.registry.cursor() as cr:
                self.env(cr=cr)["cqrs.run"]._perform_pending("ir_cron_excel")
            self.env.invalidate_all()

    def test_to_excel_and_csv(self):
        """One click each, on the list as it is filtered."""
        pipeline = self.tile(self.seller, "pipeline_value")
        code = self.env.company.currency_id.name
        with self.browse():
            self.prepare(self.seller)
            self.visit(
                PATH, LISTED % 3 + " && document.querySelector('.o_cqrs_excel:enabled')"
            )
            self.picture("dashboard")
            self.js(CLICK % ".o_cqrs_excel")
            self.until(EXPORT % "pending")
            self.picture("pending")
            self.perform()
            self.until(EXPORT % "done")
            self.look("done", ".o_cqrs_exports")
            path = self.downloaded("*.xlsx")
            rows = values(sheets(path)["Opportunities"])
            total = sum(row[f"Expected Revenue ({code})"] for row in rows)
            self.assertEqual(Decimal(repr(total)), Decimal(pipeline))
            self.assertIn('=HYPERLINK("https://example.com")', str(rows))
            self.js(CLICK % ".o_cqrs_export .btn-close")
            self.until("!document.querySelector('.o_cqrs_exports')")
            self.visit(f"{PATH}?status=won", LISTED % 1)
            self.until("document.querySelector('.o_cqrs_csv:enabled')")
            self.js(CLICK % ".o_cqrs_csv")
            path = self.downloaded("*.csv")
            with path.open(encoding="utf-8-sig", newline="") as file:
                [row] = csv.DictReader(file)
            self.assertEqual((row["State"], row["Value"]), ("Won", "12345.67"))
            # The columns and the order of the list.
            path.unlink()
            names = "status=pending&columns=closing_date,idle_days,value"
            self.visit(f"{PATH}?{names}&sort=name", LISTED % 3)
            self.until("document.querySelector('.o_cqrs_csv:enabled')")
            listed = self.js(
                "[...document.querySelectorAll('.o_cqrs_opportunity a')].map("
                "(each) => each.textContent.trim())"
            )
            self.js(CLICK % ".o_cqrs_csv")
            path = self.downloaded("*.csv")
            with path.open(encoding="utf-8-sig", newline="") as file:
                rows = list(csv.DictReader(file))
            self.assertEqual(
                [*rows[0]],
                [
                    *("Opportunity", "Customer", "Expected Closing"),
                    *("Days Unchanged", "Value", "Currency"),
                    f"Expected Revenue ({code})",
                ],
            )
            self.assertEqual(
                [row["Opportunity"].removeprefix("'") for row in rows], listed
            )
            # Cancelled before it begins.
            self.js(CLICK % ".o_cqrs_excel")
            self.until(EXPORT % "pending")
            self.js(CLICK % ".o_cqrs_cancel_export")
            self.until(EXPORT % "cancelled")

    def test_an_address_is_shared(self):
        """With who may look as the person, and with who may not."""
        self.expected_errors = ("404",)
        with self.browse():
            self.prepare(self.manager)
            self.visit(
                f"{PATH}?scope=own&sort=name&period=this_year",
                LISTED % 2 + " && document.querySelector('.o_cqrs_share_view:enabled')",
            )
            self.js(CLICK % ".o_cqrs_share_view")
            self.until("document.querySelector('.o_notification')")
            self.picture("shared")
            address = self.js(COPIED)
            self.assertTrue(address.startswith(f"{self.base_url()}{PATH}?"), address)
            path = address.removeprefix(self.base_url())
            self.enter(self.head)
            self.visit(path, LISTED % 2)
            self.until(NOTE % "Manager shared this view")
            self.until(NOTE % "what you are allowed to see")
            self.until(
                "document.querySelector('.o_cqrs_banner strong')?.textContent"
                " === 'Manager'"
            )
            self.look("opened", ".o_cqrs_shared")
            self.assertIn("scope=own", self.js("location.search"))
            self.js(CLICK % ".o_cqrs_close_shared")
            self.until("!document.querySelector('.o_cqrs_shared')")
            # Not of her team: she sees the same choices for herself.
            self.enter(self.peer)
            self.visit(path, LISTED % 1)
            self.until(NOTE % "not on your team")
            self.picture("not_allowed")
            self.assertIn("sort=name", self.js("location.search"))
            self.assertNotIn("view_as", self.js("location.search"))
            self.assertFalse(
                self.js("Boolean(document.querySelector('.o_cqrs_excel'))")
            )
            # The sharer's own link is no news.
            self.enter(self.manager)
            self.visit(path, LISTED % 2)
            self.assertFalse(
                self.js("Boolean(document.querySelector('.o_cqrs_shared'))")
            )

    def shared(self):
        """Click *Share*; return the path that is copied."""
        self.until("document.querySelector('.o_cqrs_share_view:enabled')")
        self.js("navigator.clipboard.writeText('nothing')")
        self.js(CLICK % ".o_cqrs_share_view")
        self.until(f"{COPIED}.then((text) => text !== 'nothing')")
        return self.js(COPIED).removeprefix(self.base_url())

    def test_every_screen_is_shared(self):
        """Addresses of drill-downs, searches and changes."""
        self.expected_errors = ("404",)
        code = self.env.company.currency_id.name
        with self.browse():
            self.prepare(self.manager)
            # What is searched for there is a part of it.
            search = quote(json.dumps([["name", "like", "Seller deal"]]))
            path = "/odoo/sales-records?figure=pipeline&scope=all&group="
            self.visit(f"{path}&filter={search}", ROWS % 2)
            self.picture("records")
            self.js(CLICK % ".o_cqrs_csv")
            with self.downloaded("*.csv").open(
                encoding="utf-8-sig", newline=""
            ) as file:
                rows = list(csv.DictReader(file))
            self.assertEqual(
                [row["Opportunity"] for row in rows], ["Seller deal 2", "Seller deal 1"]
            )
            self.assertEqual(Decimal(rows[0][f"Expected Revenue ({code})"]), 100_000)
            path = self.shared()
            self.enter(self.head)
            self.visit(path, ROWS % 2)
            self.until(NOTE % "Manager shared this view")
            self.picture("records_opened")
            self.assertIn("Shared Search", self.js(FACETS))
            self.enter(self.peer)
            self.visit(path, NOTE % "not on your team")
            self.until(ROWS % 0)
            for path in (
                "/odoo/pipeline-changes?from=2026-11-01&scope=own",
                "/odoo/sales-customers?sort=name",
            ):
                self.prepare(self.manager)
                self.visit(path, "document.querySelector('.o_cqrs_share_view')")
                path = self.shared()
                self.enter(self.head)
                self.visit(path, NOTE % "Manager shared this view")
                self.until(
                    "document.querySelector('.o_cqrs_banner')?.textContent"
                    ".includes('Manager')"
                )
                self.picture(path.split("?")[0].replace("/", "_"))
                self.enter(self.peer)
                self.visit(path, NOTE % "not on your team")
