"""What only history tells, on the screen: changes, past days, what needs attention."""

from datetime import timedelta

from odoo.tests import tagged

from .browser import BrowserCase
from .common import SalesOrganisation, backdate

DASHBOARD = "/odoo/sales-dashboard"
CHANGES = "/odoo/pipeline-changes"

PIPELINE = "document.querySelector('.o_cqrs_tile[data-name=pipeline]')"
SUMMARY = "document.querySelector('.o_cqrs_summary h2')"
ERROR = "document.querySelector('.o_cqrs_error')"
IN_ADDRESS = "new URLSearchParams(location.search).get('%s')"

#: Changes of deals of the list that is shown, as numbers
SHOWN = """
[...document.querySelectorAll(".o_cqrs_change")].map(({ textContent }) =>
    Number(textContent.replace("−", "-").replace(/[^-\\d.]/g, "")))
"""


class FallenPipeline(SalesOrganisation):
    """A team whose pipeline of 400,000 of forty days ago is 270,000 today."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        backdate(cls.env, cls.env.cr.now() - timedelta(days=40))
        deals = cls.env["crm.lead"].search([("name", "like", "% deal _")])
        cls.deals = {deal.name: deal for deal in deals}
        cls.deals["Manager deal 1"].expected_revenue = 40_000
        # Else the last one who writes has made both.
        cls.env.cr.flush()
        cls.deals["Seller deal 2"].with_user(cls.seller).action_set_lost()
        cls.opportunity(cls.seller, 30_000, name="Fresh deal")
        cls.env.cr.flush()

    def day(self, back):
        """Return the day some days before today, as the address has it."""
        return (self.env.cr.now() - timedelta(days=back)).date().isoformat()


@tagged("post_install", "-at_install")
class TestWhyThePipelineFell(FallenPipeline, BrowserCase):
    def test_a_manager_finds_the_deal_in_three_clicks(self):
        self.manager.group_ids += self.env.ref("crm_cqrs.group_sale_team")
        self.start_tour(
            f"{DASHBOARD}?period=this_week",
            "crm_cqrs_why_the_pipeline_fell",
            login=self.manager.login,
        )

    def test_the_address_says_the_question(self):
        first, last = self.day(10), self.day(0)
        with self.browse():
            self.enter(self.head)
            self.visit(
                f"{CHANGES}?from={first}&to={last}&kind=decreased&team=other&stage=x"
                f"&view_as={self.seller_uuid}",
                f"{SUMMARY}?.textContent.includes('70,000')",
            )
            self.assertEqual(self.js(IN_ADDRESS % "from"), first)
            self.assertEqual(self.js(IN_ADDRESS % "team"), "now")
            self.assertEqual(self.js(IN_ADDRESS % "stage"), None)
            # The seller's value did not fall, so there is no such bar to open.
            self.assertTrue(self.js("!document.querySelector('.o_cqrs_changed_deal')"))
            self.js("document.querySelector('.o_cqrs_back').click()")
            self.until(f"{SUMMARY}?.textContent.includes('130,000')")
            self.until(
                "document.querySelector('[data-kind=decreased] .o_cqrs_changed_deal')"
            )
            self.assertEqual(self.js(SHOWN), [-60000])
            self.js("document.querySelector('[data-since=yesterday]').click()")
            self.until(IN_ADDRESS % "since" + " === 'yesterday'")
            self.assertEqual(self.js(IN_ADDRESS % "from"), None)

    def test_before_there_is_history_the_screens_say_since_when(self):
        self.expected_errors = ("404",)
        with self.browse():
            self.enter(self.manager)
            self.visit(
                f"{CHANGES}?from=1990-01-01",
                f"{ERROR}?.textContent.includes('History begins on')",
            )
            self.js("document.querySelector('.o_cqrs_since_history').click()")
            self.until(SUMMARY)
            self.visit(
                f"{DASHBOARD}?day=1990-01-01",
                f"{ERROR}?.textContent.includes('History begins on')",
            )
            self.js("document.querySelector('.o_cqrs_to_now').click()")
            self.until(f"{PIPELINE}?.textContent.includes('270,000.00')")

    def test_the_dashboard_of_a_past_day_and_back(self):
        day = self.day(5)
        with self.browse():
            self.enter(self.manager)
            self.visit(
                f"{DASHBOARD}?day={day}&sort=name",
                f"{PIPELINE}?.textContent.includes('400,000.00')"
                " && document.querySelectorAll('.o_cqrs_opportunity').length === 4",
            )
            self.assertEqual(self.js(IN_ADDRESS % "day"), day)
            for absent in (
                ".o_cqrs_pulse",
                ".o_cqrs_search",
                ".o_cqrs_sort[data-name=name]",
                ".o_cqrs_attention",
            ):
                self.assertTrue(self.js(f"!document.querySelector('{absent}')"), absent)
            self.assertTrue(
                self.js("document.querySelector('.o_cqrs_sort[data-name=stage]')")
                is not None
            )
            self.js(f"{PIPELINE}.click()")
            self.until("document.querySelectorAll('.o_cqrs_past_deal').length === 4")
            self.js("document.querySelector('.modal-footer .btn-primary').click()")
            self.until("!document.querySelector('.modal')")
            self.js("document.querySelector('.o_cqrs_to_now').click()")
            self.until(f"{PIPELINE}?.textContent.includes('270,000.00')")
            self.until("document.querySelector('.o_cqrs_attention')")
            self.assertEqual(self.js(IN_ADDRESS % "day"), None)

    def test_what_needs_attention_is_counted_and_opened(self):
        with self.browse():
            self.enter(self.manager)
            self.visit(
                DASHBOARD,
                "document.querySelectorAll('.o_cqrs_attention_item').length === 4",
            )
            first = "document.querySelector('.o_cqrs_attention_item').textContent"
            self.assertIn("100,000.00", self.js(first))
            self.assertIn("No activity planned", self.js(first))
            overdue = ".o_cqrs_reason[data-kind=overdue]"
            self.assertIn(
                "1", self.js(f"document.querySelector('{overdue}').innerText")
            )
            self.js(f"document.querySelector('{overdue}').click()")
            self.until(
                "document.querySelectorAll('.o_cqrs_attention_item').length === 1"
            )
            self.assertIn("Manager deal 2", self.js(first))
            self.js("document.querySelector('.o_cqrs_attention_item a').click()")
            self.until(
                "document.querySelector('.o_cqrs_deal_sheet:has(.o_form_sheet)')"
                "?.ariaLabel.includes('Manager deal 2')"
            )

    def setUp(self):
        super().setUp()
        self.deals["Manager deal 2"].date_deadline = "2020-02-29"
        self.seller_uuid = self.uuid(self.seller)
        self.env.cr.flush()
