"""Odoo's search bar over the dashboard: filters, groups, favourites, several deals."""

import json
import re
from urllib.parse import quote

from odoo.tests import tagged
from odoo.tools import SQL

from .browser import BrowserCase
from .common import SalesOrganisation

PATH = "/odoo/sales-dashboard"
TILE = (
    "document.querySelector('.o_cqrs_tile[data-name=%s]')?.textContent.includes('%s')"
)
ROWS = "document.querySelectorAll('.o_cqrs_opportunity').length === %d"
FACETS = """
[...document.querySelectorAll('.o_searchview_facet')].map(
    (each) => each.querySelector('.o_facet_values').innerText.trim()
).join()
"""
IN_ADDRESS = "new URLSearchParams(location.search).get('%s')"
GROUPS = """
[...document.querySelectorAll('.o_cqrs_group')].map((each) => [
    each.querySelector('bdi').innerText,
    each.querySelector('.o_cqrs_group_sum').innerText,
])
"""
OPEN_GROUP = """
[...document.querySelectorAll('.o_cqrs_group button')].find(
    (each) => each.innerText.includes('%s')
).click()
"""
NAME = "document.querySelector('.o_favorite_menu input[type=text]')"
SCHEDULE = ".modal button[name=action_schedule_activities]"
BUTTON = """
[...document.querySelectorAll('%s')].find(
    (each) => each.innerText.trim() === '%s'
)
"""


@tagged("post_install", "-at_install")
class TestSearchBar(SalesOrganisation, BrowserCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        cls.opportunity(cls.peer, name="Peer deal")
        cls.stage_next = cls.env["crm.stage"].create({"name": "Next", "sequence": -99})
        cls.seller_deals = cls.env["crm.lead"].search(
            [("name", "in", ("Seller deal 1", "Seller deal 2"))], order="name"
        )
        cls.seller_deals[0].write(
            {"stage_id": cls.stage_next.id, "expected_revenue": 50_000.55}
        )
        cls.env.cr.flush()

    def start(self, user, query="", until=None):
        self.enter(user)
        self.visit(f"{PATH}{query}", until or TILE % ("pipeline", ""))
        self.until("document.querySelector('.o_cqrs_search .o_searchview_input')")

    def click(self, selector):
        self.until(f"document.querySelector('{selector}')")
        self.js(f"document.querySelector('{selector}').click()")

    def press(self, selector, text):
        self.until(BUTTON % (selector, text))
        self.js(f"({BUTTON % (selector, text)}).click()")

    def type_search(self, text):
        self.js("document.querySelector('.o_cqrs_search .o_searchview_input').focus()")
        self.page.write_text(text)
        self.until("document.querySelector('.o_searchview_autocomplete')")
        self.page.press("Enter")

    def test_a_name_narrows_list_and_figures_and_the_address_says_it(self):
        with self.browse():
            self.start(self.manager)
            self.until(TILE % ("pipeline", "350,000.55"))
            self.type_search("Seller")
            self.until(TILE % ("pipeline", "150,000.55"))
            self.until(ROWS % 2)
            self.assertIn("Seller", self.js(FACETS))
            self.until("document.querySelector('.o_cqrs_filtered')")
            self.until(f"({IN_ADDRESS % 'search'} || '').includes('Seller')")
            address = self.js("location.pathname + location.search")
            # Whoever opens it sees the same, by their own rights.
            self.enter(self.head)
            self.visit(address, TILE % ("pipeline", "150,000.55"))
            self.until(ROWS % 2)
            self.assertIn("Seller", self.js(FACETS))
            self.enter(self.peer)
            self.visit(address, "document.querySelector('.o_cqrs_filtered')")
            self.until("document.querySelector('.o_cqrs_empty')")
            self.press(".o_cqrs_empty button", "Clear Filters")
            self.until(TILE % ("pipeline", "100,000.00"))
            self.until(f"{IN_ADDRESS % 'search'} === null")

    def test_filters_and_bars_narrow_in_place(self):
        with self.browse():
            self.start(self.manager)
            self.until(ROWS % 4)
            self.click(".o_searchview_dropdown_toggler")
            self.press(".o_filter_menu .dropdown-item", "Mine")
            self.until(TILE % ("pipeline", "200,000.00"))
            self.until(f"{IN_ADDRESS % 'search'} === '[\"mine\"]'")
            self.press(".o_filter_menu .dropdown-item", "Mine")
            self.press(".o_filter_menu .dropdown-item", "My Team\\'s")
            self.until(TILE % ("pipeline", "150,000.55"))
            self.page.press("Escape")
            # A bar is a filter, and the same bar takes it away.
            self.click("[data-name=stages] .o_cqrs_toggle")
            self.press("[data-name=stages] tbody button", "Next")
            self.until(TILE % ("pipeline", "50,000.55"))
            self.until(ROWS % 1)
            self.until(f"{FACETS}.includes('Next')")
            self.press("[data-name=stages] tbody button", "Next")
            self.until(TILE % ("pipeline", "150,000.55"))
            self.until(ROWS % 2)

    def test_sums_of_groups_are_the_tiles(self):
        with self.browse():
            self.start(self.manager, "?group=stage_id,user_id")
            self.until("document.querySelectorAll('.o_cqrs_group').length === 2")
            groups = self.js(GROUPS)
            self.assertEqual([label for label, __ in groups], ["New (3)", "Next (1)"])
            self.assertEqual(
                [re.sub(r"[^\d.,]", "", amount) for __, amount in groups],
                ["300,000.00", "50,000.55"],
            )
            self.until(TILE % ("pipeline", "350,000.55"))
            self.js(OPEN_GROUP % "New (3)")
            self.until("document.querySelectorAll('.o_cqrs_group').length === 4")
            self.js(OPEN_GROUP % "Manager (2)")
            self.until(ROWS % 2)
            self.until(f"{IN_ADDRESS % 'group'} === 'stage_id,user_id'")
            # Of what is searched alone.
            self.type_search("Seller")
            self.until(
                "document.querySelectorAll('.o_cqrs_group').length === 2"
                " && document.querySelector('.o_cqrs_group bdi').innerText"
                " === 'New (1)'"
            )
            self.visit(
                f"{PATH}?group=closing_month",
                "document.querySelector('.o_cqrs_group bdi')?.innerText === 'None (4)'",
            )
            self.js(OPEN_GROUP % "None")
            self.until(ROWS % 4)

    def test_a_shared_favourite_is_everybodys(self):
        with self.browse():
            self.start(self.manager, "?search=Seller")
            self.until(TILE % ("pipeline", "150,000.55"))
            self.click(".o_searchview_dropdown_toggler")
            self.click(".o_add_favorite")
            self.until(NAME)
            self.js(
                f"({NAME}.value = 'Of the seller',"
                f" {NAME}.dispatchEvent(new Event('change', {{bubbles: true}})))"
            )
            self.click(".o_save_favorite")
            self.until(f"{FACETS}.includes('Of the seller')")
        [favourite] = self.env["ir.filters"].search([("name", "=", "Of the seller")])
        self.assertEqual(favourite.model_id, "cqrs.opportunity.view")
        favourite.user_ids = False
        with self.browse():
            self.start(self.head)
            self.click(".o_searchview_dropdown_toggler")
            self.press(".o_favorite_menu .o_menu_item", "Of the seller")
            self.until(TILE % ("pipeline", "150,000.55"))

    def test_columns_are_chosen(self):
        with self.browse():
            self.start(self.manager)
            self.until(ROWS % 4)
            self.click(".o_cqrs_columns")
            self.until("document.querySelector('input[name=probability]')")
            self.click("input[name=probability]")
            self.click("input[name=salesperson]")
            headers = (
                "[...document.querySelectorAll('.o_cqrs_opportunities thead th')]"
                ".map((each) => each.innerText.trim()).join()"
            )
            self.until(f"{headers}.includes('Probability')")
            self.until(f"!{headers}.includes('Salesperson')")
            self.until(
                f"{IN_ADDRESS % 'columns'} === 'stage,closing_date,probability,value'"
            )
            self.until(
                "[...document.querySelectorAll('.o_cqrs_opportunity td')]"
                ".some((each) => each.innerText.endsWith('%'))"
            )

    def change_chosen(self, field, name):
        """Change a field of the deals that are chosen, in the dialog for that."""
        self.until("document.querySelector('.o_cqrs_actions')")
        self.click(f"[data-action={field}]")
        self.until("document.querySelector('.modal .o-autocomplete--input')")
        self.assertEqual(
            self.js("document.querySelector('.o_cqrs_confirm').disabled"), True
        )
        self.js("document.querySelector('.modal .o-autocomplete--input').focus()")
        self.page.write_text(name)
        self.until(
            "[...document.querySelectorAll('.o-autocomplete--dropdown-item')]"
            f".some((each) => each.innerText.includes('{name}'))"
        )
        self.page.press("Enter")
        self.until("!document.querySelector('.o_cqrs_confirm').disabled")
        self.click(".o_cqrs_confirm")
        self.until("!document.querySelector('.modal')")
        self.until("!document.querySelector('.o_cqrs_actions')")

    def change_all_of_the_manager(self, field: str, name: str, *shown: str):
        """Change a field of two deals at once; return them, and their last events."""
        deals = self.env["crm.lead"].search([("name", "like", "Manager deal")])
        before = {deal.id: len(self.events(deal)) for deal in deals}
        search = quote(json.dumps([["user_id", "=", self.manager.id]]))
        self.manager.group_ids += self.env.ref("crm_cqrs.group_sale_team")
        with self.browse():
            self.start(self.manager, f"?search={search}")
            self.until(ROWS % 2)
            self.click("thead .o_cqrs_selector input")
            self.change_chosen(field, name)
            for condition in shown:
                self.until(condition)
        deals.invalidate_recordset()
        events = {deal.id: self.events(deal) for deal in deals}
        for deal in deals:
            self.assertEqual(len(events[deal.id]), before[deal.id] + 1)
        return deals, [each[-1][1] for each in events.values()]

    def test_several_deals_are_reassigned_with_one_confirmation_and_an_event_each(self):
        deals, events = self.change_all_of_the_manager(
            "user_id", "Seller", "document.querySelector('.o_cqrs_empty')"
        )
        self.assertEqual(deals.user_id, self.seller)
        self.assertEqual(events, ["OpportunityReassigned"] * 2)

    def test_several_deals_change_stage_with_one_confirmation_and_an_event_each(self):
        deals, events = self.change_all_of_the_manager(
            "stage_id",
            "Next",
            # The list follows, and chart and tile with it.
            "[...document.querySelectorAll('.o_cqrs_opportunity')]"
            ".filter((each) => each.innerText.includes('Next')).length === 2",
            TILE % ("pipeline", "200,000.00"),
        )
        self.assertEqual(deals.stage_id, self.stage_next)
        self.assertEqual(events, ["OpportunityStageChanged"] * 2)

    def test_a_bar_of_a_month_gives_the_status_back(self):
        self.seller_deals[1].action_set_won()
        self.env.cr.flush()
        month = "[data-name=months] tbody tr:last-child button"
        with self.browse():
            self.start(self.manager)
            self.until(ROWS % 3)
            self.click("[data-name=months] .o_cqrs_toggle")
            self.click(month)
            self.until(f"{IN_ADDRESS % 'status'} === 'won'")
            self.until(ROWS % 2)
            # Also of a page that is loaded anew in the meantime.
            self.visit(self.js("location.pathname + location.search"), ROWS % 2)
            self.click("[data-name=months] .o_cqrs_toggle")
            self.click(month)
            self.until(f"{IN_ADDRESS % 'search'} === null")
            self.until(ROWS % 3)
            self.assertEqual(self.js(IN_ADDRESS % "status"), "pending")
            # Nor does the next visit begin with it.
            self.click(month)
            self.until(ROWS % 2)
            self.visit(PATH, ROWS % 3)

    def test_an_activity_is_planned_for_several_deals(self):
        self.manager.group_ids += self.env.ref("crm_cqrs.group_sale_team")
        with self.browse():
            self.start(self.manager, "?search=Seller")
            self.until(ROWS % 2)
            self.click("thead .o_cqrs_selector input")
            self.click("[data-action=activity]")
            self.click(SCHEDULE)
            self.until("!document.querySelector('.modal')")
        self.env.cr.execute(
            SQL(
                "SELECT count(*) FROM mail_activity"
                " WHERE res_model = 'crm.lead' AND res_id = ANY(%s)",
                self.seller_deals.ids,
            )
        )
        self.assertEqual(self.env.cr.fetchall(), [(2,)])
