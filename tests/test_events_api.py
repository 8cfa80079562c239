import json
from decimal import Decimal
from urllib.parse import urlencode
from uuid import UUID

from odoo.tests import HttpCase, new_test_user, tagged

from .common import SalesOrganisation, administrator

URL = "/api/v2/events"


@tagged("post_install", "-at_install")
class TestEventsApi(SalesOrganisation, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = administrator(cls.env)
        cls.lead = cls.opportunity(cls.seller, revenue=1234567.89)
        cls.lead.with_user(cls.seller).stage_id = cls.stage_won
        cls.env.cr.flush()

    def setUp(self):
        super().setUp()
        self.authenticate("cqrs_admin", "cqrs_admin")

    def get(self, headers=None, **parameters):
        query = urlencode(parameters, doseq=True)
        return self.url_open(f"{URL}?{query}", headers=headers, allow_redirects=False)

    def events(self, **parameters):
        response = self.get(**parameters)
        self.assertEqual(response.status_code, 200, response.text)
        return response.json()["events"]

    def assertProblem(self, response, status, **members):
        self.assertEqual(response.status_code, status, response.text)
        self.assertEqual(response.headers["Content-Type"], "application/problem+json")
        self.assertEqual({name: response.json().get(name) for name in members}, members)

    @property
    def stream(self):
        return f"crm.lead/{self.lead.id}"

    def test_an_event_is_a_cloudevent(self):
        self.end_epoch()
        response = self.get(stream=self.stream)
        self.assertEqual(response.headers["Content-Type"], "application/json")
        body = json.loads(response.text, parse_float=Decimal)
        created, won = body["events"]
        self.env.cr.execute(
            "SELECT event_id::text, position::text, encode(hash, 'hex'), occurred_at"
            " FROM cqrs_event WHERE stream_model = 'crm.lead' AND stream_id = %s"
            " AND version = 2",
            [self.lead.id],
        )
        event_id, position, hash_, occurred_at = self.env.cr.fetchone()
        database = self.env["ir.config_parameter"].get_param("database.uuid")
        cursor, data = won.pop("cursor"), won.pop("data")
        epoch, module_version = won.pop("epoch"), won.pop("moduleversion")
        self.assertEqual(
            won,
            {
                "specversion": "1.0",
                "id": event_id,
                "source": f"urn:uuid:{database}",
                "type": "crm_cqrs.OpportunityWon",
                "subject": self.stream,
                "time": occurred_at.isoformat(),
                "datacontenttype": "application/json",
                "schemaversion": 1,
                "streamversion": 2,
                "position": position,
                "origin": "orm",
                "userid": self.seller.id,
                "actinguserid": won["actinguserid"],
                "companyid": self.env.company.id,
                "hash": hash_,
            },
        )
        self.assertEqual(occurred_at.utcoffset().total_seconds(), 0)
        self.assertGreater(epoch, 0)
        for end in (cursor, body["next"]):
            self.assertEqual(self.events(stream=self.stream, cursor=end), [])
        self.assertTrue(module_version.startswith("19.0."))
        self.assertEqual((data["version"], data["details"]), (2, None))
        self.assertEqual(data["before"]["stage_id"], self.stage_new.id)
        self.assertEqual(data["after"]["stage_id"], self.stage_won.id)
        self.assertEqual(
            created["data"]["after"]["expected_revenue"], Decimal("1234567.89")
        )
        self.assertIsNone(created["data"]["before"])
        for name in created | won:
            self.assertRegex(name, "^[a-z0-9]+$")

    def test_what_is_not_yet_certain_is_not_served(self):
        self.assertEqual(self.events(stream=self.stream), [])

    def test_filters(self):
        self.end_epoch()
        [won] = self.events(stream=self.stream, type="OpportunityWon")
        self.assertEqual(won["type"], "crm_cqrs.OpportunityWon")
        [won] = self.events(stream=self.stream, type="OpportunityW*")
        both = "OpportunityWon,crm_cqrs.OpportunityCreated"
        for types in (both, both.split(",")):
            self.assertEqual(len(self.events(stream=self.stream, type=types)), 2)
        subjects = [e["subject"] for e in self.events(user=self.seller.id)]
        self.assertEqual(subjects, [self.stream])
        models = {e["subject"].split("/")[0] for e in self.events(stream="crm.stage")}
        self.assertEqual(models, {"crm.stage"})
        time = won["time"]
        self.assertEqual(len(self.events(stream=self.stream, since=time)), 2)
        self.assertEqual(self.events(stream=self.stream, until=time), [])
        self.assertEqual(
            self.events(stream=self.stream, since="2999-01-01T00:00:00Z"), []
        )

    def test_pages_by_cursor_to_the_end_and_on(self):
        self.end_epoch()
        first = self.get(stream=self.stream, limit=1).json()
        second = self.get(stream=self.stream, limit=1, cursor=first["next"]).json()
        end = self.get(stream=self.stream, limit=1, cursor=second["next"]).json()
        self.assertEqual(
            [e["streamversion"] for e in first["events"] + second["events"]], [1, 2]
        )
        self.assertEqual(end["events"], [])
        self.lead.name = "Later"
        self.end_epoch()
        later = self.get(stream=self.stream, cursor=end["next"]).json()
        self.assertEqual([e["streamversion"] for e in later["events"]], [3])
        self.assertEqual(self.events(stream="crm.lead/0"), [])

    def test_an_export_streams_every_page(self):
        self.end_epoch()
        everything, page = [], self.get(limit=1000).json()
        while page["events"]:
            everything += page["events"]
            page = self.get(limit=1000, cursor=page["next"]).json()
        self.assertGreater(len(everything), 50)
        response = self.get({"Accept": "application/x-ndjson"}, limit=7)
        self.assertEqual(response.status_code, 200)
        self.assertEqual(response.headers["Content-Type"], "application/x-ndjson")
        self.assertIn("Accept,", response.headers["Vary"])
        self.assertNotIn("Content-Length", response.headers)
        lines = response.text.splitlines()
        self.assertEqual([json.loads(line) for line in lines], everything)
        rest = self.get(
            {"Accept": "application/x-ndjson"}, cursor=everything[-2]["cursor"]
        )
        self.assertEqual(json.loads(rest.text), everything[-1])

    def as_seller(self):
        self.authenticate("cqrs_seller", "cqrs_seller")

    def test_everybody_reads_what_they_may_see(self):
        hidden = self.opportunity(self.peer, name="Hidden")
        self.end_epoch()
        self.as_seller()
        answer = self.get(since=self.env.cr.now().isoformat() + "Z").json()
        created, won = answer["events"]
        self.assertEqual(
            [each["type"] for each in (created, won)],
            ["crm_cqrs.OpportunityCreated", "crm_cqrs.OpportunityWon"],
        )
        self.assertEqual({created["subject"], won["subject"]}, {self.stream})
        self.assertEqual(won["data"]["after"]["stage_id"], self.stage_won.id)
        self.assertFalse(answer["more"])
        for stream in (f"crm.lead/{hidden.id}", "hr.employee", "crm.stage"):
            self.assertEqual(self.events(stream=stream), [])

    def test_what_leaves_the_view_is_removed(self):
        self.end_epoch()
        self.as_seller()
        here = self.get(cursor="end").json()
        self.assertEqual((here["events"], here["more"]), ([], False))
        self.lead.user_id = self.peer
        self.end_epoch()
        answer = self.get(cursor=here["next"]).json()
        [removed] = answer["events"]
        cursor = removed.pop("cursor")
        self.assertEqual(
            removed,
            {
                "specversion": "1.0",
                "id": removed["id"],
                "source": removed["source"],
                "type": "crm_cqrs.removed",
                "subject": self.stream,
            },
        )
        for after in (cursor, answer["next"]):
            self.assertEqual(self.events(cursor=after), [])

    def test_where_the_view_changes_it_is_to_be_read_anew(self):
        self.end_epoch()
        self.authenticate("cqrs_manager", "cqrs_manager")
        here = self.get(cursor="end").json()["next"]
        self.lead.priority = "3"
        self.seller_employee.parent_id = self.other_manager_employee
        self.end_epoch()
        [resync] = self.events(cursor=here)
        self.assertEqual(resync["type"], "crm_cqrs.resync")
        self.assertEqual(set(resync), {"specversion", "id", "source", "type", "cursor"})
        self.assertEqual(self.events(cursor=here), [resync])
        self.assertEqual(self.events(cursor=resync["cursor"]), [])

    def test_an_export_has_what_one_may_see(self):
        self.opportunity(self.peer)
        self.end_epoch()
        self.as_seller()
        listed = self.events(limit=1000, stream="crm.lead")
        accept = {"Accept": "application/x-ndjson"}
        response = self.get(accept, limit=1, stream="crm.lead")
        self.assertEqual(
            [json.loads(line) for line in response.text.splitlines()], listed
        )
        self.assertEqual(len(listed), 2)

    def test_a_page_that_is_not_the_last_says_so(self):
        self.end_epoch()
        self.as_seller()
        first = self.get(limit=1, stream="crm.lead").json()
        self.assertEqual((len(first["events"]), first["more"]), (1, True))
        there = {"limit": 9, "stream": "crm.lead"}
        rest = self.get(cursor=first["events"][0]["cursor"], **there).json()
        self.assertEqual((len(rest["events"]), rest["more"]), (1, False))
        self.assertEqual(self.events(cursor=first["next"], **there), rest["events"])

    def test_who_may_read_no_leads_is_told_so(self):
        clerk = new_test_user(self.env, "cqrs_clerk", groups="base.group_user")
        self.env.cr.flush()
        self.authenticate(clerk.login, clerk.login)
        for parameters in ({}, {"cursor": "end"}):
            self.assertEqual(self.get(**parameters).status_code, 403)
        self.authenticate(None, None)
        self.assertProblem(self.get(), 401)

    def test_while_it_is_unknown_who_sees_what_nobody_is_told(self):
        self.end_epoch()
        self.env["cqrs.user.access"]._note_broken({}, Exception("spoilt"))
        self.as_seller()
        for headers in (None, {"Accept": "application/x-ndjson"}):
            problem = self.get(headers)
            self.assertProblem(problem, 503, read_models=["cqrs.user.access"])
        self.authenticate("cqrs_admin", "cqrs_admin")
        self.assertEqual(len(self.events(stream=self.stream)), 2)

    def test_a_bad_parameter_is_named(self):
        bad = {
            "stream": ("", "crm.lead/", "crm.lead/x", "crm.lead/9999999999", "a b"),
            "type": ("", "Opportunity Won", "A,,B", "\0", "*Won", "A**"),
            "since": ("", "yesterday", "2026-01-01", "2026-01-01T00:00:00"),
            "until": ("2026-01-01T00:00:00", "2026-13-01T00:00:00Z"),
            "user": ("0", "-1", "me", "2147483648"),
            "cursor": ("", "17", "*", "MS4y", "END"),
            "limit": ("0", "-1", "1001", "1.5", "٣"),
            "page": ("2",),
        }
        for name, texts in bad.items():
            for text in texts:
                with self.subTest(name, text=text):
                    response = self.get(**{name: text})
                    self.assertProblem(response, 400, parameter=name)
                    self.assertTrue(response.json()["detail"])
        for name, text in (("limit", "1"), ("stream", "crm.lead"), ("user", "1")):
            self.assertProblem(self.get(**{name: [text, text]}), 400, parameter=name)

    def test_a_time_in_any_zone(self):
        self.end_epoch()
        for time in (
            "2000-01-01T00:00:00Z",
            "2000-01-01T00:00:00+02:00",
            "2000-01-01T00:00:00.123456-05:30",
        ):
            self.assertEqual(len(self.events(stream=self.stream, since=time)), 2)


@tagged("post_install", "-at_install")
class TestCorrelationId(SalesOrganisation, HttpCase):
    def setUp(self):
        super().setUp()
        self.authenticate("cqrs_seller", "cqrs_seller")

    def answered(self, given=None, url="/api/v2/dashboard/"):
        headers = {} if given is None else {"X-Correlation-ID": given}
        return self.url_open(url, headers=headers).headers["X-Correlation-ID"]

    def test_a_sane_one_is_given_back(self):
        for given in ("abc-123", "a b", "~" * 128):
            self.assertEqual(self.answered(given), given)

    def test_another_is_replaced_and_a_missing_one_made(self):
        answers = [self.answered(given) for given in ("~" * 129, "ä", "a\tb", "", None)]
        for answer in answers:
            self.assertEqual(str(UUID(answer)), answer)
        self.assertEqual(len(set(answers)), len(answers))

    def test_errors_carry_it_too(self):
        self.assertEqual(self.answered("not found", URL), "not found")
        self.authenticate(None, None)
        self.assertEqual(self.answered("unauthorized"), "unauthorized")

    def test_events_of_any_request_carry_it(self):
        lead = self.opportunity(self.seller)
        for given, name in (("rpc-1", "First"), ("", "Second"), ("x" * 200, "Third")):
            response = self.url_open(
                "/web/dataset/call_kw/crm.lead/write",
                headers={"X-Correlation-ID": given},
                json={
                    "params": {
                        "model": "crm.lead",
                        "method": "write",
                        "args": [lead.ids, {"name": name}],
                        "kwargs": {},
                    }
                },
            )
            self.assertTrue(response.json()["result"])
        self.env.cr.execute(
            "SELECT correlation_id FROM cqrs_event WHERE stream_model = 'crm.lead'"
            " AND stream_id = %s AND version > 1 ORDER BY version",
            [lead.id],
        )
        [(first,), (second,), (third,)] = self.env.cr.fetchall()
        self.assertEqual(first, "rpc-1")
        self.assertEqual((str(UUID(second)), str(UUID(third))), (second, third))
        self.assertNotEqual(second, third)
