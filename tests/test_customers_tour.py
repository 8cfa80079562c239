from odoo.tests import tagged

from .browser import BrowserCase
from .test_accounts import AccountCase

PATH = "/odoo/sales-customers"


@tagged("post_install", "-at_install")
class TestCustomersTour(AccountCase, BrowserCase):
    """The customers and their stories in a browser."""

    def test_the_list_and_the_story_of_a_customer(self):
        self.start_tour(PATH, "crm_cqrs_customers", login=self.manager.login)

    def test_a_link_shows_the_same(self):
        seller = self.uuid(self.seller)
        self.start_tour(
            f"{PATH}?search=cqrs&sort=-won_revenue&view_as={seller}",
            "crm_cqrs_customers_link",
            login=self.manager.login,
        )

    def test_a_customer_that_is_none(self):
        self.start_tour(
            f"/odoo/sales-customer?account={self.clerk.id}",
            "crm_cqrs_customer_nobody_sees",
            login=self.manager.login,
            # The browser itself says that the answer was a 404.
            error_checker=lambda message: "404" not in message,
        )
