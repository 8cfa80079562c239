"""Whatever a mouse can do on our screens, the keyboard alone can."""

from datetime import timedelta

from odoo.tests import tagged

from .browser import BrowserCase
from .common import SalesOrganisation, backdate

DASHBOARD = "/odoo/sales-dashboard"
CHANGES = "/odoo/pipeline-changes"
DESK = "/odoo/event-store"

#: Keys after which something must have come
MANY = 200

# What has the focus, in a way that a person can see, or null outside of the screen.
FOCUSED = """
(() => {
    const focused = document.activeElement;
    if (!focused.closest(".o_action")) {
        return null;
    }
    focused.wasFocused = true;
    const { outlineStyle, outlineWidth } = getComputedStyle(focused);
    const isSeen = outlineStyle !== "none" && parseFloat(outlineWidth) >= 2;
    return [focused.outerHTML.slice(0, 200), isSeen];
})()
"""

MISSED = """
[...document.querySelectorAll(
    ".o_action :is(a[href], button, input, select, summary, [tabindex='0'])"
)].filter((each) => each.checkVisibility() && !each.disabled && !each.wasFocused)
    .map((each) => each.outerHTML.slice(0, 200))
"""

CHOSEN = "new URL(location).searchParams.get('%s')"
LOADED = """
document.querySelector(".o_cqrs_opportunity") && document.querySelector(".o_cqrs_pick")
    && document.querySelector("canvas")
"""


class KeyboardCase(SalesOrganisation, BrowserCase):
    def tab_through(self):
        """Have all that there is focused, in turn; it ends after the last of it."""
        self.tab_to("document.activeElement.closest('.o_action')")
        unseen = []
        for _key in range(MANY):
            focused = self.js(FOCUSED)
            if not focused:
                break
            html, is_seen = focused
            if not is_seen:
                unseen.append(html)
            self.page.press("Tab")
        else:
            self.fail("the focus does not get out")
        self.assertEqual(unseen, [])
        self.assertEqual(self.js(MISSED), [])

    def tab_to(self, condition: str, shift: bool = False):
        for _key in range(MANY):
            self.page.press("Tab", shift=shift)
            if self.js(f"Boolean({condition})"):
                return
        self.fail(f"never focused: {condition}")

    def focus_on(self, selector: str, text: str = "", shift: bool = False):
        """Press Tab until an element with a text has the focus."""
        self.tab_to(
            f"document.activeElement.matches({selector!r})"
            f" && document.activeElement.textContent.includes({text!r})",
            shift,
        )

    def assert_focused(self, selector: str):
        self.assertTrue(self.js(f"document.activeElement.matches({selector!r})"))

    def text(self, selector: str):
        return self.js(f"document.querySelector({selector!r})?.textContent")

    def wait_for_sheet(self, name: str):
        """Wait for the sheet with a deal, its form and its events."""
        self.until(
            "document.querySelector('.o_cqrs_deal_sheet .o_form_sheet')"
            " && document.querySelector('.o_cqrs_deal_event')"
            " && document.querySelector('.o_cqrs_deal_sheet').ariaLabel"
            f".endsWith({name!r})"
        )

    def wait_for_text(self, selector: str, text: str):
        self.until(
            f"document.querySelector({selector!r})?.textContent.includes({text!r})"
        )


@tagged("post_install", "-at_install")
class TestDashboardByKeyboard(KeyboardCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        cls.manager.group_ids += cls.env.ref("crm_cqrs.group_sale_team")

    def open(self, query=""):
        self.visit(f"{DASHBOARD}{query}", LOADED)

    def test_everything_is_reached_and_left(self):
        self.manager.group_ids += self.env.ref("base.group_system")
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.until("document.querySelector('.o_cqrs_sync')")
            # The last that comes.
            self.until("document.querySelector('[data-tile=pipeline] .fa-arrow-up')")
            self.tab_through()
            self.js(
                "document.querySelectorAll('.o_cqrs_toggle')"
                ".forEach((each) => each.click())"
            )
            self.until("!document.querySelector('canvas')")
            self.tab_through()

    def test_figures_open_what_they_count(self):
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on(".o_cqrs_tile[data-name=pipeline]", "400,000.00")
            self.page.press("Enter")
            self.wait_for_text(".o_list_view tfoot", "400,000.00")
            self.open()
            self.focus_on("[data-name=stages] .o_cqrs_toggle")
            self.page.press("Enter")
            self.wait_for_text("[data-name=stages] tbody td", "400,000.00")
            self.assert_focused("[data-name=stages] .o_cqrs_toggle")
            # A bar, or its row, narrows what is shown, in place.
            self.focus_on("[data-name=stages] tbody button", "New")
            self.page.press("Enter")
            self.wait_for_text(".o_searchview_facet", "New")
            self.wait_for_text("[data-name=pipeline]", "400,000.00")
            self.focus_on("[data-name=stages] tbody button", "New")
            self.page.press("Enter")
            self.until("!document.querySelector('.o_searchview_facet')")

    def test_what_is_shown_is_chosen(self):
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on("[data-scope=own]")
            self.page.press("Space")
            self.wait_for_text("[data-name=pipeline]", "200,000.00")
            self.assertEqual(self.js(CHOSEN % "scope"), "own")
            self.focus_on("select[name=period]")
            self.page.press("ArrowDown")
            self.until(CHOSEN % "period" + " === 'previous_quarter'")
            self.focus_on(".o_searchview_input")
            self.page.write_text("deal 2")
            self.until("document.querySelector('.o_searchview_autocomplete')")
            self.page.press("Enter")
            self.wait_for_text(".o_searchview_facet", "deal 2")
            self.wait_for_text(".o_cqrs_count", "1 of 1")
            self.focus_on("select[name=status]")
            self.page.press("ArrowDown")
            self.until(CHOSEN % "status" + " === 'won'")
            self.wait_for_text(
                ".o_cqrs_opportunities .o_cqrs_empty", "No opportunities"
            )
            self.focus_on(".o_cqrs_empty button", "Clear Filters")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_count", "2 of 2")

    def test_a_list_is_sorted_and_its_rows_opened(self):
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on(".o_cqrs_sort[data-name=name]")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_opportunity a", "Manager deal 1")
            self.assert_focused(".o_cqrs_sort[data-name=name]")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_opportunity a", "Seller deal 2")
            self.assert_focused("[aria-sort=descending] button")
            self.focus_on(".o_cqrs_opportunity a", "Seller deal 1")
            self.page.press("Enter")
            self.wait_for_sheet("Seller deal 1")

    def test_a_long_list_goes_on(self):
        for number in range(90):
            self.opportunity(self.seller, 1, name=f"Small deal {number}")
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.wait_for_text(".o_cqrs_count", "of 94")
            self.focus_on(".o_cqrs_opportunity a")
            for number in (40, 80):
                row = f".o_cqrs_opportunity:nth-child({number})"
                self.tab_to(f"document.activeElement.matches('{row} a')")
                # Where the next page is on its way, the focus waits at the end.
                self.page.press("Tab")
                self.until(f"document.querySelector('{row} + .o_cqrs_opportunity')")
                # It has left the list where that had not come yet.
                self.js(f"document.querySelector('{row} a').focus()")
            self.tab_to(
                "document.activeElement.closest('.o_cqrs_opportunity:nth-child(94)')"
            )

    def test_the_dashboard_of_somebody_else_and_back(self):
        with self.browse():
            self.enter(self.head)
            self.open()
            seller = (
                "[...document.querySelectorAll('.o_cqrs_pick')]"
                ".some((each) => each.textContent.includes('Seller'))"
            )
            # Teams are open from the beginning, where there is room.
            self.until(seller)
            self.focus_on(".o_cqrs_expand[aria-label='Team of Manager']")
            self.page.press("Enter")
            self.until(f"!{seller}")
            self.page.press("Enter")
            self.until(seller)
            self.assert_focused(".o_cqrs_expand[aria-expanded=true]")
            self.focus_on(".o_cqrs_pick", "Seller")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_banner", "Seller")
            self.wait_for_text("[data-name=pipeline]", "200,000.00")
            self.assert_focused(".o_cqrs_pick[aria-current=true]")
            self.focus_on(".o_cqrs_back", shift=True)
            self.page.press("Enter")
            self.until("!document.querySelector('.o_cqrs_banner')")
            self.wait_for_text("[data-name=pipeline]", "400,000.00")
            self.assert_focused(".o_cqrs_pick")

    def test_more_people_than_are_shown_at_first(self):
        for number in range(10, 52):
            self.person(f"report_{number}", self.manager_employee)
        self.env.cr.flush()
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on(".o_cqrs_organisation td button", "Show More")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_pick:focus", "Report 50")

    def test_a_sync_is_started(self):
        self.manager.group_ids += self.env.ref("base.group_system")
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on(".o_cqrs_sync")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_sync", "Waiting")
        run = self.env["cqrs.run"].search([], limit=1)
        self.assertEqual((run.kind, run.user_id), ("reconcile", self.manager))


@tagged("post_install", "-at_install")
class TestPipelineChangesByKeyboard(KeyboardCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        cls.manager.group_ids += cls.env.ref("crm_cqrs.group_sale_team")
        backdate(cls.env, cls.env.cr.now() - timedelta(days=40))
        deal = cls.env["crm.lead"].search([("name", "=", "Manager deal 1")])
        deal.expected_revenue = 40_000
        cls.env.cr.flush()

    def open(self, query=""):
        self.visit(
            f"{CHANGES}{query}",
            "document.querySelector('canvas')"
            " && document.querySelector('.o_cqrs_pick')",
        )

    def test_everything_is_reached_and_left(self):
        with self.browse():
            self.enter(self.manager)
            self.open("?kind=decreased")
            self.until("document.querySelector('.o_cqrs_changed_deal')")
            self.tab_through()

    def test_a_bar_opens_its_deals(self):
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on("[data-name=changes] .o_cqrs_toggle")
            self.page.press("Enter")
            self.wait_for_text("[data-key=decreased] td", "60,000.00")
            self.focus_on("[data-key=decreased] button", "Value Decreased")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_changed_deal", "Manager deal 1")
            self.assert_focused("[data-key=decreased] button[aria-current=true]")
            self.assertEqual(self.js(CHOSEN % "kind"), "decreased")
            self.focus_on(".o_cqrs_changed_deals .o_cqrs_define")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_definition", "fell")
            self.page.press("Escape")
            self.until("!document.querySelector('.o_cqrs_definition')")
            self.assert_focused(".o_cqrs_changed_deals .o_cqrs_define")
            self.focus_on(".o_cqrs_changed_deal a", "Manager deal 1")
            self.page.press("Enter")
            self.wait_for_sheet("Manager deal 1")

    def test_a_past_day_and_back(self):
        self.manager.group_ids += self.env.ref("base.group_allow_export")
        with self.browse():
            self.enter(self.manager)
            self.visit(f"{DASHBOARD}?day={self.yesterday}&period=this_week", LOADED)
            self.wait_for_text("[data-name=pipeline]", "400,000.00")
            # Its list is taken along as it was.
            self.focus_on(".o_cqrs_excel")
            self.page.press("Enter")
            self.until("document.querySelector('.o_cqrs_export[data-state=pending]')")
            self.focus_on(".o_cqrs_to_now")
            self.page.press("Enter")
            self.wait_for_text("[data-name=pipeline]", "340,000.00")
            self.assert_focused("input[name=day]")
            self.focus_on(".o_cqrs_tile_trend", "60")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_summary", "60,000.00")
        run = self.env["cqrs.run"].search([("user_id", "=", self.manager.id)])
        self.assertEqual(run.question["day"], self.yesterday.isoformat())

    def setUp(self):
        super().setUp()
        self.yesterday = (self.env.cr.now() - timedelta(days=1)).date()


@tagged("post_install", "-at_install")
class TestDeskByKeyboard(KeyboardCase):
    def setUp(self):
        super().setUp()
        self.env["cqrs.run"].create({"kind": "verify", "state": "done", "findings": 2})
        self.manager.group_ids += self.env.ref("base.group_system")

    def open(self):
        self.visit(DESK, "document.querySelector('.o_cqrs_runs')")

    def last_run(self):
        return self.env["cqrs.run"].search([], limit=1)

    def test_everything_is_reached_and_left(self):
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.tab_through()

    def test_work_is_begun_and_cancelled(self):
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on("[data-kind=verify]")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_run", "Waiting")
            self.assert_focused("[data-kind=verify]")
            self.focus_on(".o_cqrs_cancel")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_last", "Nothing was changed")
        run = self.last_run()
        self.assertEqual((run.kind, run.state), ("verify", "cancelled"))

    def test_what_is_asked_first_is_refused_or_confirmed(self):
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on("[data-kind=reconcile]")
            self.page.press("Enter")
            self.wait_for_text(".modal", "Do you want to reconcile?")
            self.page.press("Escape")
            self.until("!document.querySelector('.modal')")
            self.assert_focused("[data-kind=reconcile]")
            self.page.press("Enter")
            self.wait_for_text(".modal", "Do you want to reconcile?")
            self.focus_on(".modal-footer .btn-primary")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_run", "Reconcile")
        run = self.last_run()
        self.assertEqual((run.kind, run.state), ("reconcile", "pending"))

    def test_a_past_run_is_opened(self):
        with self.browse():
            self.enter(self.manager)
            self.open()
            self.focus_on(".o_cqrs_runs th button", "Verify #")
            self.page.press("Enter")
            self.wait_for_text(".o_form_view .o_breadcrumb", "Verify #")
