"""Access of twenty people to orders and invoices, by every path."""

import itertools
import random
from datetime import timedelta

from odoo import fields
from odoo.tests import new_test_user, tagged
from odoo.tools import SQL

from ...models.access.options import OPTIONS
from ..api import ApiCase
from ..histories import SEED
from ..plain_rules import ALL_DOCUMENTS, OWN, TEAM
from .common import Sales
from .plain_sales import INVOICES, ORDERS, PlainSales

ACCOUNTING = ("account.group_account_invoice", "account.group_account_readonly")
VIEWS = {ORDERS: "cqrs.order.view", INVOICES: "cqrs.invoice.view"}
KINDS = (
    (OWN,),
    (TEAM,),
    (ALL_DOCUMENTS,),
    (OWN, ACCOUNTING[0]),
    (ACCOUNTING[0],),
    (ACCOUNTING[1],),
    ("base.group_system",),
    ("base.group_user",),
)


@tagged("post_install", "-at_install")
class TestWhoSeesInvoices(Sales, ApiCase):
    """Twenty people of all kinds, in a random hierarchy, with random documents."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.seed = SEED
        cls.choose = random.Random(cls.seed)
        cls.people = cls.env["res.users"]
        employees = []
        for number, groups in zip(range(20), itertools.cycle(KINDS), strict=False):
            name = f"cqrs_p{number}"
            user = new_test_user(cls.env, name, groups=",".join(groups))
            above = cls.choose.choice(employees) if employees else None
            employees.append(cls.employee(name, above, user))
            cls.people |= user
        for option in OPTIONS.values():
            cls.env["ir.config_parameter"].set_param(option, cls.choose.random() < 0.5)
        today = fields.Date.today()
        cls.env["cqrs.delegation"].create(
            [
                {
                    "lender_id": lender.id,
                    "delegate_id": delegate.id,
                    "date_from": today - timedelta(days=2),
                    "date_to": today + timedelta(days=2),
                }
                for lender, delegate in (
                    cls.choose.sample(cls.sellers(), 2) for __ in range(4)
                )
            ]
        )
        made, owners = cls(), [*cls.people, None, None]
        for number in range(25):
            owner = cls.choose.choice(owners)
            made.order(cls.customer, 10 + number, user=owner, confirm=number % 3)
            made.invoice(
                cls.customer,
                10 + number,
                user=cls.choose.choice(owners),
                post=number % 4,
                move_type=cls.choose.choice(["out_invoice", "out_refund"]),
            )
        cls.env.cr.flush()

    @classmethod
    def sellers(cls):
        return [user for user in cls.people if user.has_group(OWN)]

    def visible(self, user, model, asking=None):
        """Return the ids of the rows that a user sees, as somebody asks."""
        access = self.env(user=asking.id, su=False) if asking else self.env
        access = access["cqrs.access"]
        seen = access._visible(access._document_viewers(user, model), SQL("view"))
        fast = access._documents_seen(user, model, SQL("view"))
        table = SQL.identifier(VIEWS[model].replace(".", "_"))
        query = "SELECT id FROM %s view WHERE %s"
        found, the_same = (
            {id_ for (id_,) in self.env.execute_query(SQL(query, table, condition))}
            for condition in (seen, fast or SQL("FALSE"))
        )
        self.assertEqual(found, the_same, (user.login, model, self.seed))
        return found

    def test_everybody_sees_what_the_rules_say(self):
        rules, different = PlainSales(self.env), set()
        for user in self.people:
            for model in VIEWS:
                expected = {each.id for each in rules.seen_of(user, model)}
                found = self.visible(user, model)
                self.assertEqual(found, expected, (user.login, model, self.seed))
                if not self.env[model].with_user(user).has_access("read"):
                    self.assertEqual(found, set())
                different.add(frozenset(found))
        self.assertGreater(len(different), 2, self.seed)

    def test_as_somebody_else_one_sees_what_both_do(self):
        for model in VIEWS:
            of = {user: self.visible(user, model) for user in self.people}
            for __ in range(30):
                user, asking = self.choose.sample(self.people, 2)
                found = self.visible(user, model, asking)
                self.assertEqual(
                    found, of[user] & of[asking], (user.login, asking.login, self.seed)
                )

    def test_odoos_screens_show_the_same(self):
        for user in self.people:
            for model, view in VIEWS.items():
                records = self.env[view].with_user(user)
                if not user.has_group(OWN):
                    # Whoever else may read documents has no right to our lists.
                    continue
                expected = self.visible(user, model)
                ids = self.env[view].sudo().search([]).ids
                ways = {
                    "search": records.search([]).ids,
                    "search_read": [row["id"] for row in records.search_read([], [])],
                    "_filtered_access": records.browse(ids)
                    ._filtered_access("read")
                    .ids,
                    "_read_group": records._read_group([], [], ["id:array_agg"])[0][0]
                    or [],
                    "formatted_read_group": [
                        id_
                        for group in records.formatted_read_group(
                            [], ["user_id"], ["id:array_agg"]
                        )
                        for id_ in group["id:array_agg"]
                    ],
                }
                for way, found in ways.items():
                    self.assertEqual(
                        set(found), expected, (way, view, user.login, self.seed)
                    )

    def test_the_api_shows_the_same(self):
        for user in self.choose.sample(self.people, 8):
            answer = self.get(user, "invoices", limit=200, status=self.ANY)
            if not self.env[INVOICES].with_user(user).has_access("read"):
                self.assertProblem(answer, 403, type="/api/v2/problems/no-sales-access")
                continue
            expected = self.visible(user, INVOICES)
            found = [item["odoo_id"] for item in answer.json()["items"]]
            self.assertEqual(sorted(found), sorted(expected), (user.login, self.seed))
            self.assertEqual(answer.json()["total"], len(expected))

    ANY = ("draft", "open", "paid", "cancelled")

    def test_a_right_that_comes_or_goes_is_another_answer(self):
        clerk = next(
            user
            for user in self.people
            if not self.env[INVOICES].with_user(user).has_access("read")
            and not user.has_group("base.group_system")
        )
        self.assertEqual(self.get(clerk, "invoices").status_code, 403)
        clerk.group_ids += self.env.ref(OWN)
        own = self.get(clerk, "invoices")
        self.assertEqual(own.status_code, 200)
        tag = {"If-None-Match": own.headers["ETag"]}
        self.assertEqual(self.get(clerk, "invoices", tag).status_code, 304)
        clerk.group_ids += self.env.ref(ACCOUNTING[1])
        every = self.get(clerk, "invoices", tag)
        self.assertEqual(every.status_code, 200)
        self.assertGreater(every.json()["total"], own.json()["total"])
