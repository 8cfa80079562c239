"""A list as CSV over HTTP: what is in it, and who gets it."""

import csv
import io
import json
from decimal import Decimal
from unittest.mock import patch

from odoo.exceptions import UserError
from odoo.http import Request
from odoo.tests import HttpCase, tagged
from odoo.tools import mute_logger

from ..models.exports import rows
from ..models.exports.past_rows import rows_of
from ..models.exports.question import ListQuestion
from .excel import NAMES, PENDING, Excel

URL = "/crm_cqrs/list.csv"


@tagged("post_install", "-at_install")
class TestListsToCsv(Excel, HttpCase):
    def answer(self, user, domain=None, company_ids=None, **question):
        self.env.cr.flush()
        self.authenticate(user.login, user.login)
        return self.url_open(
            URL,
            data={
                "csrf_token": Request.csrf_token(self),
                "question": json.dumps(
                    {"domain": PENDING if domain is None else domain, **question}
                ),
                "company_ids": json.dumps(company_ids or user.company_ids.ids),
            },
        )

    def rows(self, user, *arguments, **options):
        answer = self.answer(user, *arguments, **options)
        self.assertEqual(answer.status_code, 200, answer.text[:500])
        text = answer.content.decode("utf-8-sig")
        self.assertTrue(answer.content.startswith(b"\xef\xbb\xbf"))
        return list(csv.DictReader(io.StringIO(text, newline="")))

    def test_all_rows_and_no_formula(self):
        for number, name in enumerate(NAMES):
            self.opportunity(self.seller, number + 0.25, name=name)
        rows = self.rows(self.seller, order="id", title="Deals / mine")
        for row, name in zip(rows, NAMES, strict=True):
            self.assertEqual(row["Opportunity"].lstrip("'"), name)
            self.assertNotIn(row["Opportunity"][0], "=+-@")
        answer = self.answer(self.seller, title="Deals / mine")
        disposition = answer.headers["Content-Disposition"]
        self.assertEqual(
            disposition, "attachment; filename*=UTF-8''Deals%20%20mine.csv"
        )
        self.assertEqual(answer.headers["Content-Type"], "text/csv; charset=utf-8")
        self.assertEqual(answer.headers["Cache-Control"], "no-store")
        code = self.env.company.currency_id.name
        total = sum(Decimal(row[f"Expected Revenue ({code})"]) for row in rows)
        self.assertEqual(total, Decimal(self.tile(self.seller, "pipeline_value")))

    def test_an_empty_name_is_an_empty_cell(self):
        self.stage_new.name = ""
        self.opportunity(self.seller, 10)
        [row] = self.rows(self.seller)
        self.assertEqual(row["Stage"], "")

    def test_it_is_sent_as_it_is_read(self):
        """More than a block: nobody knows its length before."""
        self.env["crm.lead"].create(
            [
                {
                    "name": f"Deal {number} {500 * 'x'}",
                    "type": "opportunity",
                    "user_id": self.seller.id,
                    "stage_id": self.stage_new.id,
                }
                for number in range(300)
            ]
        )
        answer = self.answer(self.seller)
        self.assertNotIn("Content-Length", answer.headers)
        self.assertGreater(len(answer.content), 2**17)
        self.assertEqual(len(self.rows(self.seller)), 300)

    def test_what_takes_too_long_says_what_to_do(self):
        """A screen is told before it asks for the file, which is none by then."""
        self.opportunity(self.seller, 1)
        slow = ["|"] * 149 + [["name", "ilike", f"{n}%y"] for n in range(150)]
        with patch.object(rows, "SECONDS", 0.0001):
            with mute_logger("werkzeug", "odoo.service.server"):
                self.assertEqual(self.answer(self.seller, slow).status_code, 500)
            model = self.reader(self.seller)["cqrs.opportunity.view"]
            with self.assertRaisesRegex(UserError, "Or make an Excel file"):
                model.check_list({"domain": slow})
        env = self.reader(self.seller)
        asked = ListQuestion.of(env, {"domain": slow})
        with self.assertRaisesRegex(UserError, "a team or a stage.$"):
            rows_of(env, asked, 0.0001).count()
        self.assertEqual(rows_of(env, asked, 60).count(), 0)

    def test_who_sees_less_gets_less(self):
        self.opportunity(self.seller, 1, name="Seller deal")
        self.opportunity(self.manager, 2, name="Manager deal")
        self.opportunity(self.peer, 4, name="Peer deal")

        def names(user, **question):
            return {row["Opportunity"] for row in self.rows(user, **question)}

        self.assertEqual(names(self.head), {"Seller deal", "Manager deal"})
        self.assertEqual(names(self.seller), {"Seller deal"})
        self.assertEqual(names(self.head, person=self.seller.id), {"Seller deal"})
        self.assertEqual(names(self.head, person=self.peer.id), set())

    def test_what_is_refused(self):
        self.assertEqual(self.answer(self.seller, "no domain").status_code, 422)
        self.assertEqual(self.answer(self.seller, company_ids=["x"]).status_code, 422)
        # Another site cannot have a browser send the form, nor follow a link.
        form = {"question": json.dumps({"domain": PENDING}), "company_ids": "[1]"}
        with mute_logger("odoo.http"):
            self.assertEqual(self.url_open(URL, data=form).status_code, 400)
            self.assertEqual(self.url_open(URL).status_code, 405)
        # Before the first row is sent.
        answer = self.answer(self.seller, [("value", ">", "x")])
        self.assertEqual(answer.status_code, 422)
        # Not of a company in which the user does not work.
        other = self.env["res.company"].create({"name": "cqrs elsewhere"})
        self.assertEqual(
            self.answer(self.seller, company_ids=other.ids).status_code, 403
        )
        self.seller.group_ids -= self.allowed
        answer = self.answer(self.seller)
        self.assertEqual(answer.status_code, 403)
        self.assertIn("You may not export", answer.text)
