"""A deal beside the list, in a browser: by clicks, by keys, on a phone."""

from odoo.tests import tagged

from .test_keyboard import DASHBOARD, LOADED, KeyboardCase

#: Sums up the layout shift that no click, tap or key has brought
WATCH = """
(() => {
    window.shifted = 0;
    new PerformanceObserver((list) => {
        for (const {value, hadRecentInput} of list.getEntries()) {
            window.shifted += hadRecentInput ? 0 : value;
        }
    }).observe({type: "layout-shift"});
})()
"""
#: The dashboard of who has no team
ALONE = """
document.querySelector(".o_cqrs_opportunity") && document.querySelector("canvas")
"""
BOX = """
(() => {
    const sheet = document.querySelector(".o_cqrs_deal_sheet");
    const {x, y, width, height} = sheet.getBoundingClientRect();
    return [x, y, width, height].map(Math.round);
})()
"""
SIDEWAYS = """
[".o_cqrs_deal_sheet", ".o_cqrs_deal_body"].filter((each) => {
    const {scrollWidth, clientWidth} = document.querySelector(each);
    return scrollWidth > clientWidth;
})
"""
PLACE = "document.querySelector('.o_cqrs_deal_place')?.textContent"
#: Whether the screen behind is that of before: nothing has been loaded anew
SAME_SCREEN = "document.querySelector('.o_action').dataset.former"
#: Opens a deal; returns the first text of its sheet, and whether there was a form yet
FIRST = """
new Promise((resolve) => {
    new MutationObserver((_changes, observer) => {
        const shown = document.querySelector(".o_cqrs_deal_body")?.innerText.trim();
        if (shown) {
            observer.disconnect();
            resolve([shown, Boolean(document.querySelector(".o_form_sheet"))]);
        }
    }).observe(document.body, { childList: true, subtree: true });
    document.querySelector("%s").click();
})
"""
#: As Odoo's switcher does
SWITCH = """
(async () => {
    const module = (name) => odoo.loader.modules.get(`@web/core/${name}`);
    const options = { includeChildCompanies: false, reload: false };
    await module("user").user.activateCompanies([%d], options);
    module("browser/router").router.pushState({}, { reload: true });
})()
"""
READINGS = """
performance.getEntriesByType("resource").filter(
    ({ name }) => name.includes("/crm.lead/web_read")
).length
"""
DEAL = "new URLSearchParams(location.search).get('deal')"
IN_SHEET = "document.activeElement.closest('.o_cqrs_deal_sheet')"


@tagged("post_install", "-at_install")
class TestDealSheet(KeyboardCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.named_opportunities()
        cls.negotiation = cls.env["crm.stage"].create(
            {"name": "Negotiation", "sequence": -99}
        )
        cls.env["crm.lost.reason"].create({"name": "Too late"})
        cls.customer = cls.env["res.partner"].create(
            {"name": "Cqrs Nile", "is_company": True}
        )
        cls.deals = cls.env["crm.lead"].search([("name", "like", "Seller deal")])
        cls.deals.partner_id = cls.customer
        cls.env.cr.flush()
        for user in (cls.manager, cls.head):
            user.group_ids += cls.env.ref("crm_cqrs.group_sale_team")

    def change(self, name="Seller deal 1", user=None, **values):
        deal = self.deals.filtered(lambda each: each.name == name)
        # In a transaction of one's own, as a request has it.
        self.env.cr.flush()
        deal.with_user(user or self.seller).write(values)
        self.env.cr.flush()
        return deal

    # As three people

    def test_a_salesperson_acts_on_a_deal(self):
        self.start_tour(
            f"{DASHBOARD}?sort=name", "crm_cqrs_sheet_act", login=self.seller.login
        )
        deals = {deal.name: deal for deal in self.deals}
        self.assertEqual(deals["Seller deal 1"].expected_revenue, 55_000)
        self.assertEqual(deals["Seller deal 1"].stage_id, self.negotiation)
        self.assertEqual(deals["Seller deal 1"].lost_reason_id.name, "Too late")
        self.assertEqual(deals["Seller deal 2"].won_status, "won")

    def test_a_manager_puts_back_an_amount(self):
        deal = self.change(expected_revenue=7)
        self.start_tour(DASHBOARD, "crm_cqrs_sheet_put_back", login=self.manager.login)
        self.assertEqual(deal.expected_revenue, 100_000)

    def test_a_head_reads_the_story_of_a_customer(self):
        self.start_tour(DASHBOARD, "crm_cqrs_sheet_customer", login=self.head.login)

    # By keyboard alone

    def open_by_key(self, name):
        self.focus_on(".o_cqrs_opportunity a", name)
        self.page.press("Enter")
        self.wait_for_sheet(name)

    def test_the_list_is_walked_by_arrow_keys(self):
        with self.browse():
            self.enter(self.manager)
            self.visit(f"{DASHBOARD}?sort=name", LOADED)
            self.js(WATCH)
            self.open_by_key("Manager deal 2")
            self.assert_focused(".o_cqrs_deal_sheet")
            self.assertEqual(self.js(PLACE), "2 of 4")
            self.page.press("ArrowDown")
            self.wait_for_sheet("Seller deal 1")
            self.page.press("ArrowRight")
            self.wait_for_sheet("Seller deal 2")
            self.assertEqual(self.js(PLACE), "4 of 4")
            # There is none after the last.
            self.page.press("ArrowDown")
            self.page.press("ArrowUp")
            self.wait_for_sheet("Seller deal 1")
            self.page.press("ArrowLeft")
            self.wait_for_sheet("Manager deal 2")
            self.assertLessEqual(self.js("window.shifted"), 0.01)
            # In a field they move the cursor.
            self.focus_on(".o_cqrs_deal_sheet [name=expected_revenue] input")
            self.page.press("ArrowLeft")
            self.assertEqual(self.js(PLACE), "2 of 4")
            self.page.press("Escape")
            self.until("!document.querySelector('.o_cqrs_deal_sheet')")
            self.assert_focused(".o_cqrs_opportunity a[title='Manager deal 2']")

    def test_an_amount_is_put_back_by_keys(self):
        self.change(expected_revenue=7)
        amount = ".o_cqrs_deal_sheet [name=expected_revenue] input"
        with self.browse():
            self.enter(self.manager)
            self.visit(DASHBOARD, LOADED)
            self.open_by_key("Seller deal 1")
            self.focus_on(".o_cqrs_put_back")
            self.page.press("Enter")
            self.until("document.querySelector('.o_cqrs_put_back_dialog')")
            self.focus_on(".o_cqrs_put_back_confirm")
            self.page.press("Enter")
            self.until(f"document.querySelector({amount!r}).value === '100,000.00'")
            self.wait_for_text(".o_cqrs_deal_event", "Manager")
            self.until(IN_SHEET)
            # A customer's whole story
            self.focus_on(".o_cqrs_customer_link")
            self.page.press("Enter")
            self.until("document.querySelector('.o_cqrs_story_entry')")

    def test_a_deal_is_won_by_keys(self):
        with self.browse():
            self.enter(self.seller)
            self.visit(DASHBOARD, ALONE)
            self.open_by_key("Seller deal 2")
            self.focus_on(".o_cqrs_deal_sheet .o_form_statusbar button", "Won")
            self.page.press("Enter")
            self.wait_for_text(".o_cqrs_deal_event", "Won")

    # In the address

    def until_deal(self, deal):
        self.until(f"{DEAL} === '{deal.id}'")

    def test_the_address_keeps_the_deal(self):
        deals = {deal.name: deal for deal in self.env["crm.lead"].search([])}
        with self.browse():
            self.enter(self.manager)
            self.visit(f"{DASHBOARD}?sort=name", LOADED)
            self.js("document.querySelector('.o_action').dataset.former = 'yes'")
            self.open_by_key("Manager deal 2")
            self.until_deal(deals["Manager deal 2"])
            self.page.press("ArrowDown")
            self.wait_for_sheet("Seller deal 1")
            self.until_deal(deals["Seller deal 1"])
            # Back goes the way that one came, on the same screen.
            self.js("history.back()")
            self.wait_for_sheet("Manager deal 2")
            self.assertEqual(self.js(PLACE), "2 of 4")
            self.js("history.back()")
            self.until("!document.querySelector('.o_cqrs_deal_sheet')")
            self.js("history.forward()")
            self.wait_for_sheet("Manager deal 2")
            self.assertEqual(self.js(SAME_SCREEN), "yes")
            self.until_deal(deals["Manager deal 2"])
            # What cannot be saved keeps the sheet, and the address says so.
            name = "document.querySelector('.o_cqrs_deal_sheet [name=name] textarea')"
            for event in ("input", "change"):
                self.js(
                    f"{name}.value = ''; {name}.dispatchEvent(new Event({event!r}))"
                )
            self.js("history.back()")
            self.until("document.querySelector('.o_cqrs_deal_sheet .o_field_invalid')")
            self.until_deal(deals["Manager deal 2"])
            self.js(
                "document.querySelector('.o_cqrs_deal_sheet .o_form_button_cancel')"
                ".click()"
            )
            # Loaded anew, the sheet walks its list.
            address = self.js("location.pathname + location.search")
            self.visit(address, LOADED)
            self.wait_for_sheet("Manager deal 2")
            self.until(f"{PLACE} === '2 of 4'")
            self.until_deal(deals["Manager deal 2"])
            self.js("document.querySelector('.o_cqrs_deal_close').click()")
            self.until(f"{DEAL} === null")

    def test_each_screen_opens_the_deal_of_its_address(self):
        deal = self.change(expected_revenue=7)
        account = self.customer.commercial_partner_id.id
        with self.browse():
            self.enter(self.manager)
            for path, place in (
                ("sales-records?figure=pipeline&group=", " of 4"),
                ("pipeline-changes?kind=created", " of 5"),
                (f"sales-customer?account={account}", " of 2"),
            ):
                with self.subTest(path):
                    self.visit(
                        f"/odoo/{path}&deal={deal.id}",
                        f"{PLACE}?.endsWith({place!r})",
                    )
                    self.wait_for_sheet("Seller deal 1")
                    self.until_deal(deal)
            # Another screen has none; the one before has it still.
            self.js("document.querySelector('.o_cqrs_deal_history').click()")
            self.until("document.querySelector('.o_cqrs_history_entry')")
            self.assertFalse(self.js("document.querySelector('.o_cqrs_deal_sheet')"))
            self.assertIsNone(self.js(DEAL))
            self.js("history.back()")
            self.wait_for_sheet("Seller deal 1")

    def test_a_company_is_switched_off(self):
        branch = self.env["res.company"].create({"name": "Branch"})
        self.manager.company_ids |= branch
        boss = self.employee("boss", user=None, company=branch)
        boss.user_id = self.manager
        deal = self.opportunity(
            self.manager, 5, name="Abroad", company_id=branch.id, team_id=False
        )
        main = self.manager.company_id.id
        with self.browse():
            self.enter(self.manager)
            self.visit(
                f"{DASHBOARD}?company={main},{branch.id}&deal={deal.id}",
                "document.querySelector('.o_cqrs_deal_sheet .o_form_sheet')",
            )
            self.js("document.querySelector('.o_action').dataset.former = 'yes'")
            self.js(SWITCH % main)
            self.until(f"{LOADED} && !{SAME_SCREEN}")
            self.until(f"{DEAL} === null")
            self.assertFalse(self.js("document.querySelector('.o_cqrs_deal_sheet')"))
            self.assertEqual(
                self.js("new URLSearchParams(location.search).get('company')"),
                str(main),
            )

    def test_a_deal_that_is_not_there(self):
        for address, until in (
            ("deal=2147483000", "document.querySelector('.o_cqrs_deal_problem')"),
            (
                "deal=nothing",
                f"{ALONE} && !document.querySelector('.o_cqrs_deal_sheet')",
            ),
        ):
            with self.subTest(address), self.browse():
                self.enter(self.seller)
                self.visit(f"{DASHBOARD}?{address}", until)

    def test_the_list_goes_on_beyond_its_page(self):
        for number in range(45):
            self.opportunity(self.seller, 1, name=f"Small deal {number:02}")
        with self.browse():
            self.enter(self.seller)
            self.visit(f"{DASHBOARD}?sort=-name", ALONE)
            self.open_by_key("Small deal 06")
            self.assertEqual(self.js(PLACE), "39 of 47")
            for number in (5, 4, 3):
                self.page.press("ArrowDown")
                self.wait_for_sheet(f"Small deal {number:02}")
            self.assertEqual(self.js(PLACE), "42 of 47")
            self.until("document.querySelector('.o_cqrs_opened').dataset.id")

    def test_the_row_is_shown_until_the_form_stands(self):
        with self.browse():
            self.enter(self.seller)
            for link, said in (
                (".o_cqrs_opportunity a[title='Seller deal 1']", "Cqrs Nile"),
                (".o_cqrs_attention_item a", "New"),
            ):
                self.visit(DASHBOARD, f'{ALONE} && document.querySelector("{link}")')
                shown, has_form = self.js(FIRST % link)
                self.assertIn(said, shown)
                self.assertIn("100,000.00", shown)
                self.assertFalse(has_form)
                self.wait_for_sheet("")
                self.assertFalse(
                    self.js("document.querySelector('.o_cqrs_deal_preview')")
                )
                # Its events, which come earlier, do not have it read again.
                self.assertEqual(self.js(READINGS), 1)

    # Other sizes

    def test_on_a_phone_it_fills_the_screen(self):
        with self.browse():
            self.enter(self.seller)
            self.page.resize(390, 844, mobile=True)
            self.visit(DASHBOARD, ALONE)
            self.js("document.querySelector('.o_cqrs_opportunity a').click()")
            self.wait_for_sheet("Seller deal 2")
            self.assertEqual(self.js(BOX), [0, 0, 390, 844])
            self.assertEqual(self.js(SIDEWAYS), [])
            self.js("document.querySelector('.o_cqrs_deal_close').click()")
            self.until("!document.querySelector('.o_cqrs_deal_sheet')")
            self.page.resize(1400, 900)
