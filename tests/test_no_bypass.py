import json
from datetime import timedelta

from odoo import fields
from odoo.exceptions import AccessError, UserError
from odoo.service.model import call_kw, get_public_method
from odoo.tests import tagged
from odoo.tools import mute_logger

from ..controllers.operations import OPERATIONS
from .any_rights import COMPANIES, NoBypass
from .common import visible_opportunities
from .plain_rules import ADMINISTRATOR, OWN, PlainRules

#: The administrators' own: they audit it, whatever else they may read
OF_THE_LOG = {"cqrs.event", "cqrs.stream"}

#: The public methods of our models that are not Odoo's own, and how they are called
CALLS = {
    "cqrs.api.key.companies": {"action_bind": ["no ids"]},
    "cqrs.api.v1.comparison": {
        "read_companies": ["person"],
        "read_comparison": ["person"],
    },
    "cqrs.api.v1.step": {
        "action_announce": ["time", "time"],
        "action_switch_off": [],
        "action_switch_on": [],
        "read_checklist": [],
    },
    "cqrs.archive.assistant": {"action_archive_events": ["no ids"]},
    "cqrs.company.health": {"action_export": ["ids"]},
    "cqrs.forget.assistant": {
        "action_export": ["no ids"],
        "action_forget": ["no ids"],
    },
    "cqrs.forgetting": {"action_repeat": ["no ids"]},
    "cqrs.health": {"action_activate_jobs": [], "read_health": []},
    "cqrs.history": {
        "put_back": ["lead", "deal", "version", "paths"],
        "read_comparison": ["lead", "deal", "version"],
        "read_page": ["lead", "deal"],
    },
    "cqrs.invoice.view": {"action_open_document": ["deal"]},
    "cqrs.legal.hold": {"action_release": ["no ids"]},
    "cqrs.opportunity.view": {
        "action_open_lead": ["ids"],
        "check_list": ["list"],
        "read_sheet": ["ids"],
        "request_excel": ["list"],
    },
    "cqrs.order.view": {"action_open_document": ["deal"]},
    "cqrs.run": {
        "action_archive_events": ["time"],
        "action_build": [],
        "action_cancel": ["no ids"],
        "action_compare": [],
        "action_forget_again": [],
        "action_reconcile": [],
        "action_replay": [],
        "action_verify": [],
        "action_verify_all": [],
    },
    "cqrs.source": {
        "action_choose_fields": ["no ids"],
        "action_choose_model": ["no ids"],
        "action_end": ["no ids"],
    },
    "cqrs.source.choice": {"action_confirm": ["no ids"]},
    "cqrs.subscription": {
        "action_resume": ["no ids"],
        "action_subscribe": ["view", "day", "hour", "people"],
        "action_unsubscribe": ["no ids"],
        "read_subscriptions": ["view"],
    },
    "cqrs.webhook": {
        "action_pause": ["ids"],
        "action_resend": ["ids"],
        "action_resume": ["ids"],
        "action_rotate": ["ids"],
        "action_show_secret": ["ids"],
        "action_test": ["ids"],
    },
    "cqrs.webhook.message": {"action_send_again": ["ids"]},
    "cqrs.webhook.resending": {"action_send": ["ids"]},
    "cqrs.webhook.resumption": {"action_send": ["ids"], "action_skip": ["ids"]},
    "cqrs.webhook.rotation": {"action_rotate": ["ids"]},
}

#: How Odoo itself reads any model
READERS = {
    "search_read": ([[]], {"limit": 300}),
    "web_search_read": ([[], {"display_name": {}}], {"limit": 300}),
    "search_count": ([[]], {}),
    "formatted_read_group": ([[], ["id"], ["__count"]], {"limit": 300}),
    "name_search": (["", []], {"limit": 300}),
    "export_data": (["ids", ["id", "display_name"]], {}),
    "read": (["ids"], {}),
    "web_read": (["ids", {"display_name": {}}], {}),
    "default_get": ([["display_name"]], {}),
}


@tagged("post_install", "-at_install")
class TestNoBypass(NoBypass):
    """What the addon shows is what the rules in plain words say, by every path.

    It is never more than leads in Odoo that the person may read, and of these the
    own, those below, and what a privilege, a delegation or an option says.
    """

    def below_the_routes(self, user):
        """Return ``{way of reading: ids}`` for a user, at little cost."""
        access, opportunities = self.env["cqrs.access"], self.env["cqrs.opportunities"]
        rows = visible_opportunities(self.env, user)
        found = {"visible": {row["id"] for row in rows if row["active"]}}
        page = opportunities._read_page(user, limit=1000)
        found["page"] = set(page.ids)
        total = len(found["visible"])
        figures = self.env["cqrs.metrics"]._read(user)
        self.assertEqual(opportunities._count(user), total, self.who(user))
        self.assertEqual(figures["opportunities"]["total"], total, self.who(user))
        for lead in self.choose.sample(list(self.leads), 3):
            may_see = access._may_see(user, lead.id)
            self.assertIs(may_see, lead.id in found["visible"], self.who(user))
        return found

    def in_odoo(self, user, model):
        """Return ``{way of reading: ids}`` for a user, in all of their companies."""
        records = (
            self.env[model]
            .with_user(user)
            .with_context(allowed_company_ids=user.company_ids.ids)
        )
        domain = [("id", "in", self.leads.ids)]
        every = records.browse(self.leads.ids)
        rows = records.web_search_read(domain, {"name": {}})["records"]
        found = {
            "search": records.search(domain).ids,
            "search_read": [r["id"] for r in records.search_read(domain, ["name"])],
            "web_search_read": [row["id"] for row in rows],
            "name_search": [
                id_ for id_, __ in records.name_search("cqrsdeal", limit=None)
            ],
            "_read_group": records._read_group(domain, [], ["id:array_agg"])[0][0]
            or [],
            "formatted_read_group": [
                id_
                for group in records.formatted_read_group(
                    domain, ["user_id"], ["id:array_agg"]
                )
                for id_ in group["id:array_agg"]
            ],
            "_filtered_access": every._filtered_access("read").ids,
            "filtered_domain": every.sudo()
            .filtered_domain(
                self.env["ir.rule"]
                .with_user(user)
                .with_context(allowed_company_ids=user.company_ids.ids)
                ._compute_domain(model, "read")
            )
            .ids,
        }
        if user.has_group("base.group_allow_export"):
            found["export_data"] = [
                int(row[0])
                for row in records.search(domain).export_data([".id", "name"])["datas"]
            ]
        self.assertEqual(records.search_count(domain), len(found["search"]))
        # As somebody does who tries an id.
        record = records.browse(self.choose.choice(self.leads.ids))
        record.invalidate_recordset()
        if record.id in found["search"]:
            self.assertEqual(record.read(["id"]), [{"id": record.id}])
        else:
            with self.assertRaises(AccessError):
                record.read(["name"])
        return {f"{model}: {way}": set(ids) for way, ids in found.items()}

    def assertNoBypass(self):
        rules = PlainRules(self.env)
        sets = {}
        for user in self.people:
            seen = self.seen(rules, user)
            if not (user.active and not user.share and rules.reads_leads(user)):
                self.assertEqual(seen, set())
            sets[user] = frozenset(seen.intersection(self.leads.ids))
            for way, ids in self.below_the_routes(user).items():
                self.assertEqual(ids, seen, (way, self.who(user)))
        for user in self.of_each_kind(1):
            model = "cqrs.opportunity.view"
            if not user.active:
                self.assertFalse(self.env[model].with_user(user).search([]))
                continue
            if not user.has_group(OWN):
                # Whoever else may read leads has no right to our lists of them.
                with self.assertRaises(AccessError):
                    self.env[model].with_user(user).search([])
                continue
            for way, ids in self.in_odoo(user, model).items():
                self.assertEqual(ids, sets[user], (way, self.who(user)))
            leads = {
                lead.id
                for lead in self.leads
                if rules.sees_in_odoo(user, lead.with_env(rules.env))
            }
            for way, ids in self.in_odoo(user, "crm.lead").items():
                self.assertEqual(ids, leads, (way, self.who(user)))
        return sets

    def test_the_rules_hold_before_and_after_a_reorganisation(self):
        before = self.assertNoBypass()
        self.assertGreater(len(set(before.values())), 50)
        self.reorganise()
        after = self.assertNoBypass()
        self.assertNotEqual(after, before)

    # Every route

    def urls(self, lead, person):
        """Return the URLs of every route, of an opportunity and as a person."""
        urls = []
        # What has to be given: a window in which all of them were created.
        window = f"from={(self.env.cr.now() - timedelta(seconds=1)).isoformat()}Z"
        given = {
            "changes": window,
            "changed_opportunities": f"{window}&kind=created&limit=200",
            "events": f"{window.replace('from', 'since')}&limit=1000",
            "sparse_opportunities": "fields=odoo_id,name",
            "sparse_opportunity": "fields=odoo_id,name",
            "sparse_accounts": "fields=odoo_id,name",
        }
        for operation in OPERATIONS:
            if operation.auth == "cqrs_webhooks":
                # They show endpoints, with keys of a scope of their own.
                continue
            if operation.shows_model:
                # Of what may be missing here: tests/sales/test_who_sees_invoices.py
                continue
            path = operation.path.replace("<int:opportunity_id>", str(lead.id))
            path = path.replace("<int:account_id>", str(self.account.id))
            if operation.name in given:
                path = f"{path}?{given[operation.name]}"
                urls.append(path)
                if operation.is_view:
                    urls.append(f"{path}&user={person}")
                if "team" in operation.parameters and "changes" in path:
                    urls.append(f"{path}&team=then")
                continue
            urls.append(path)
            if operation.is_view:
                urls.append(f"{path}?user={person}")
            for name, value in (
                ("by", "salesperson"),
                ("metrics", "true"),
                ("archived", "any"),
                ("compare", "year"),
                ("text", "cqrsdeal"),
                ("stream", "crm.lead"),
            ):
                if name in operation.parameters:
                    urls.append(f"{path}?{name}={value}")
        return urls

    @mute_logger("odoo.http", "odoo.addons.crm_cqrs.controllers.dispatcher")
    def test_every_route_shows_what_the_rules_say(self):
        self.reorganise()
        self.end_epoch()
        rules = PlainRules(self.env)
        self.env.cr.execute("SELECT id, uuid FROM cqrs_user_profile")
        uuid = dict(self.env.cr.fetchall())
        lenders = self.env["cqrs.delegation"].search([]).delegate_id
        users = [
            user
            for user in dict.fromkeys([*self.of_each_kind(1), *lenders[:6]])
            if user.active
        ]
        for user in users:
            seen = self.seen(rules, user)
            self.authenticate(user.login, None)
            other = self.choose.choice([u for u in self.people if u.id in uuid])
            lead = self.choose.choice(self.leads)
            for url in self.urls(lead, uuid[other.id]):
                answer = self.url_open(url)
                where = url, self.who(user)
                if url.startswith("/api/v2/events") and user.has_group(ADMINISTRATOR):
                    # Of all records
                    self.assertEqual(answer.status_code, 200, where)
                    continue
                if url.startswith("/api/v2/events") and user.has_group(COMPANIES):
                    self.assertEqual(answer.status_code, 200, where)
                    found = self.marked(answer.text)
                    self.assertLessEqual(found, self.of_companies(user), where)
                    continue
                self.assertLessEqual(self.marked(answer.text), seen, where)
                if user.share:
                    self.assertEqual(answer.status_code, 401, where)
                elif "profile" in url or url.endswith(("hierarchy", uuid[other.id])):
                    self.assertIn(answer.status_code, (200, 403, 404), where)
                elif not rules.reads_leads(user):
                    self.assertEqual(answer.status_code, 403, where)
                elif f"/{lead.id}" in url:
                    expected = 200 if lead.id in seen else 404
                    self.assertEqual(answer.status_code, expected, where)
                else:
                    self.assertEqual(answer.status_code, 200, where)
                if answer.status_code == 200:
                    self.assertTotals(answer.json(), url, seen, where)

    def assertTotals(self, answer, url, seen, where):
        if "user=" in url or "text=" in url:
            return
        counts = answer.get("opportunities") or answer
        if "subordinates" in counts:
            self.assertEqual(counts["total"], len(seen), where)
        if "accessible_opportunities" in answer:
            self.assertEqual(answer["accessible_opportunities"], len(seen), where)
        if url in ("/api/v2/dashboard/opportunities", "/api/opportunities"):
            self.assertEqual(answer["total"], len(seen), where)

    def of_companies(self, user):
        """Return the ids of the leads of which the log of a user's companies tells."""
        return {
            lead.id
            for lead in self.leads.with_context(active_test=False)
            if lead.company_id and lead.company_id in user.company_ids
        }

    # Every public method

    def models(self):
        registry = self.env.registry
        return [
            name
            for name in sorted(registry)
            if name.startswith("cqrs.") and not registry[name]._abstract
        ]

    def test_every_public_method_of_ours_is_called_here(self):
        ours = {}
        for name, model in self.env.registry.items():
            for attribute in dir(model):
                function = getattr(model, attribute, None)
                module = getattr(function, "__module__", "") or ""
                if module.startswith("odoo.addons.crm_cqrs.") and callable(function):
                    try:
                        get_public_method(self.env[name], attribute)
                    except AccessError:
                        continue
                    ours.setdefault(name, set()).add(attribute)
        # What takes the place of one of Odoo's, which is called as such.
        odoos = set(dir(self.env.registry["base"].__mro__[-2])) | set(READERS)
        odoos |= {"web_read_group"}
        found = {
            name: methods
            for name in ours
            if name.startswith("cqrs.") and (methods := ours[name] - odoos)
        }
        self.assertEqual(found, {name: set(calls) for name, calls in CALLS.items()})

    def call(self, user, model, method, args, kwargs):
        """Return what a public method answers by RPC, as text; nothing if it refuses.

        What it writes is undone.
        """
        records = self.env(user=user.id, su=False, context={})[model]
        self.env.cr.flush()
        try:
            with self.env.cr.savepoint() as savepoint:
                answer = json.dumps(call_kw(records, method, args, kwargs), default=str)
                savepoint.rollback()
        except (AccessError, UserError):
            return ""
        return answer

    @mute_logger("odoo.addons.base.models.ir_rule", "odoo.addons.base.models.ir_model")
    def test_every_public_method_shows_what_the_rules_say(self):
        self.reorganise()
        rules = PlainRules(self.env)
        deal = self.choose.choice(self.leads)
        for user in self.of_each_kind(1):
            seen = self.seen(rules, user)
            in_odoo = {
                lead.id
                for lead in self.leads
                if rules.reads_leads(user)
                and rules.sees_in_odoo(user, lead.with_env(rules.env))
            }
            is_administrator = user.active and user.has_group(ADMINISTRATOR)
            for model in self.models():
                if model in OF_THE_LOG and is_administrator:
                    continue
                shown = seen
                if model == "cqrs.event" and user.has_group(COMPANIES):
                    shown = self.of_companies(user)
                ids = self.env[model].sudo().search([], limit=100).ids
                if model == "cqrs.opportunity.view":
                    ids = self.leads.ids
                for method, (args, kwargs) in READERS.items():
                    if (model, method) == ("cqrs.company.health", "export_data"):
                        # Odoo exports no ids of a model that is a query.
                        continue
                    args = [ids if each == "ids" else each for each in args]
                    answer = self.call(user, model, method, args, kwargs)
                    self.assertLessEqual(
                        self.marked(answer), shown, (model, method, self.who(user))
                    )
            for model, calls in CALLS.items():
                for method, names in calls.items():
                    given = {"ids": [deal.id], "no ids": [], "deal": deal.id}
                    given["lead"] = "crm.lead"
                    given["list"] = {"domain": [["id", "in", ids]]}
                    given |= {"version": 2, "paths": ["user_id"]}
                    given["time"] = "2001-01-01 00:00:00"
                    given["person"] = user.id
                    given |= {"view": {}, "day": 0, "hour": 8, "people": user.ids}
                    args = [given[name] for name in names]
                    answer = self.call(user, model, method, args, {})
                    allowed = in_odoo if model == "cqrs.history" else seen
                    self.assertLessEqual(
                        self.marked(answer), allowed, (model, method, self.who(user))
                    )
                    if model in ("cqrs.run", "cqrs.health"):
                        self.assertIs(bool(answer), is_administrator, method)

    def test_metrics_of_somebody_else_are_nobodys(self):
        self.env["cqrs.dashboard.metrics"]._refresh_users(self.people.ids)
        for user in self.of_each_kind(1):
            metrics = self.env["cqrs.dashboard.metrics"].with_user(user)
            if not user.has_group(OWN):
                self.assertFalse(metrics.has_access("read"), self.who(user))
            elif not user.has_group(ADMINISTRATOR):
                self.assertEqual(metrics.search([]).user_id, user, self.who(user))

    # From outside

    def test_external_rpc(self):
        sellers = [
            user
            for user in self.people
            if self.kinds[user] in ("own documents", "team's documents")
        ]
        for user in self.choose.sample(sellers, 3):
            user.password = user.login
            keys = self.env["res.users.apikeys"].with_user(user)
            tomorrow = fields.Datetime.now() + timedelta(days=1)
            key = keys._generate("rpc", "cqrs test", tomorrow)
            self.env.cr.flush()
            self.authenticate(None, None)
            expected = sorted(self.in_odoo(user, "crm.lead")["crm.lead: search"])
            domain = [("id", "in", self.leads.ids)]
            context = {"allowed_company_ids": user.company_ids.ids}
            answer = self.url_open(
                "/json/2/crm.lead/search",
                data=json.dumps({"domain": domain, "context": context}),
                headers={
                    "Authorization": f"Bearer {key}",
                    "Content-Type": "application/json",
                },
            )
            self.assertEqual(answer.status_code, 200, answer.text)
            self.assertEqual(sorted(answer.json()), expected)
            found = self.xmlrpc_object.execute_kw(
                self.env.cr.dbname,
                user.id,
                user.login,
                "crm.lead",
                "search",
                [domain],
                {"context": context},
            )
            self.assertEqual(sorted(found), expected)
            self.authenticate(user.login, None)
            for model in ("crm.lead", "cqrs.opportunity.view"):
                rows = self.make_jsonrpc_request(
                    f"/web/dataset/call_kw/{model}/search_read",
                    {
                        "model": model,
                        "method": "search_read",
                        "args": [domain, ["name"]],
                        "kwargs": {"context": context},
                    },
                )
                ways = self.in_odoo(user, model)
                found = {row["id"] for row in rows}
                self.assertEqual(found, ways[f"{model}: search"])
