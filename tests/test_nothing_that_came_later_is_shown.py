"""The past over HTTP has nothing that happened later, to whom it is not shown."""

from datetime import datetime
from urllib.parse import urlencode

from odoo.tests import HttpCase, tagged

from .test_whose_past_one_may_see import Past, day


@tagged("post_install", "-at_install")
class TestNothingThatCameLaterIsShown(Past, HttpCase):
    """Attacks on a deal of the team that has gone to another salesperson."""

    def setUp(self):
        super().setUp()
        self.deal = self.opportunity(
            self.seller, 100, name="Name of then", partner_name="Customer of then"
        )
        self.on(1)
        self.deal.write(
            {
                "user_id": self.peer.id,
                "expected_revenue": 987,
                "name": "Name of later",
                "partner_name": "Customer of later",
            }
        )
        self.on(5)

    def ask(self, user, path, status=200, **parameters):
        self.authenticate(user.login, user.login)
        query = urlencode(
            {
                name: value.isoformat() if isinstance(value, datetime) else value
                for name, value in parameters.items()
            }
        )
        response = self.url_open(f"/api/v2/dashboard/{path}?{query}")
        self.assertEqual(response.status_code, status, response.text)
        return response

    def hidden(self, response):
        """Return which of the words of later are in an answer."""
        later = ("987", "of later", "Peer", "cqrs_peer", self.uuid(self.peer))
        return [word for word in later if word in response.text]

    def check(self, **team):
        """Check what either manager gets before and after the deal went over."""
        for user, before, after in (
            (self.manager, [100], []),
            (self.other_manager, [], [987]),
        ):
            for at, values in ((day(2), before), (day(6), after), (day(30), after)):
                for path in ("opportunities", "metrics", ""):
                    with self.subTest(user.login, path=path, at=at):
                        answer = self.ask(user, path, as_of=at, **team)
                        shown = self.hidden(answer) if user == self.manager else []
                        self.assertEqual(shown, [])
                        body = answer.json()
                        if path == "metrics":
                            value = body["pipeline_value"]
                            self.assertEqual(float(value), sum(values))
                        elif path:
                            found = [float(item["value"]) for item in body["items"]]
                            self.assertEqual(found, values)

    def test_a_deal_that_was_reassigned(self):
        self.check()
        self.check(team="then")

    def test_a_deal_that_was_deleted_later(self):
        self.deal.unlink()
        self.on(40)
        self.check()
        self.check(team="then")

    def test_what_changed_says_that_it_left(self):
        # What is done with it after that is not told either, nor by whom.
        later = self.deal.with_user(self.other_manager).sudo()
        later.user_id = self.other_manager
        self.on(7)
        for window in ((2, 6), (2, 8), (2, 30)):
            between = dict(zip(("from", "to"), map(day, window), strict=True))
            for team in ("now", "then"):
                with self.subTest(window=window, team=team):
                    self.check_changes({**between, "team": team})

    def check_changes(self, asked):
        answer = self.ask(self.manager, "changes", **asked)
        changes = answer.json()
        kinds = [(each["kind"], float(each["amount"])) for each in changes["changes"]]
        self.assertEqual(kinds, [("reassigned_out", -100.0)])
        self.assertEqual(float(changes["end"]["amount"]), 0)
        self.assertEqual(self.hidden(answer), [])
        answer = self.ask(
            self.manager, "changes/opportunities", kind="reassigned_out", **asked
        )
        self.assertEqual(self.hidden(answer), [])
        self.assertNotIn("Other Manager", answer.text)
        [item] = answer.json()["items"]
        self.assertEqual(item["name"], "Name of then")

    def test_what_a_person_had_who_has_left_the_team(self):
        self.seller_employee.parent_id = self.other_manager_employee
        self.on(10)
        for setting, shown in ((False, 0), (True, 1)):
            self.option("past_teams", setting)
            for team, expected in (("now", 0), ("then", shown)):
                answer = self.ask(
                    self.manager, "opportunities", as_of=day(2), team=team
                )
                self.assertEqual(len(answer.json()["items"]), expected)
                self.assertEqual(self.hidden(answer), [])

    def test_the_flow_of_what_a_person_had_who_has_left_the_team(self):
        self.seller_employee.parent_id = self.other_manager_employee
        self.on(10)
        for setting, then in ((False, {}), (True, {self.manager: 1})):
            self.option("past_teams", setting)
            for team, entered in (("now", {self.other_manager: 1}), ("then", then)):
                for user in (self.manager, self.other_manager):
                    with self.subTest(user.login, team=team, setting=setting):
                        answer = self.ask(
                            user, "flow", **{"from": day(0), "to": day(6)}, team=team
                        )
                        stages = answer.json()["stages"]
                        self.assertEqual(
                            sum(each["entered"] for each in stages),
                            entered.get(user, 0),
                        )
        # It is that of the end of the period.
        answer = self.ask(
            self.manager, "flow", **{"from": day(0), "to": day(11)}, team="then"
        )
        self.assertEqual(answer.json()["stages"], [])

    def test_then_is_404_before_the_first_hierarchy(self):
        self.opportunity(self.seller, 5)
        self.on(-10)
        for team, status in (("now", 200), ("then", 404)):
            answer = self.ask(
                self.manager, "opportunities", status, as_of=day(-5), team=team
            )
        problem = answer.json()
        self.assertEqual(problem["type"], "/api/v2/problems/before-history")
        self.assertEqual(problem["parameter"], "team")
        self.assertEqual(datetime.fromisoformat(problem["since"]), day(0))
