from datetime import date, datetime
from decimal import Decimal
from urllib.parse import parse_qs, urlsplit

from odoo.tests import tagged

from ..controllers.contract.schemas.opportunities import OPPORTUNITY
from ..models.access.options import OPTIONS
from ..models.opportunities.as_json import FIELDS
from ..models.projections.opportunity_view import ORDERS
from .api import ApiCase, exact
from .pages import Pages

PATH = "opportunities"


@tagged("post_install", "-at_install")
class TestApiPages(Pages, ApiCase):
    """Every order and every filter over HTTP, against plain loops over the leads."""

    def walked(self, user, **query):
        """Return the ids of all pages, following the links."""
        ids, response = [], self.get(user, PATH, **query)
        while True:
            self.assertEqual(response.status_code, 200, response.text)
            page = exact(response)
            ids += [item["odoo_id"] for item in page["items"]]
            link = response.headers.get("Link")
            if page["next"] is None:
                self.assertIsNone(link)
                self.assertEqual(page["total"], len(ids))
                return ids
            url = link.removeprefix("<").removesuffix('>; rel="next"')
            self.assertEqual(parse_qs(urlsplit(url).query)["cursor"], [page["next"]])
            response = self.url_open(url)

    def test_every_order_both_ways(self):
        seen = self.seen(self.head)
        self.assertEqual(len(seen), 24)
        for sort in ORDERS:
            for sign, descending in (("", False), ("-", True)):
                with self.subTest(sort=sort, descending=descending):
                    self.assertEqual(
                        self.walked(self.head, sort=f"{sign}{sort}", limit=7),
                        self.in_order(seen, sort, descending),
                    )

    def test_the_order_by_default_is_by_value_from_the_greatest(self):
        expected = self.in_order(self.seen(self.head), "value", True)
        self.assertEqual(self.walked(self.head), expected)

    def assertFiltered(self, wanted, **query):
        """Assert that the filters leave what a condition on the lead does."""
        expected = self.in_order(self.seen(self.head, wanted), "name", False)
        self.assertTrue(0 < len(expected) < 27, len(expected))
        with self.subTest(**query):
            ids = self.walked(self.head, sort="name", limit=4, **query)
            self.assertEqual(ids, expected)

    def test_filters(self):
        stage, other = self.stages[0], self.stages[2]
        self.assertFiltered(lambda d: d.active and d.stage_id == stage, stage=stage.id)
        both = {"stage": [stage.id, other.id]}
        self.assertFiltered(lambda d: d.active and d.stage_id in stage | other, **both)
        both = {"stage": f"{stage.id},{other.id}"}
        self.assertFiltered(lambda d: d.active and d.stage_id in stage | other, **both)
        for statuses in (["pending"], ["won"], ["won", "pending"]):
            self.assertFiltered(
                lambda d, statuses=statuses: d.active and d.won_status in statuses,
                status=statuses,
            )
        seller = self.uuid(self.seller)
        self.assertFiltered(
            lambda d: d.active and d.user_id == self.seller, salesperson=seller
        )
        self.assertFiltered(
            lambda d: d.active and d.user_id == self.seller and d.stage_id == stage,
            salesperson=seller.upper(),
            stage=stage.id,
        )
        self.assertFiltered(lambda d: not d.active, archived="true")
        lost = self.seen(self.head, lambda d: d.won_status == "lost")
        self.assertTrue(lost.filtered(lambda d: not d.active))
        self.assertFiltered(lambda d: d.won_status == "lost", status="lost")
        self.assertFiltered(
            lambda d: d.won_status in ("lost", "won"), status="won,lost"
        )
        self.assertFiltered(
            lambda d: not d.active and d.won_status in ("lost", "won"),
            status="won,lost",
            archived="true",
        )
        for scope, is_own in (("own", True), ("team", False)):
            wanted = self.seen(
                self.manager,
                lambda d, is_own=is_own: (
                    d.active and (d.user_id == self.manager) is is_own
                ),
            )
            self.assertTrue(wanted)
            self.assertEqual(
                self.walked(self.manager, sort="name", scope=scope),
                self.in_order(wanted, "name", False),
            )
        self.assertFiltered(
            lambda d: d.user_id == self.seller, archived="any", salesperson=seller
        )
        self.assertFiltered(
            lambda d: d.active and d.expected_revenue >= 10.5, value_from="10.5"
        )
        self.assertFiltered(
            lambda d: d.active and 10 <= d.expected_revenue <= 99.99,
            value_from=10,
            value_to="99.99",
        )
        self.assertFiltered(
            lambda d: d.active and d.date_deadline == date(2026, 5, 1),
            closing_from="2026-05-01",
            closing_to="2026-05-01",
        )
        noon = datetime(2026, 1, 2)
        self.assertFiltered(
            lambda d: d.active and d.create_date and d.create_date >= noon,
            created_from="2026-01-02T01:00:00+01:00",
        )
        self.assertFiltered(
            lambda d: d.active and self.keys(d)["changed_at"] <= noon,
            changed_to="2026-01-02T00:00:00.000Z",
        )
        self.assertFiltered(
            lambda d: d.active and d.name in ("Desk", "desk", "Desks"), text="DES"
        )

    def test_stages_that_are_moved_between_two_pages(self):
        for sign, descending in (("", False), ("-", True)):
            for change in (
                lambda: self.stages[0].write({"sequence": 1000}),
                lambda: self.stages[-1].write({"sequence": -1000}),
                lambda: self.env["crm.stage"].create({"name": "x", "sequence": -2000}),
            ):
                with self.subTest(sign):
                    page = self.body(self.head, PATH, sort=f"{sign}stage", limit=13)
                    ids = [item["odoo_id"] for item in page["items"]]
                    expected = self.in_order(self.seen(self.head), "stage", descending)
                    change()
                    rest = self.body(
                        self.head, PATH, sort=f"{sign}stage", cursor=page["next"]
                    )
                    ids += [item["odoo_id"] for item in rest["items"]]
                    self.assertEqual(ids, expected)

    def test_filters_that_leave_nothing(self):
        for query in (
            {"salesperson": "00000000-0000-0000-0000-000000000000"},
            {"salesperson": self.uuid(self.peer)},
            {"salesperson": "none"},
            {"value_from": 2, "value_to": 1},
            {"text": "..."},
            {"text": "\0"},
            {"stage": 2**31 - 1},
            {"created_from": "9999-12-31T23:59:59Z"},
        ):
            with self.subTest(query):
                page = self.body(self.head, PATH, **query)
                self.assertEqual(page, {"total": 0, "items": [], "next": None})

    def test_what_nobody_owns(self):
        self.env["ir.config_parameter"].set_param(OPTIONS["unassigned"], True)
        ids = self.walked(self.seller, salesperson="none")
        unassigned = self.seen(self.seller, lambda d: d.active and not d.user_id)
        self.assertCountEqual(ids, unassigned.ids)
        self.assertEqual(len(ids), 8)

    def test_fields(self):
        some = self.body(self.head, PATH, fields="value,odoo_id", limit=3)["items"]
        self.assertEqual([list(item) for item in some], [["value", "odoo_id"]] * 3)
        self.assertIsInstance(some[0]["value"], Decimal)
        everything = self.body(self.head, PATH, limit=1)["items"][0]
        self.assertEqual(list(everything), list(FIELDS))
        every_name = ",".join(OPPORTUNITY)
        everything = self.body(self.head, PATH, fields=every_name, limit=1)["items"][0]
        # Of orders and invoices nothing is known here.
        absent = ("ordered", "invoiced", "paid")
        self.assertEqual([*everything, *absent], list(OPPORTUNITY))
        response = self.get(self.head, PATH, fields="value,colour")
        self.assertProblem(
            response,
            400,
            parameter="fields",
            detail=f"Expected one of {', '.join(OPPORTUNITY)}.",
        )

    def test_as_many_as_asked_for(self):
        for limit, expected in ((1, 1), (24, 24), (200, 24)):
            page = self.body(self.head, PATH, limit=limit)
            self.assertEqual((len(page["items"]), page["total"]), (expected, 24))


@tagged("post_install", "-at_install")
class TestApiCursors(ApiCase):
    """A cursor is of one list: in this order, with these filters, of this viewer."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        for value in range(5):
            cls.opportunity(cls.seller, value)

    def refused(self, caller, cursor, **query):
        response = self.get(caller, PATH, cursor=cursor, **query)
        self.assertProblem(response, 400, parameter="cursor")

    def first(self, **query):
        return self.body(self.manager, PATH, limit=2, **query)

    def test_limit_and_fields_may_change(self):
        cursor = self.first()["next"]
        rest = self.body(self.manager, PATH, cursor=cursor, limit=3, fields="value")
        self.assertEqual(rest["items"], [{"value": value} for value in (2, 1, 0)])
        self.assertEqual(rest["next"], None)

    def test_order_filters_and_viewer_may_not(self):
        cursor = self.first()["next"]
        for query in (
            {"sort": "value"},
            {"sort": "name"},
            {"status": "pending"},
            {"archived": "any"},
            {"text": "x"},
            {"value_from": 0},
            {"salesperson": self.uuid(self.seller)},
            {"user": self.uuid(self.seller)},
        ):
            with self.subTest(query):
                self.refused(self.manager, cursor, **query)
        self.refused(self.seller, cursor)
        self.refused(self.head, cursor)
        self.refused(self.head, cursor, user=self.uuid(self.manager))

    def test_what_means_the_same_is_the_same_list(self):
        cursor = self.first(status="won,pending")["next"]
        for query in ({"status": ["won", "pending"]}, {"sort": "-value"}):
            page = self.body(
                self.manager, PATH, cursor=cursor, **{"status": "won,pending"} | query
            )
            self.assertEqual(len(page["items"]), 3)

    def test_a_made_up_one_is_refused(self):
        cursor = self.first()["next"]
        changed = ("A" if cursor[-2] != "A" else "B").join((cursor[:-2], cursor[-1]))
        for text in ("", "x", "*", "é", "AQ", cursor[:-3], changed, cursor * 2):
            with self.subTest(text):
                self.refused(self.manager, text)

    def test_one_signed_with_another_secret_is_refused(self):
        cursor = self.first()["next"]
        parameters = self.env["ir.config_parameter"]
        parameters.set_param("database.secret", "another")
        self.refused(self.manager, cursor)


@tagged("post_install", "-at_install")
class TestApiParameters(ApiCase):
    def test_a_bad_one_is_named(self):
        bad = {
            "sort": ("", "colour", "--value", "value,name", "VALUE"),
            "limit": ("0", "201", "-1", "1.0", "١", ""),
            "stage": ("x", "0", "1,", "2147483648", ""),
            "status": ("", "open", "won,"),
            "salesperson": ("", "7", "nobody", "none,", "g" * 36),
            "value_from": ("", "1e3", "NaN", "1,5", "1" * 16, "+1", "1."),
            "closing_to": ("", "2026-02-30", "2026-1-1", "0000-01-01", "today"),
            "created_from": (
                "2026-01-01",
                "2026-01-01T00:00:00",
                "2026-01-01T24:00:00Z",
                "0001-01-01T00:00:00+01:00",
                "9999-12-31T23:59:59-01:00",
            ),
            "text": ("x" * 201,),
            "archived": ("", "yes", "True"),
            "fields": ("", "odoo_id,", "id"),
            "user": ("", "7", "{}"),
            "page": ("2",),
        }
        self.authenticate(self.head.login, self.head.login)
        for name, texts in bad.items():
            for text in texts:
                with self.subTest(name, text=text):
                    response = self.ask(PATH, **{name: text})
                    self.assertProblem(
                        response,
                        400,
                        type="/api/v2/problems/bad-parameter",
                        parameter=name,
                    )
                    self.assertTrue(response.json()["detail"])

    def test_one_that_no_json_would_have_is_named_in_json(self):
        for name in ("\0", "\0x", '\0"', "\x07"):
            response = self.get(self.head, PATH, **{name: "1"})
            self.assertProblem(response, 400, parameter=name)

    def test_one_given_twice_is_named(self):
        self.authenticate(self.head.login, self.head.login)
        for name, text in (("limit", "1"), ("sort", "name"), ("text", "x")):
            response = self.ask(PATH, **{name: [text, text]})
            self.assertProblem(response, 400, parameter=name)

    def test_a_route_says_which_it_has(self):
        response = self.get(self.head, "users/profile", limit=1)
        self.assertProblem(
            response,
            400,
            parameter="limit",
            detail="There is no such parameter; there are: user, min_position.",
        )

    def test_times_in_any_zone_and_precision(self):
        self.opportunity(self.head)
        for text in (
            "2000-01-01T00:00:00Z",
            "2000-01-01t00:00:00z",
            "2000-01-01T00:00:00.1+02:00",
            "2000-01-01T00:00:00.123456789-05:30",
        ):
            with self.subTest(text):
                page = self.body(self.head, PATH, created_from=text)
                self.assertEqual(page["total"], 1)
