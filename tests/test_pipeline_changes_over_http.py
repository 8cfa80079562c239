"""The changes of the pipeline over HTTP."""

from odoo.tests import new_test_user, tagged

from .api import ApiCase
from .common import money
from .plain_changes import LATER, START, Dated


@tagged("post_install", "-at_install")
class TestChangesOverHttp(Dated, ApiCase):
    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(self.seller, 500, name="Fleet")
        self.opportunity(self.manager, 1000.05)
        self.happened(START)
        for value in (30, 10, 20):
            self.opportunity(self.seller, value)
        self.happened(LATER)
        self.window = {"from": "2024-03-04T09:00:00Z", "to": "2024-03-05"}

    def changes(self, caller, **query):
        return self.body(caller, "changes", **{**self.window, **query})

    def opportunities(self, caller, **query):
        return self.body(caller, "changes/opportunities", **{**self.window, **query})

    def test_the_waterfall(self):
        answer = self.changes(self.manager)
        self.assertEqual(
            {name: answer[name] for name in ("from", "to", "currency", "changes")},
            {
                "from": "2024-03-04T09:00:00+00:00",
                "to": "2024-03-06T00:00:00+00:00",
                "currency": self.env.company.currency_id.name,
                "changes": [{"kind": "created", "amount": 60, "exact": 60, "count": 3}],
            },
        )
        self.assertEqual(answer["start"]["amount"], money("1500.05"))
        self.assertEqual(answer["end"]["amount"], money("1560.05"))
        self.assertEqual(answer["reconstructed"], 0)

    def test_days_begin_and_end_at_the_midnights_of_the_zone(self):
        answer = self.changes(self.manager, **{"from": "2024-03-05"}, tz="Asia/Tokyo")
        self.assertEqual(answer["from"], "2024-03-04T15:00:00+00:00")
        self.assertEqual(answer["to"], "2024-03-05T15:00:00+00:00")

    def test_pages_of_a_bar(self):
        first = self.opportunities(self.manager, kind="created", limit=2)
        self.assertEqual([each["change"] for each in first["items"]], [30, 20])
        self.assertEqual((first["total"], first["amount"], first["exact"]), (3, 60, 60))
        second = self.opportunities(
            self.manager, kind="created", limit=2, cursor=first["next"]
        )
        self.assertEqual([each["change"] for each in second["items"]], [10])
        self.assertIsNone(second["next"])
        response = self.get(
            self.seller,
            "changes/opportunities",
            **self.window,
            kind="created",
            cursor=first["next"],
        )
        self.assertProblem(response, 400, parameter="cursor")

    def test_everyone_sees_their_own(self):
        self.assertEqual(self.changes(self.seller)["start"]["count"], 1)
        self.assertEqual(self.changes(self.peer)["start"]["count"], 0)
        self.assertEqual(self.changes(self.peer)["changes"], [])
        seller = self.uuid(self.seller)
        answer = self.changes(self.head, user=seller)
        self.assertEqual(answer["start"]["amount"], 500)
        response = self.get(self.peer, "changes", **self.window, user=seller)
        self.assertProblem(response, 404, parameter="user")

    def test_scopes(self):
        seller = self.uuid(self.seller)
        for query, start, changes in (
            ({"salesperson": seller}, 500, 60),
            ({"salesperson": "none"}, 0, 0),
            ({"stage": self.stage_won.id}, 0, 0),
            ({"stage": self.stage_new.id}, money("1500.05"), 60),
            ({"team_id": 2**31 - 1}, 0, 0),
            ({"company": self.env.company.id}, money("1500.05"), 60),
            ({"closing_from": "2024-01-01"}, 0, 0),
        ):
            with self.subTest(query):
                answer = self.changes(self.manager, **query)
                self.assertEqual(answer["start"]["amount"], start)
                found = sum(each["amount"] for each in answer["changes"])
                self.assertEqual(found, changes)

    def test_until_now(self):
        self.window.pop("to")
        self.deal.action_set_won()
        answer = self.changes(self.manager)
        self.assertEqual(
            [(each["kind"], each["amount"]) for each in answer["changes"]],
            [("created", 60), ("won", -500)],
        )
        self.assertIs(answer["settled"], False)
        presets = ("yesterday", "week", "month", "quarter", "year")
        for query in ({}, *({"since": preset} for preset in presets)):
            answer = self.body(self.manager, "changes", **query)
            self.assertEqual(
                [(each["kind"], each["amount"]) for each in answer["changes"]],
                [("won", -500)],
            )

    def test_what_cannot_be_asked(self):
        for query, name in (
            ({"from": "2024-03-05", "since": "week"}, "from"),
            ({"from": "2024-03-05", "to": "2024-03-04"}, "from"),
            ({"from": "2999-01-01"}, "from"),
            ({"from": "yesterday"}, "from"),
            ({"from": "2024-03-05", "team": "tomorrow"}, "team"),
        ):
            for path in ("changes", "changes/opportunities"):
                with self.subTest(query, path=path):
                    asked = {"kind": "won", **query} if "/" in path else query
                    response = self.get(self.manager, path, **asked)
                    self.assertProblem(response, 400, parameter=name)
        for kind in ({}, {"kind": "forgotten"}):
            response = self.get(
                self.manager, "changes/opportunities", **self.window, **kind
            )
            self.assertProblem(response, 400, parameter="kind")

    def test_before_history(self):
        for path in ("changes", "changes/opportunities?kind=won"):
            path = f"{path}{'&' if '?' in path else '?'}from=2024-03-04"
            response = self.get(self.manager, path)
            self.assertProblem(
                response,
                404,
                type="/api/v2/problems/before-history",
                since="2024-03-04T09:00:00+00:00",
            )

    def test_nobody_without_sales_access(self):
        clerk = new_test_user(self.env, "cqrs_clerk", groups="base.group_user")
        self.assertProblem(self.get(clerk, "changes", **self.window), 403)

    def test_an_answer_that_is_held_is_not_made_again(self):
        first = self.get(self.manager, "changes", **self.window)
        again = self.get(
            self.manager,
            "changes",
            {"If-None-Match": first.headers["ETag"]},
            **self.window,
        )
        self.assertEqual(again.status_code, 304)
