"""Searches that nobody's search bar makes: an answer or a refusal, never an error."""

import json

from odoo.tests import tagged

from .api import ApiCase

HUGE = 99_999_999_999_999_999_999
PATHS = (
    ("opportunities", {}),
    ("metrics", {"by": "stage", "period": "this_year"}),
)


def nested(depth):
    condition = ["name", "ilike", "a"]
    for __ in range(depth):
        condition = ["parent_id", "any", [condition]]
    return [["partner_id", "any", [condition]]]


#: Domains by what is odd about them
ODD = {
    "a day beyond the calendar": [["closing_date", ">", "today +999999999d"]],
    "a year beyond it": [["closing_date", ">", "now +99999999999999999999y"]],
    "the first month": [["closing_month", "=", "0001-01"]],
    "the last month": [["closing_month", "=", "9999-12"]],
    "no month": [["closing_month", "=", "x"]],
    "a month that is a number": [["closing_month", "=", 7]],
    "infinity": [["value", ">", float("inf")]],
    "not a number": [["value", ">", float("nan")]],
    "an id beyond integers": [["id", "=", HUGE]],
    "an id of 64 bits": [["id", "in", [2**63]]],
    "a stage beyond integers": [["stage_id", "=", HUGE]],
    "an owner beyond integers": [["user_id", "in", [HUGE, False]]],
    "a team beyond integers": [["team_id", "in", [2**31]]],
    "a negative owner": [["user_id", "=", -1]],
    "a tag beyond integers": [["tag_ids", "in", [HUGE]]],
    "no tag": [["tag_ids", "=", False]],
    "a tag by name": [["tag_ids", "ilike", "x"]],
    "tags of lists": [["tag_ids", "in", [[1]]]],
    "a tag that is text": [["tag_ids", "in", ["x"]]],
    "not that tag": [["tag_ids", "not in", [1]]],
    "an owner that is true": [["user_id", "=", True]],
    "words with a zero": [["search_text", "ilike", "a\0b"]],
    "long words": [["search_text", "ilike", 201 * "x"]],
    "words in a list": [["search_text", "in", ["a"]]],
    "not these words": [["search_text", "not ilike", "a"]],
    "words that are a number": [["search_text", "=", 7]],
    "no attention": [["attention", "=", False]],
    "attention in lists": [["attention", "in", [["overdue"]]]],
    "not my team": [["is_of_my_team", "=", False]],
    "what somebody sees": [["viewer_id", "=", 1]],
    "what nobody sees": [["is_visible", "=", False]],
    "children": [["partner_id", "child_of", 1]],
    "parents": [["company_id", "parent_of", [1]]],
    "a stage by its children": [["stage_id", "child_of", [1]]],
    "members": [["team_id.member_ids", "in", [1]]],
    "owners": [["user_id", "any", [["name", "ilike", "a"]]]],
    "no such owners": [["user_id", "not any", [["name", "ilike", "a"]]]],
    "leads of a customer": [
        ["partner_id", "any", [["opportunity_ids", "any", [["name", "ilike", "x"]]]]]
    ],
    "part of a day": [["closing_date.month_number", "=", 1]],
    "a state that is none": [["status", "in", ["pending", False]]],
    "always": [[1, "=", 1]],
    "never": [[0, "=", 1]],
    "nobody": [["user_id", "in", []]],
    "nested": nested(3),
    "nested deeply": nested(200),
    "denied again and again": ["!"] * 3000 + [["name", "=", "x"]],
    "alternatives": ["|"] * 400 + [["name", "=", str(n)] for n in range(401)],
    "an amount in another currency": [["converted_value", ">", 1]],
    "a currency": [["figures_currency_id", "=", 1]],
    "an amount that is text": [["weighted_value", ">", "x"]],
    "who created it": [["create_uid", "=", 1]],
    "a name shown": [["display_name", "ilike", "x"]],
    "a pattern": [["name", "=ilike", "%_\\"]],
    # PostgreSQL tells only with a row, since there are no statistics of translations.
    "a pattern of a stage": [["stage_id.name", "=ilike", "%_\\"]],
    "a path that ends": [["partner_id.", "=", 1]],
    "a path of nothing": [[".", "=", 1]],
    "a secret": [["user_id.api_key_ids.key", "ilike", "a"]],
    "a secret of the owner": [["user_id.totp_secret", "!=", False]],
    "a secret of the employee": [["user_id.employee_ids.pin", "!=", False]],
    "a secret within": [["user_id", "any", [["password", "ilike", "a"]]]],
    "rules passed by": [["partner_id", "any", [["user_id", "any!", []]]]],
    "a list": [["name", "=", ["a", ["b"]]]],
    "an object": [["name", "in", [{"a": 1}]]],
    "an object of an id": [["partner_id", "=", {"a": 1}]],
}


@tagged("post_install", "-at_install")
class TestOddSearches(ApiCase):
    def test_each_is_answered_or_refused_and_shows_nothing_more(self):
        seen = {"Mine", "Theirs"}
        self.opportunity(self.manager, 10, name="Mine", date_deadline="2026-01-31")
        self.opportunity(self.seller, 20, name="Theirs")
        self.opportunity(self.peer, 40, name="Hidden")
        self.opportunity(self.peer, 80, name="Hidden too", stage_id=self.stage_won.id)
        everything = self.body(self.manager, "metrics")["pipeline_value"]
        for title, domain in ODD.items():
            text = json.dumps(domain, separators=(",", ":"))
            for path, query in PATHS:
                with self.subTest(title, path=path, **query):
                    response = self.get(self.manager, path, domain=text, **query)
                    expected = (400,) if title.startswith("a secret") else (200, 400)
                    self.assertIn(response.status_code, expected, response.text[:300])
                    if response.status_code == 400:
                        self.assertProblem(response, 400, parameter="domain")
                        # No more of the statement than its author wrote.
                        self.assertNotIn("SELECT", response.json()["detail"])
                    elif path == "opportunities":
                        names = {item["name"] for item in response.json()["items"]}
                        self.assertLessEqual(names, seen)
                    elif path == "metrics":
                        value = response.json()["pipeline_value"]
                        self.assertLessEqual(value, everything)
