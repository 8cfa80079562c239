"""API keys that are bound to companies, limits and options of companies."""

import json
from datetime import timedelta
from unittest.mock import patch
from urllib.parse import urlencode

from odoo import Command, fields
from odoo.exceptions import AccessError, MissingError, ValidationError
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL, mute_logger

from ..models.access.answer_context import AnswerContext
from ..models.api.ir_http import API_KEY_SCOPE, WEBHOOKS_SCOPE
from ..models.customers.viewing import Viewing
from ..models.support.answer_context import begin_reading
from ..models.support.bound_companies import BOUND
from ..models.support.primary import execute_on_primary
from ..models.support.process_cache import VersionedCache
from .common import SalesOrganisation, administrator, other_company
from .plain_rules import ALL_DOCUMENTS

LISTS = (
    "dashboard/opportunities",
    "dashboard/metrics",
    "dashboard/",
    "dashboard/accounts",
    "events",
)

#: Of the opportunities, however long the log is that is there already
EVENTS = "events?stream=crm.lead&limit=1000"


@tagged("post_install", "-at_install")
class TestApiKeysOfCompanies(SalesOrganisation, HttpCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.here, cls.there = cls.env.company, other_company(cls.env)
        cls.both = cls.here | cls.there
        cls.seller.write(
            {
                "company_ids": [Command.set(cls.both.ids)],
                "group_ids": [Command.link(cls.env.ref(ALL_DOCUMENTS).id)],
            }
        )
        cls.admin = administrator(cls.env)
        cls.admin.company_ids = [Command.set(cls.both.ids)]
        cls.deals = {
            company: cls.opportunity(
                cls.seller,
                name=f"cqrs deal of {company.id}.",
                company_id=company.id,
                team_id=False,
            )
            for company in cls.both
        }
        cls.env.cr.flush()

    def setUp(self):
        super().setUp()
        self.end_epoch()
        # A request of a test cannot open a cursor beside its own.
        self.env["cqrs.event"]._sources()
        self.authenticate(None, None)

    def key(self, user, companies=None, scope=API_KEY_SCOPE):
        keys = self.env["res.users.apikeys"].with_user(user)
        expires = fields.Datetime.now() + timedelta(days=1)
        key = keys.sudo()._generate(scope, "cqrs test", expires)
        if companies:
            row = keys.search([("user_id", "=", user.id)], order="id desc", limit=1)
            self.env["cqrs.api.key.binding"]._bind(row, companies)
        return key

    def get(self, key, path, status=200, **headers):
        headers["Authorization"] = f"Bearer {key}"
        answer = self.url_open(f"/api/v2/{path}", headers=headers)
        self.assertEqual(answer.status_code, status, answer.text)
        return answer

    def shown(self, key, path):
        text = self.get(key, path).text
        return {company for company in self.both if f"deal of {company.id}." in text}

    def test_a_bound_key_shows_its_companies_alone(self):
        for bound in (self.here, self.there, self.both, None):
            key = self.key(self.seller, bound)
            expected = set(bound or self.both)
            for path in ("dashboard/opportunities", "dashboard/", EVENTS):
                with self.subTest(bound=bound, path=path):
                    self.assertEqual(self.shown(key, path), expected)
            with self.subTest(bound=bound):
                figures = self.get(key, "dashboard/metrics").json()
                ids = [company.id for company in expected]
                deals = self.env["cqrs.opportunity.view"].search_count(
                    [("company_id", "in", [*ids, False])]
                )
                self.assertEqual(figures["opportunities"]["total"], deals)
            for company, deal in self.deals.items():
                path = f"dashboard/opportunities/{deal.id}"
                status = 200 if company in expected else 404
                with self.subTest(bound=bound, path=path):
                    self.get(key, path, status)
                    path = f"dashboard/opportunities?company={company.id}"
                    self.get(key, path, status)

    def test_a_search_through_a_bound_key_knows_nothing_of_other_companies(self):
        customer = self.env["res.partner"].create({"name": "cqrs of both"})
        for deal in self.deals.values():
            deal.partner_id = customer
        self.env.cr.flush()
        words = json.dumps(f"deal of {self.there.id}.")
        for domain, expected in (
            (f'[["partner_id.opportunity_ids.name","ilike",{words}]]', self.both),
            (
                f'[["partner_id.opportunity_ids.company_id","=",{self.there.id}]]',
                self.both,
            ),
            (f'[["company_id","=",{self.there.id}]]', self.there),
        ):
            path = f"dashboard/opportunities?{urlencode({'domain': domain})}"
            with self.subTest(domain=domain):
                self.assertEqual(self.shown(self.key(self.seller), path), set(expected))
                key = self.key(self.seller, self.here)
                self.assertEqual(self.shown(key, path), set())

    def test_what_one_key_was_answered_is_not_kept_for_another(self):
        """Keys of one person, in turn: caches and entity tags tell them apart."""
        keys = {company: self.key(self.seller, company) for company in self.both}
        for __ in range(2):
            for company, key in keys.items():
                for path in ("dashboard/opportunities", "dashboard/"):
                    self.assertEqual(self.shown(key, path), {company})
        tag = self.get(keys[self.here], LISTS[0]).headers["ETag"]
        self.get(keys[self.here], LISTS[0], 304, **{"If-None-Match": tag})
        self.get(keys[self.there], LISTS[0], 200, **{"If-None-Match": tag})

    def test_what_is_kept_for_one_bound_is_kept_for_that_one(self):
        """In a transaction, in a process, and in the ORM's own cache."""
        begin_reading(self.env)
        self.addCleanup(self.env.cr.cache.clear)
        cache = VersionedCache("cqrs of bounds", size=4)
        self.addCleanup(lambda: cache.store(self.env).clear())
        deal_ids = [deal.id for deal in self.deals.values()]
        log = [("stream_model", "=", "crm.lead"), ("stream_id", "in", deal_ids)]
        event_ids = self.env["cqrs.event"].search(log).ids

        def of(companies):
            """Return what readers find who are bound to companies, each by its way."""
            bound = companies and {BOUND: tuple(companies.ids)}
            env = self.env(user=self.seller, su=False, context=bound or {})
            viewers = AnswerContext.of(env, self.seller).viewers
            accounts = Viewing.of(env, self.seller).viewers["opportunities"]
            return [
                *({id_ for each in viewers for id_ in each.company_ids},),
                *({id_ for each in accounts for id_ in each.company_ids},),
                cache.get(env, 1, (), lambda: {*(companies or self.both).ids}),
                {*readable(env(user=self.admin)["cqrs.event"])},
                {
                    deal.company_id.id
                    for deal in env["crm.lead"].browse(deal_ids)
                    if deal.cqrs_in_team
                },
            ]

        def readable(log):
            for event in log.browse(event_ids):
                try:
                    yield event.company_id.id
                except MissingError:
                    # To this reader there is no such event.
                    continue

        for bound in (self.here, self.there, None, self.both) * 2:
            with self.subTest(bound=bound):
                self.assertEqual(of(bound), [{*(bound or self.both).ids}] * 5)

    def test_an_administrators_bound_key_reads_its_companies_log(self):
        whole = self.get(self.key(self.admin), "events?limit=1000").json()["events"]
        self.assertIn("res.users", {e["subject"].partition("/")[0] for e in whole})
        key = self.key(self.admin, self.there)
        events = self.get(key, "events?limit=1000").json()["events"]
        self.assertEqual({e["companyid"] for e in events}, {self.there.id})
        self.assertEqual(self.shown(key, EVENTS), {self.there})
        lines = self.get(key, "events", Accept="application/x-ndjson").text
        self.assertIn(f"deal of {self.there.id}.", lines)
        self.assertNotIn(f"deal of {self.here.id}.", lines)

    def test_it_is_never_more_than_the_users_own(self):
        key = self.key(self.seller, self.both)
        self.seller.company_ids = [Command.set(self.here.ids)]
        self.end_epoch()
        self.assertEqual(self.shown(key, LISTS[0]), {self.here})

    @mute_logger("odoo.addons.crm_cqrs.controllers.dispatcher")
    def test_a_key_of_no_company_any_more_is_told_so(self):
        key = self.key(self.seller, self.there)
        self.seller.company_ids = [Command.set(self.here.ids)]
        problem = self.get(key, LISTS[0], 403).json()
        self.assertEqual(problem["type"], "/api/v2/problems/no-company-of-key")
        self.assertIn("none of which its user may work", problem["detail"])

    def test_odoos_rpc_refuses_a_bound_key(self):
        keys = self.env["res.users.apikeys"]
        for companies, uid in ((None, self.seller.id), (self.here, None)):
            key = self.key(self.seller, companies, scope=None)
            self.assertEqual(keys._check_credentials(scope="rpc", key=key), uid)
            ours = keys._check_credentials(scope=API_KEY_SCOPE, key=key)
            self.assertEqual(ours, self.seller.id)

    def test_webhooks_of_a_bound_key(self):
        webhooks = self.env["cqrs.webhook"].create(
            [
                {
                    "name": f"cqrs {company.ids}",
                    "url": "https://hooks.example.com/",
                    "user_id": self.seller.id,
                    "owner_id": self.seller.id,
                    "company_ids": [Command.set(company.ids)],
                }
                for company in (self.here, self.there, self.both)
            ]
        )
        key = self.key(self.admin, self.there, WEBHOOKS_SCOPE)
        [found] = self.get(key, "webhooks").json()["webhooks"]
        self.assertEqual(found["id"], webhooks[1].id)
        for webhook in webhooks - webhooks[1]:
            self.get(key, f"webhooks/{webhook.id}", 404)

    def test_only_its_user_or_an_administrator_binds_a_key(self):
        self.key(self.seller)
        rows = self.env["res.users.apikeys"]
        row = rows.search([("user_id", "=", self.seller.id)])

        def bind(user, companies):
            dialog = self.env["cqrs.api.key.companies"].with_user(user)
            made = dialog.create(
                {"key_id": row.id, "company_ids": [Command.set(companies.ids)]}
            )
            # As of somebody who has just confirmed the password.
            return type(made).action_bind.__wrapped__(made)

        bind(self.seller, self.there)
        self.assertEqual(row.cqrs_company_ids, self.there)
        bind(self.admin, self.here)
        row.invalidate_recordset()
        self.assertEqual(row.cqrs_company_ids, self.here)
        with self.assertRaises(AccessError):
            bind(self.peer, self.env["res.company"])
        third = other_company(self.env)
        with self.assertRaises(AccessError):
            bind(self.seller, third)
        with self.assertRaisesRegex(ValidationError, "may not work in"):
            self.env["cqrs.api.key.binding"]._bind(row, third)
        bind(self.seller, self.env["res.company"])
        self.assertFalse(self.env["cqrs.api.key.binding"].search([]))

    def test_a_key_is_bound_as_it_is_made(self):
        descriptions = self.env["res.users.apikeys.description"].with_user(self.seller)
        made = descriptions.create(
            {
                "name": "cqrs new",
                "duration": "1",
                "cqrs_company_ids": [Command.set(self.there.ids)],
            }
        )
        self.assertEqual(made.cqrs_company_ids, self.there)
        make = type(made).make_key.__wrapped__
        below = type(made).__mro__
        names = [each for each in below if "make_key" in vars(each)]
        odoos = vars(names[-1])["make_key"]
        with patch.object(names[-1], "make_key", odoos.__wrapped__):
            key = make(made)["context"]["default_key"]
        self.assertEqual(self.shown(key, LISTS[0]), {self.there})

    def test_a_revoked_key_leaves_no_bound(self):
        self.key(self.seller, self.here)
        rows = self.env["res.users.apikeys"]
        rows.search([("user_id", "=", self.seller.id)]).sudo()._remove()
        self.assertFalse(self.env["cqrs.api.key.binding"].search([]))

    def test_a_bound_is_read_in_one_statement_and_is_that_of_now(self):
        keys, key = self.env["res.users.apikeys"], self.key(self.seller, self.here)
        row = keys.search([("user_id", "=", self.seller.id)], order="id desc", limit=1)
        self.env.flush_all()
        with self.assertQueryCount(1):
            bounds = keys._cqrs_bounds(key, self.seller.id)
        self.assertEqual(bounds, (True, tuple(self.here.ids)))
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_api_key_company_rel SET company_id = %s",
                self.there.id,
            )
        )
        bounds = keys._cqrs_bounds(key, self.seller.id)
        self.assertEqual(bounds, (True, tuple(self.there.ids)))
        self.env["cqrs.api.key.binding"].invalidate_model()
        self.env["cqrs.api.key.binding"]._bind(row, self.both.browse())
        self.env.flush_all()
        self.assertEqual(keys._cqrs_bounds(key, self.seller.id), (True, None))

    def test_a_trusted_device_is_no_key(self):
        """Odoo makes its model of that of keys; the ids are its own."""
        devices = self.env["auth_totp.device"].with_user(self.seller).sudo()
        self.key(self.seller, self.here)
        [binding] = self.env["cqrs.api.key.binding"].search([])
        expires = fields.Datetime.now() + timedelta(days=1)
        cookie = devices._generate("browser", "laptop", expires)
        self.assertEqual(
            devices._check_credentials_for_uid(
                scope="browser", key=cookie, uid=self.seller.id
            ),
            True,
        )
        device = devices.search([("user_id", "=", self.seller.id)])
        self.env.cr.execute(
            SQL(
                "UPDATE auth_totp_device SET id = %s WHERE id = %s",
                binding.key_id.id,
                device.id,
            )
        )
        self.env.invalidate_all()
        devices.browse(binding.key_id.id).unlink()
        self.assertTrue(binding.exists())

    def test_nobody_chooses_the_companies_of_anothers_new_key(self):
        descriptions = self.env["res.users.apikeys.description"]
        made = descriptions.with_user(self.seller).create(
            {"name": "cqrs new", "duration": "1"}
        )
        self.env["cqrs.api.key.companies"].with_user(self.admin).create(
            {"description_id": made.id, "company_ids": [Command.set(self.there.ids)]}
        )
        made.invalidate_recordset()
        self.assertFalse(made.cqrs_company_ids)

    # Limits

    def test_a_company_has_a_limit_of_its_own(self):
        quota = self.env["cqrs.api.quota"].with_user(self.seller)
        people = (self.seller | self.manager).ids
        delete = SQL("DELETE FROM cqrs_api_quota WHERE user_id = ANY(%s)", people)
        self.addCleanup(
            execute_on_primary, self.env, SQL("%s RETURNING user_id", delete)
        )
        self.assertIsNone(quota._take())
        settings = self.env["res.config.settings"]
        settings.create({"cqrs_api_requests_per_minute": 9}).execute()
        self.assertEqual(quota._take().limit, 9)
        settings.with_company(self.there).create(
            {"cqrs_api_company_requests_per_minute": 5}
        ).execute()
        self.assertEqual(quota._take().limit, 9)
        self.seller.company_id = self.there
        self.assertEqual(quota._take().limit, 5)
        self.assertEqual(quota.with_user(self.manager)._take().limit, 9)
        with self.assertQueryCount(0):
            quota._limit()
        bound = quota.with_context(cqrs_bound_company_ids=(self.here.id,))
        self.assertEqual(bound._limit(), 9)
        with self.assertRaises(ValidationError):
            settings.create({"cqrs_api_company_requests_per_minute": -1}).execute()
