"""Ten jobs of a sales team, from the dashboard, counted in clicks; and without a mouse.

A click is one of a real mouse, in the middle of what a person would aim at.
"""

from contextlib import contextmanager

from lxml import html

from odoo.tests import tagged
from odoo.tools import file_open

from .test_keyboard import KeyboardCase
from .test_why_the_pipeline_fell import DASHBOARD, FallenPipeline

PIPELINE = ".o_cqrs_tile_box:has([data-name=pipeline])"
PRESENT = f"{DASHBOARD}?period=this_week"

DEAL = ".o_cqrs_opportunity a"
AMOUNT = "document.querySelector('.o_cqrs_deal_sheet [name=expected_revenue] input')"

LOADED = """
document.querySelector(".o_cqrs_opportunity")
    && document.querySelector(".o_cqrs_tile_trend")
    && document.querySelector(".o_cqrs_attention_item")
"""

COPIED = """
document.querySelector(".o_notification")
    && navigator.clipboard.readText().then((text) => text.includes("sales-dashboard?"))
"""

# The middle of the part of an element that is in sight, once nothing covers it.
MIDDLE = """
(() => {
    const found = [...document.querySelectorAll(%r)].find(
        (each) => each.checkVisibility() && !each.disabled
            && each.textContent.includes(%r));
    if (!found) {
        return null;
    }
    found.scrollIntoView({ block: "center", behavior: "instant" });
    const { left, top, width, height } = found.getBoundingClientRect();
    const place = [left + width * %f, top + height / 2];
    const top_most = document.elementFromPoint(...place);
    return found.contains(top_most) || top_most?.contains(found) ? place : null;
})()
"""

# The middle of a bar of the chart, once it has stopped growing.
BAR = """
(() => {
    const canvas = document.querySelector(%r);
    const chart = canvas && Chart.getChart(canvas);
    const bar = chart?.getDatasetMeta(0).data[chart.data.labels.indexOf(%r)];
    if (!bar) {
        return null;
    }
    canvas.scrollIntoView({ block: "center", behavior: "instant" });
    const { x, y } = bar.getCenterPoint();
    const { left, top } = canvas.getBoundingClientRect();
    const place = JSON.stringify([left + x, top + y]);
    const hasStopped = window.cqrsLastPlace === place;
    window.cqrsLastPlace = place;
    return hasStopped ? JSON.parse(place) : null;
})()
"""


@tagged("post_install", "-at_install")
class TestTenJobsInClicks(FallenPipeline, KeyboardCase):
    """The head's jobs, each begun on the dashboard."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.manager.group_ids += cls.env.ref("crm_cqrs.group_sale_team")
        cls.manager.group_ids += cls.env.ref("base.group_allow_export")
        deal = cls.deals["Seller deal 1"]
        deal.partner_id = cls.env["res.partner"].create({"name": "Cqrs Nile"})
        cls.env.cr.flush()
        deal.with_user(cls.seller).expected_revenue = 99_000
        cls.env.cr.flush()

    def setUp(self):
        super().setUp()
        #: Clicks by the name of the job
        self.counted = {}

    @contextmanager
    def job(self, name, most):
        """Begin a job on the dashboard; it must be done within some clicks."""
        with self.subTest(name):
            self.visit(PRESENT, LOADED)
            self.clicks = 0
            yield
            self.assertLessEqual(self.clicks, most)
            self.counted[name] = self.clicks

    def place(self, expression):
        """Return where the mouse goes, once it can."""
        self.until(f"({expression}) !== null")
        return self.js(expression)

    def click(self, selector, text="", across=0.5):
        """Click on an element with a text; ``across`` is the part of its width."""
        self.click_at(self.place(MIDDLE % (selector, text, across)))

    def click_bar(self, chart, label):
        self.click_at(
            self.place(BAR % (f".o_cqrs_chart[data-name={chart}] canvas", label))
        )

    def click_at(self, place):
        x, y = place
        self.page.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        for kind in ("mousePressed", "mouseReleased"):
            self.page.call(
                "Input.dispatchMouseEvent",
                type=kind,
                x=x,
                y=y,
                button="left",
                clickCount=1,
            )
        self.clicks += 1

    def enter_on(self, selector, text=""):
        """Go to an element with a text by Tab, and press Enter."""
        self.focus_on(selector, text)
        self.page.press("Enter")

    def until_text(self, selector, text):
        self.until(
            f"[...document.querySelectorAll({selector!r})]"
            f".some((each) => each.textContent.includes({text!r}))"
        )

    def enter_manager(self):
        self.enter(self.manager)
        permissions = ["clipboardReadWrite", "clipboardSanitizedWrite"]
        self.page.call("Browser.grantPermissions", permissions=permissions)

    def test_by_mouse(self):
        with self.browse():
            self.enter_manager()
            with self.job("Why the pipeline fell, and which deals", most=3):
                self.click(
                    ".o_cqrs_tile_box:has([data-name=pipeline]) .o_cqrs_tile_trend"
                )
                self.click_bar("changes", "Lost")
                self.until_text(".o_cqrs_changed_deal", "Seller deal 2")
            with self.job("What is stuck or has slipped", most=2):
                self.click(".o_cqrs_attention [data-kind=no_activity]")
                self.until_text(".o_cqrs_attention_item", "Manager deal 2")
            with self.job("As of a date", most=2):
                self.click("input[name=day]", across=0.1)
                self.page.press("ArrowDown")
                self.clicks += 1  # on a day of the calendar, which is not of the page
                self.until_text(".o_cqrs_past", "Nothing here is live")
            with self.job("The team then and now", most=2):
                self.click(".o_cqrs_open_changes")
                self.click("[data-team=then]")
                self.until("new URL(location).searchParams.get('team') === 'then'")
            with self.job("Who changed an amount, and put it back", most=3):
                self.click(DEAL, "Seller deal 1")
                self.click(".o_cqrs_put_back")
                self.click(".o_cqrs_put_back_confirm")
                self.until(f"{AMOUNT}?.value === '100,000.00'")
            with self.job("A customer's whole story", most=2):
                self.click(DEAL, "Seller deal 1")
                self.click(".o_cqrs_customer_link")
                self.until_text(".o_cqrs_story_entry", "Seller deal 1")
            with self.job("Act on a deal", most=2):
                self.click(DEAL, "Seller deal 1")
                self.click(".o_cqrs_deal_sheet .o_statusbar_status button", "Won")
                self.until_text(".o_cqrs_deal_sentence", "Won")
            # The third of the clicks is that on CRM's menu.
            with self.job("A mail every Monday", most=2):
                self.click(".o_cqrs_subscribe")
                self.click(".modal .o_cqrs_confirm")
                self.until_text(".o_notification", "is mailed each week: Monday")
            with self.job("To Excel", most=2):
                self.click(".o_cqrs_excel")
                self.until_text(".o_cqrs_export[data-state=pending]", "Cancel")
            with self.job("Share", most=1):
                self.click(".o_cqrs_share_view")
                self.until(COPIED)
        with file_open("crm_cqrs/static/description/index.html") as page:
            rows = html.fromstring(page.read()).iterfind(".//table//tr")
            said = {name.text: int(clicks.text) for name, clicks in rows}
        self.assertEqual(self.counted, said)

    def test_by_keyboard(self):
        with self.browse():
            self.enter_manager()
            with self.job("why it fell, and which deals", most=0):
                self.enter_on(".o_cqrs_tile_trend")
                self.until_text(".o_cqrs_summary h2", "fell")
                self.enter_on(".o_cqrs_chart[data-name=changes] .o_cqrs_toggle")
                self.enter_on("tr[data-key=lost] button")
                self.until_text(".o_cqrs_changed_deal", "Seller deal 2")
            with self.job("stuck or slipped", most=0):
                self.enter_on(".o_cqrs_attention [data-kind=no_activity]")
                self.until_text(".o_cqrs_attention_item", "Manager deal 2")
            with self.job("as of a date", most=0):
                self.focus_on("input[name=day]")
                self.page.press("ArrowDown")
                self.until_text(".o_cqrs_past", "Nothing here is live")
            with self.job("team then and now", most=0):
                self.enter_on(".o_cqrs_open_changes")
                self.until("document.querySelector('[data-team=then]')")
                self.enter_on("[data-team=then]")
                self.until("new URL(location).searchParams.get('team') === 'then'")
            with self.job("to Excel", most=0):
                self.enter_on(".o_cqrs_excel")
                self.until_text(".o_cqrs_export[data-state=pending]", "Cancel")
            with self.job("share", most=0):
                self.enter_on(".o_cqrs_share_view")
                self.until(COPIED)
            with self.job("who changed an amount, and put it back", most=0):
                self.enter_on(DEAL, "Seller deal 1")
                self.wait_for_sheet("Seller deal 1")
                self.enter_on(".o_cqrs_put_back")
                self.until("document.querySelector('.o_cqrs_put_back_confirm')")
                self.enter_on(".o_cqrs_put_back_confirm")
                self.until(f"{AMOUNT}?.value === '100,000.00'")
            with self.job("a customer's whole story", most=0):
                self.enter_on(DEAL, "Seller deal 1")
                self.wait_for_sheet("Seller deal 1")
                self.enter_on(".o_cqrs_customer_link")
                self.until_text(".o_cqrs_story_entry", "Seller deal 1")
            with self.job("act on a deal", most=0):
                self.enter_on(DEAL, "Seller deal 1")
                self.wait_for_sheet("Seller deal 1")
                self.enter_on(".o_cqrs_deal_sheet .o_form_statusbar button", "Won")
                self.until_text(".o_cqrs_deal_sentence", "Won")
            with self.job("every Monday", most=0):
                self.enter_on(".o_cqrs_subscribe")
                self.until("document.querySelector('.modal .o_cqrs_confirm')")
                self.enter_on(".modal .o_cqrs_confirm")
                self.until_text(".o_notification", "is mailed each week: Monday")
