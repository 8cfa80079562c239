"""Each model of the addon, read as Odoo's screens and RPC clients read by default."""

import json
from datetime import datetime, timedelta

from odoo import Command
from odoo.tests import HttpCase, tagged
from odoo.tests.common import get_db_name
from odoo.tools import SQL

from .common import SalesOrganisation, administrator

ROWS = 8
"""Rows of each model: half of them are read, and all."""

# Values of a log that the fields of Odoo cannot hold, or no protocol can carry.
STATE = """{
    "expected_revenue": 12345678901234567890, "probability": 33.25,
    "partner_id": null, "lost_reason_id": 987654321, "user_id": 987654321,
    "tag_ids": [], "active": false, "name": "Deal",
    "date_deadline": null, "former": {"a": [null, 1, 3000000000, -3000000000]},
    "huge": 1e400, "large": 1%s.5, "prorated_revenue": 1e400,
    "company_id.currency_id": {"a": 1}, "stage_id": "New", "team_id": 1e12,
    "lang_id": [1], "write_date": 5
}""" % (400 * "0")
READ = {
    "expected_revenue": 12345678901234567890.0,
    "probability": 33.25,
    "partner_id": False,
    "lost_reason_id": 987654321,
    "user_id": 987654321,
    "tag_ids": [],
    "active": False,
    "name": "Deal",
    "date_deadline": False,
    "former": {"a": [False, 1, 3000000000.0, -3000000000.0]},
    "huge": "1" + 400 * "0",
    "large": "inf",
    "prorated_revenue": "1" + 400 * "0",
    "company_id.currency_id": {"a": 1},
    "stage_id": "New",
    "team_id": 1e12,
    "lang_id": [1],
    "write_date": 5,
}


@tagged("post_install", "-at_install")
class TestDefaultReads(SalesOrganisation, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.admin = administrator(
            cls.env, "base.group_allow_export", "sales_team.group_sale_manager"
        )
        cls.make_records()
        cls.models = sorted(
            name
            for name, model in cls.env.registry.items()
            if model._original_module == "crm_cqrs"
            and not (model._abstract or model._transient)
            # Nothing is shown of models that are not there.
            and getattr(model, "_cqrs_shown", "crm.lead") in cls.env
        )

    @classmethod
    def make_records(cls):
        """Have ``ROWS`` records of each model, each pointing at others of its own."""
        users = cls.env["res.users"].browse()
        for number in range(ROWS):
            user, employee = cls.person(f"person_{number}", cls.manager_employee)
            users |= user
            partner = cls.env["res.partner"].create({"name": f"Customer {number}"})
            stage = cls.env["crm.stage"].create({"name": f"Stage {number}"})
            tags = cls.env["crm.tag"].create(
                [{"name": f"Tag {number} {n}"} for n in range(2)]
            )
            team = cls.env["crm.team"].create({"name": f"Team {number}"})
            lead = cls.opportunity(
                user, 10**12 + number, partner_id=partner.id, stage_id=stage.id
            )
            lead.write(
                {
                    "partner_id": False if number % 2 else partner.id,
                    "user_id": cls.seller.id,
                    "team_id": team.id,
                    "tag_ids": [Command.set(tags.ids)],
                    "date_deadline": "2026-01-31",
                }
            )
            # Each customer has something to show.
            cls.opportunity(user, number, partner_id=partner.id)
            cls.env.cr.flush()
            if number % 2:
                lead.unlink()
                tags.unlink()
                employee.unlink()
                cls.env.cr.flush()
            cls.env["cqrs.delegation"].create(
                {
                    "lender_id": user.id,
                    "delegate_id": cls.seller.id,
                    "date_to": "2099-12-31",
                }
            )
            company = cls.env["res.company"].create({"name": f"Company {number}"})
            keys = cls.env["res.users.apikeys"].with_user(user).sudo()
            keys._generate(None, f"Key {number}", None)
            key = keys.search([("user_id", "=", user.id)])
            cls.env["cqrs.api.key.binding"].sudo().create(
                {
                    "key_id": key.id,
                    "user_id": user.id,
                    "company_ids": [Command.set(company.ids)],
                }
            )
            cls.env["cqrs.run"].sudo().create(
                {
                    "kind": "verify",
                    "user_id": user.id,
                    "step": cls.env["cqrs.run"]._table,
                    "state": "failed",
                    "error": "Too much\nof it",
                    "result": {"findings": [None, {"limit": 3_000_000_000}]},
                }
            )
            mail = cls.env["mail.mail"].create({"state": "exception"})
            cls.env["cqrs.subscription"].create(
                {
                    "user_id": user.id,
                    "owner_id": cls.seller.id,
                    "address": {"scope": "own", "currency": "EUR"},
                    "weekday": str(number % 7),
                    "hour": number,
                    "outcome": "mailed",
                    "mailed_at": "2026-01-05 08:00:00",
                    "mail_id": mail.id,
                }
            )
            cls.env["cqrs.legal.hold"].sudo().create(
                {"partner_id": partner.id, "reason": f"Case {number}"}
            )
            cls.env["cqrs.forgetting"].sudo().create(
                {
                    "uuid": f"{number:032}",
                    "reason": "Article 17",
                    "mode": "delete",
                    "user_id": user.id,
                    "counts": {"deleted": {"gone.model": 3_000_000_000}, "events": 2},
                }
            )
            cls.env["cqrs.api.v1.step"].sudo().create(
                {
                    "step": "announced",
                    "since": "2026-11-24",
                    "sunset": "2027-11-24",
                    "user_id": user.id,
                    "callers": number,
                }
            )
            cls.env["cqrs.webhook"].create(
                {
                    "name": f"Endpoint {number}",
                    "url": "https://hooks.example.com/",
                    "user_id": user.id,
                    "owner_id": False if number % 2 else user.id,
                    "company_ids": [] if number % 2 else user.company_ids.ids,
                }
            )
        execute = cls.env.cr.execute
        # What other tests have committed is of users that are there no more.
        execute("DELETE FROM cqrs_api_usage")
        execute(
            SQL(
                """
                INSERT INTO cqrs_api_usage (day, route, user_id, requests)
                SELECT '2026-01-31', '/api/opportunities', unnest(%s), 2147483647
                """,
                users.ids,
            )
        )
        execute(
            SQL(
                """
                INSERT INTO cqrs_dashboard_metrics (
                    user_id, currency_id, pipeline_value, weighted_pipeline,
                    won_revenue, active_opportunities, won, lost, computed_at)
                SELECT unnest(%s), %s, 1e300, 1e15, 0.1, 1, 2147483647, 3, now()
                """,
                users.ids,
                cls.env.company.currency_id.id,
            )
        )
        for number in range(ROWS):
            execute(
                SQL(
                    """
                    INSERT INTO cqrs_reconciliation
                        (stream_model, looked_at, horizon, deleted)
                    VALUES (%s, now(), '18446744073709551615', '{"t": 9876543210}')
                    """,
                    f"x.{number}",
                )
            )
            execute(
                SQL(
                    """
                    INSERT INTO cqrs_seal (number, content, signature, streams)
                    SELECT COALESCE(max(number), 0) + 1,
                           '{"made_at": "2026-01-31T10:00:00Z", "events": 3,
                             "total": 2147483647, "key": null}', %s, ''
                    FROM cqrs_seal
                    """,
                    b"signature" if number % 2 else None,
                )
            )
            execute(
                SQL(
                    """
                    WITH message AS (
                        INSERT INTO cqrs_webhook_message (
                            webhook_id, message_id, kind, position, stream_model,
                            stream_id, state)
                        SELECT max(id), gen_random_uuid(), 'event', %(position)s,
                               'crm.lead', %(position)s, 'dead'
                        FROM cqrs_webhook RETURNING id, webhook_id)
                    INSERT INTO cqrs_webhook_attempt (
                        message_id, webhook_id, at, number, status, error, duration_ms,
                        request, answer)
                    SELECT id, webhook_id, now(), 1, %(status)s, 'Refused', 3, 'a', 'b'
                    FROM message
                    """,
                    position=number and 900_000_000 + number,
                    status=None if number % 2 else 500,
                )
            )
            execute(
                SQL(
                    """
                    INSERT INTO cqrs_projection_failure (projection, rebuilds,
                        stream_model, stream_id, held_version, sqlstate, error)
                    VALUES ('x', 0, 'crm.lead', %s, 0, '22003', 'Too large')
                    """,
                    900_000_000 + number,
                )
            )
            # Of records and people that are no more.
            execute(
                SQL(
                    """
                    INSERT INTO cqrs_event (
                        event_id, stream_model, stream_id, version, type,
                        schema_version, before, after, details, company_id, user_id,
                        acting_user_id, origin, occurred_at, txid, epoch,
                        module_version, hash)
                    VALUES (gen_random_uuid(), 'crm.lead', %(id)s, 1,
                            'OpportunityEdited', 1, '{"user_id": %(id)s}',
                            %(state)s, '{"merged_from": [null]}', %(id)s, %(id)s,
                            %(id)s, 'orm', now(), pg_current_xact_id(), 1, '', '')
                    """,
                    id=900_000_000 + number,
                    state=STATE,
                )
            )
            execute(
                SQL(
                    """
                    INSERT INTO cqrs_stream (
                        stream_model, stream_id, version, state, hash)
                    VALUES ('crm.lead', %s, 1, %s, '')
                    """,
                    900_000_000 + number,
                    STATE,
                )
            )

    def records(self, model, limit=None):
        # Events of one kind, whose records have the same relations.
        domain = [("stream_model", "=", "crm.lead")] if model == "cqrs.event" else []
        return self.env[model].with_user(self.admin).search(domain, limit=limit)

    def specification(self, model, view):
        """Return what a view of this type asks for of each record."""
        records = self.env[model].with_user(self.admin)
        views = records.get_views([(False, view)])
        fields = views["models"][model]["fields"]
        named = {"fields": {"display_name": {}}}
        return {
            name: named if field.get("relation") else {}
            for name, field in fields.items()
        }

    def ways(self, model):
        """Return ``{name: function of records}``: what reads them by default."""
        records = self.env[model].with_user(self.admin)
        exported = [
            ".id" if name == "id" else name
            for name, field in records.fields_get(attributes=["exportable"]).items()
            if field.get("exportable", True)
        ]
        return {
            "search_read": lambda found: records.search_read([("id", "in", found.ids)]),
            "read": lambda found: found.read(),
            "display_name": lambda found: found.mapped("display_name"),
            "export_data": lambda found: found.export_data(exported),
            **{
                f"web_search_read {view}": lambda found, view=view: (
                    records.web_search_read(
                        [("id", "in", found.ids)], self.specification(model, view)
                    )
                )
                for view in ("list", "form", "kanban", "search")
            },
            "formatted_read_group": lambda found: records.formatted_read_group(
                [("id", "in", found.ids)], [], ["__count"]
            ),
        }

    def test_a_read_takes_as_many_queries_for_twice_as_many_records(self):
        for model in self.models:
            self.assertGreaterEqual(len(self.records(model)), ROWS, model)
            for name, read in self.ways(model).items():
                queries = []
                # The first fills the caches of this process.
                for count in (ROWS, ROWS // 2, ROWS):
                    found = self.records(model, count)
                    self.env.invalidate_all()
                    before = self.env.cr.sql_log_count
                    read(found)
                    queries.append(self.env.cr.sql_log_count - before)
                with self.subTest(model=model, way=name):
                    # One for a relation that is empty in the first half.
                    self.assertLessEqual(queries[2], queries[1] + 1)

    def test_its_fields_of_other_models_take_as_many_queries_for_more_records(self):
        for model, fields in self.added_fields().items():
            queries = []
            for count in (ROWS, ROWS // 2, ROWS):
                found = self.records(model, count)
                self.env.invalidate_all()
                before = self.env.cr.sql_log_count
                found.read(fields)
                queries.append(self.env.cr.sql_log_count - before)
            with self.subTest(model=model):
                self.assertEqual(queries[1], queries[2])

    def added_fields(self):
        """Return ``{model: fields}`` of what the addon adds to models of others."""
        found = {}
        for name, model in self.env.registry.items():
            fields = model._fields.values()
            added = [field.name for field in fields if "crm_cqrs" in field._modules]
            if added and model._original_module != "crm_cqrs" and model._auto:
                found[name] = added
        self.assertIn("cqrs_in_team", found["crm.lead"])
        return found

    def test_a_grouped_read_takes_as_many_queries_for_twice_as_many_groups(self):
        for model in self.models:
            for name, field in self.env[model]._fields.items():
                records = self.env[model].with_user(self.admin)
                if not field._description_groupable(self.env):
                    continue
                if not records._has_field_access(field, "read"):
                    # Of a module that is not there
                    continue
                group = f"{name}:day" if field.type in ("date", "datetime") else name
                queries = []
                for count in (ROWS, ROWS // 2, ROWS):
                    found = self.records(model, count)
                    self.env.invalidate_all()
                    before = self.env.cr.sql_log_count
                    found.web_read_group([("id", "in", found.ids)], [group], [])
                    queries.append(self.env.cr.sql_log_count - before)
                with self.subTest(model=model, group=group):
                    # One for a relation that is empty in the first half.
                    self.assertLessEqual(queries[2], queries[1] + 1)

    def test_a_log_of_deleted_people_takes_no_more_queries(self):
        self.assertEqual(*self._queries_of_deleted("cqrs.event"))

    def _queries_of_deleted(self, model):
        queries = []
        domain = [("stream_id", ">=", 900_000_000)]
        records = self.env[model].with_user(self.admin)
        for count in (ROWS, ROWS // 2, ROWS):
            found = records.search(domain, limit=count)
            self.assertEqual(len(found), count)
            self.env.invalidate_all()
            before = self.env.cr.sql_log_count
            found.read()
            queries.append(self.env.cr.sql_log_count - before)
        return queries[1:]

    def test_every_protocol_carries_every_value(self):
        key = (
            self.env["res.users.apikeys"]
            .with_user(self.admin)
            .sudo()
            ._generate("rpc", "test", datetime.now() + timedelta(days=1))
        )
        self.env.cr.flush()
        for model in self.models:
            with self.subTest(model=model):
                arguments = [get_db_name(), self.admin.id, key, model, "search_read"]
                over_xmlrpc = self.xmlrpc_object.execute_kw(*arguments, [[]])
                over_jsonrpc = self.strict_json(
                    "/jsonrpc",
                    {
                        "params": {
                            "service": "object",
                            "method": "execute_kw",
                            "args": [*arguments, [[]]],
                        }
                    },
                )["result"]
                over_json2 = self.strict_json(
                    f"/json/2/{model}/search_read",
                    {},
                    {"Authorization": f"Bearer {key}"},
                )
                self.assertGreaterEqual(len(over_xmlrpc), ROWS)
                self.assertEqual(over_jsonrpc, over_xmlrpc)
                self.assertEqual(over_json2, over_xmlrpc)

    def strict_json(self, url, body, headers=None):
        """Return the answer as a parser reads it that knows no NaN."""

        def refuse(text):
            self.fail(f"{text} is no JSON")

        answer = self.url_open(
            url,
            json.dumps(body),
            headers={"Content-Type": "application/json", **(headers or {})},
            timeout=60,
        )
        self.assertEqual(answer.status_code, 200, answer.text)
        return json.loads(answer.text, parse_constant=refuse)

    def test_what_is_empty_is_false_and_what_is_too_large_a_float(self):
        domain = [("stream_id", ">=", 900_000_000)]
        for model, name in (("cqrs.event", "after"), ("cqrs.stream", "state")):
            records = self.env[model].with_user(self.admin).search(domain)
            self.assertEqual(
                [each[name] for each in records.read([name])], ROWS * [READ]
            )
            # As it was recorded, to who reads it in Python.
            self.assertIsNone(records[0][name]["partner_id"])
