from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user, tagged

from .browser import BrowserCase
from .common import SalesOrganisation

PATH = "/odoo/sales-dashboard"

#: As the page has it, once it is seen again after another tab
SEEN = "document.dispatchEvent(new Event('visibilitychange'))"
LOG_IN = """
fetch("/web/session/authenticate", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ params: { db: odoo.info.db, login: "%s", password: "%s" } }),
}).then((answer) => answer.json()).then(({ result }) => result.uid)
"""
LOG_OUT = """
fetch("/web/session/destroy", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: "{}",
}).then((answer) => answer.ok)
"""
FIGURES = (
    "document.querySelector("
    "'.o_cqrs_tile_box:has(.o_cqrs_tile[data-name=pipeline]):has(.o_cqrs_line)')"
)

#: Whether a list with this title and sum is shown
RECORDS = """
document.querySelector(".o_list_view .o_last_breadcrumb_item")?.textContent.trim()
    === "%s"
    && document.querySelector(".o_list_view tfoot").textContent.includes("%s")
"""


@tagged("post_install", "-at_install")
class TestDashboardTours(SalesOrganisation, BrowserCase):
    """The dashboard in a browser, as three people."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        cls.opportunity(cls.peer, name="Peer deal")

    def test_the_head_drills_to_the_records_and_checks_the_sum(self):
        deal = self.env["crm.lead"].search([("name", "=", "Manager deal 1")])
        deal.date_deadline = "2020-02-29"
        self.head.group_ids += self.env.ref("crm_cqrs.group_sale_team")
        self.start_tour(PATH, "crm_cqrs_dashboard_drill", login=self.head.login)

    def test_a_manager_looks_as_a_subordinate_and_back(self):
        self.start_tour(PATH, "crm_cqrs_dashboard_look_as", login=self.manager.login)

    def test_former_people_and_their_opportunities(self):
        leaver, __ = self.person("leaver", self.manager_employee)
        self.opportunity(leaver, 50_000, name="Left behind")
        leaver.active = False
        self.start_tour(PATH, "crm_cqrs_dashboard_former", login=self.manager.login)

    def test_a_salesperson_sees_what_is_theirs_to_do_and_no_one_else(self):
        deals = self.env["crm.lead"].search([("name", "like", "% deal%")])
        deals = {deal.name: deal for deal in deals}
        # Due on days of the seller's zone, where another day may have begun.
        today = fields.Date.context_today(self.seller.with_user(self.seller))
        for deal, summary, days, user in (
            ("Seller deal 2", "Visit", 3, self.seller),
            ("Seller deal 2", "Send offer", 0, self.seller),
            ("Seller deal 1", "Call back", -2, self.seller),
            ("Peer deal", "Of the peer", -3, self.peer),
        ):
            deals[deal].activity_schedule(
                "mail.mail_activity_data_todo",
                summary=summary,
                date_deadline=today + timedelta(days=days),
                user_id=user.id,
            )
        deals["Seller deal 2"].date_deadline = "2020-02-29"
        self.start_tour(PATH, "crm_cqrs_dashboard_alone", login=self.seller.login)

    def test_a_manager_without_a_sales_group_is_told_which_is_missing(self):
        officer = new_test_user(self.env, "cqrs_officer", groups="hr.group_hr_user")
        employee = self.employee("officer", user=officer)
        self.head_employee.with_user(officer).parent_id = employee
        self.start_tour(
            PATH,
            "crm_cqrs_dashboard_no_access",
            login=officer.login,
            # The browser itself says that the answer was a 403.
            error_checker=lambda message: "403" not in message,
        )

    def test_a_link_shows_the_same(self):
        seller = self.uuid(self.seller)
        self.start_tour(
            f"{PATH}?scope=own&period=year&sort=name&status=won&view_as={seller}&stage=999",
            "crm_cqrs_dashboard_link",
            login=self.manager.login,
        )

    def test_a_company_and_a_currency(self):
        currency = self.env["res.currency"].create({"name": "CQX", "symbol": "CQX"})
        self.env["res.currency.rate"].create(
            {"currency_id": currency.id, "rate": 4, "company_id": False}
        )
        branch = self.env["res.company"].create(
            {"name": "Branch", "currency_id": currency.id}
        )
        self.manager.company_ids |= branch
        boss = self.employee("boss", user=None, company=branch)
        boss.user_id = self.manager
        person, __ = self.person("abroad", boss, branch)
        self.opportunity(
            person, 888.88, name="Abroad", company_id=branch.id, team_id=False
        )
        self.start_tour(PATH, "crm_cqrs_dashboard_company", login=self.manager.login)
        # As another session has it, from the address alone: 0 is no company of hers.
        self.start_tour(
            f"{PATH}?company={branch.id},0",
            "crm_cqrs_dashboard_company_link",
            login=self.manager.login,
        )

    def test_the_address_of_records_shows_the_same_to_others(self):
        self.expected_errors = ("404",)
        seller = self.uuid(self.seller)
        with self.browse():
            self.enter(self.manager)
            tile = ".o_cqrs_tile[data-name=pipeline]"
            self.visit(
                f"{PATH}?view_as={seller}",
                until=f"document.querySelector('{tile}')?.textContent"
                ".includes('200,000.00')",
            )
            self.js(f"document.querySelector('{tile}').click()")
            self.until(RECORDS % ("Pipeline (Seller)", "200,000.00"))
            self.js("document.querySelector('th[data-name=stage_id]').click()")
            self.until(
                "new URLSearchParams(location.search).get('sort') === 'stage_id'"
            )
            address = self.js("location.pathname + location.search")
            # Somebody who sees the seller too, by the address alone.
            self.enter(self.head)
            self.visit(address, until=RECORDS % ("Pipeline (Seller)", "200,000.00"))
            self.until("document.querySelector('th[data-name=stage_id] .fa-sort-asc')")
            self.until("document.querySelectorAll('.o_group_header').length === 1")
            self.enter(self.peer)
            self.visit(
                address,
                until="document.querySelector('.o_cqrs_error')?.textContent"
                ".includes('not, or no longer, on your team')",
            )
            self.js("document.querySelector('.o_cqrs_mine').click()")
            self.until(RECORDS % ("Pipeline", "100,000.00"))

    def test_there_is_nothing_to_choose_where_there_is_one(self):
        self.env["res.currency"].search(
            [("id", "!=", self.env.company.currency_id.id)]
        ).active = False
        self.start_tour(PATH, "crm_cqrs_dashboard_one_company", login=self.seller.login)

    def test_a_session_that_ended_or_is_another_persons(self):
        self.expected_errors = ("401",)
        chosen = "?scope=own&period=year"
        seller, seller_id = self.seller.login, self.seller.id
        with self.browse():
            self.enter(self.head)
            self.visit(f"{PATH}{chosen}", FIGURES)
            # In another tab.
            self.assertEqual(self.js(LOG_IN % (seller, seller)), seller_id)
            self.assertEqual(self.until_told("Seller has logged in"), 1)
            self.until(f"{FIGURES} && !document.querySelector('.o_cqrs_organisation')")
            self.assertTrue(self.js(LOG_OUT))
            # Odoo tells it too, for what it happened to ask at this moment.
            self.until_told("session expired")
            self.until("location.pathname === '/web/login'")
            self.log_in(seller)
            self.until(FIGURES)
            self.assertIn("scope=own", self.js("location.search"))
            self.assertIn("period=this_year", self.js("location.search"))

    def until_told(self, text):
        """Look at the page, wait for dialogs with a text and close one; count them."""
        # Odoo may show another one beneath, of what it asked with the other session.
        self.js(
            "window.told = () => [...document.querySelectorAll('.modal')]"
            f".filter((dialog) => dialog.innerText.includes('{text}'))"
        )
        self.js(SEEN)
        self.until("told().length")
        count = self.js("told().length")
        self.js("told()[0].querySelector('.modal-footer .btn-primary').click()")
        return count

    def log_in(self, login):
        self.until("document.querySelector('input[name=password]')")
        self.js(
            f"for (const name of ['login', 'password'])"
            f" document.querySelector(`input[name=${{name}}]`).value = '{login}';"
            "document.querySelector('.oe_login_form').submit()"
        )

    def test_whom_one_may_not_look_as_is_not_there(self):
        self.start_tour(
            f"{PATH}?view_as={self.uuid(self.peer)}",
            "crm_cqrs_dashboard_not_there",
            login=self.manager.login,
            # The browser itself says that the answer was a 404.
            error_checker=lambda message: "404" not in message,
        )
