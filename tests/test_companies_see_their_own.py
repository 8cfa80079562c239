"""Three companies, random histories: nothing of a company is seen from another.

Each value of a record has a mark of the company that it was written in. Plain loops
over what was done say which marks a person may know of; each path by which the log is
read says which ones it shows: the log itself, its API, the history, the feed, webhooks,
exports, the bus; and where the records of now are shown, screens, RPC, lists and files.

A failure prints the seed: ``CRM_CQRS_SEED``.
"""

import json

from odoo import Command
from odoo.exceptions import AccessError
from odoo.tests import HttpCase, tagged
from odoo.tools import SQL

from ..models.event_store.part import id_of_part
from ..models.event_store.reader import Filters
from ..models.exports.excel_run import NOTIFICATION
from ..models.feed.feed import look_again, read_feed
from ..models.live.announcer import CHANGED, channel
from ..models.maintenance.company_export import export_lines
from .companies import MARK, SEED, Companies


@tagged("post_install", "-at_install")
class TestCompaniesSeeTheirOwn(Companies, HttpCase):
    def test_the_log_is_read_by_company(self):
        """Whoever administers companies reads their part, with any companies on."""
        events = self.env["cqrs.event"]
        for name, keeper in self.keepers.items():
            for switched_on in {keeper.company_ids, keeper.company_id}:
                self.env.invalidate_all()
                mine = events.with_user(keeper).with_context(
                    allowed_company_ids=switched_on.ids
                )
                rows = mine.search_read([], load=None)
                found = {
                    (row["stream_model"], row["stream_id"], row["version"]): json.dumps(
                        [
                            *(row["before"], row["after"], row["details"]),
                            self.but_own_names(row["changes"], row["stream_id"], mine),
                        ]
                    )
                    for row in rows
                }
                with self.subTest(keeper=name, companies=switched_on.ids):
                    self.assertKnown(found, self.may_know(switched_on, False), name)
                    models = {model for model, *__ in found}
                    self.assertLessEqual(
                        models, {"crm.lead", "res.partner", "crm.team"}
                    )
                    self.assertEqual(mine.search_count([]), len(rows))
                    companies = {row["company_id"] for row in rows}
                    self.assertLessEqual(companies, set(switched_on.ids))

    def test_the_administrator_reads_everything(self):
        rows = self.env["cqrs.event"].with_user(self.admin).search_read([], load=None)
        found = {
            (row["stream_model"], row["stream_id"], row["version"]): json.dumps(
                [row["before"], row["after"]]
            )
            for row in rows
        }
        everywhere = self.companies | self.branch
        self.assertKnown(found, self.may_know(everywhere, True), "administrator")

    def test_no_count_and_no_group_tells_of_others(self):
        """A condition finds only what is shown: nothing can be tried out with it."""
        hidden = self.env["cqrs.event"].sudo()
        for name in ("a", "b"):
            keeper = self.keepers[name]
            mine = hidden.with_user(keeper)
            shown = mine.search([])
            for domain in self.tried(hidden):
                found = mine.search(domain)
                with self.subTest(keeper=name, domain=domain):
                    self.assertLessEqual(found, shown)
                    self.assertEqual(mine.search_count(domain), len(found))
                    self.assertEqual(found, shown.filtered_domain(domain))
            counts = mine._read_group([], ["company_id"], ["__count"])
            self.assertLessEqual(
                {company.id for company, __ in counts}, set(keeper.company_ids.ids)
            )
            self.assertEqual(sum(count for __, count in counts), len(shown))

    def tried(self, events):
        """Return domains that ask for what an event hides: type, people, hash, id."""
        move = next(
            (record, version)
            for record, version, before, after in self.told
            if before and after and {before[0], after[0]} == {self.a, self.b}
        )
        event = events.search(
            [
                ("stream_model", "=", move[0]._name),
                ("stream_id", "=", move[0].id),
                ("version", "=", move[1]),
            ]
        )
        return [
            [("hash", "=", event.hash)],
            [("event_id", "=", event.event_id)],
            [("type", "=", event.type), ("id", "=", event.id)],
            [("user_id", "=", event.user_id.id), ("id", "=", event.id)],
            [("company_id", "=", self.b.id)],
            [("company_id", "=", self.a.id)],
        ]

    def test_no_companies_but_ones_own_can_be_switched_on(self):
        events = self.env["cqrs.event"].with_user(self.keepers["a"])
        for ids in ([self.b.id], [self.a.id, self.b.id], [10**8]):
            with self.subTest(ids=ids), self.assertRaises(AccessError):
                events.with_context(allowed_company_ids=ids).search_count([])
        forged = events.with_context(
            cqrs_log_of_companies=self.companies.ids,
            cqrs_bound_company_ids=self.companies.ids,
        )
        self.assertEqual(forged.search([]), events.search([]))

    def test_an_archived_company_is_nobodys(self):
        keeper = self.keepers["ab"]
        others = self.env["res.users"].search([("company_id", "=", self.b.id)])
        others.active = False
        self.b.active = False
        rows = self.env["cqrs.event"].with_user(keeper).search([])
        self.assertEqual(set(rows.company_id.ids), {self.a.id})

    def test_the_api_tells_each_company_its_own(self):
        self.end_epoch()
        for name, keeper in self.keepers.items():
            self.authenticate(keeper.login, keeper.login)
            for accept in ("application/json", "application/x-ndjson"):
                found = {}
                for event in self.events_of_the_api(accept):
                    model, __, id_ = event["subject"].partition("/")
                    found[model, int(id_), event["streamversion"]] = json.dumps(event)
                with self.subTest(keeper=name, accept=accept):
                    known = self.may_know(keeper.company_ids, False)
                    self.assertKnown(found, known, name)

    def events_of_the_api(self, accept, **query):
        cursor, more = None, True
        while more:
            address = "/api/v2/events?limit=7" + (f"&cursor={cursor}" if cursor else "")
            answer = self.url_open(address, headers={"Accept": accept})
            self.assertEqual(answer.status_code, 200, answer.text)
            if accept == "application/x-ndjson":
                yield from map(json.loads, answer.text.splitlines())
                return
            page = answer.json()
            yield from page["events"]
            cursor, more = page["next"], page["more"]

    def test_filters_of_the_api_try_nothing_out(self):
        """To the company that a record leaves it is ``removed``, whatever is asked."""
        self.end_epoch()
        moved = [
            (record, version)
            for record, version, before, after in self.told
            if before and after and before[0] == self.a and after[0] == self.b
        ]
        if not moved:
            record = next(r for r, *__ in self.told if r.exists())
            self.skipTest(f"no move from A to B, seed {SEED}, {record}")
        self.authenticate("cqrs_keeper_a", "cqrs_keeper_a")
        for record, version in moved:
            event = self.env["cqrs.event"].search(
                [
                    ("stream_model", "=", record._name),
                    ("stream_id", "=", record.id),
                    ("version", "=", version),
                ]
            )
            stream = f"stream={record._name}/{record.id}"
            for query, is_found in (
                ("type=removed", True),
                (f"type={event.type}", False),
                (f"user={event.user_id.id}", False),
                (f"acting_user={event.acting_user_id.id or 1}", False),
            ):
                answer = self.url_open(f"/api/v2/events?{stream}&{query}").json()
                ids = [each["id"] for each in answer["events"]]
                with self.subTest(query=query):
                    self.assertEqual(id_of_part(event.event_id) in ids, is_found)
                    self.assertNotIn(event.event_id, ids)
                    self.assertNotIn(event.hash, json.dumps(answer))

    def test_a_history_tells_what_happened_in_ones_companies(self):
        for name, seller in self.sellers.items():
            history = self.env["cqrs.history"].with_user(seller)
            for record in self.records:
                self.env.invalidate_all()
                if not record.with_user(seller).has_access("read"):
                    continue
                page = history.read_page(record._name, record.id)
                found = {
                    (record._name, record.id, entry["version"]): json.dumps(
                        [
                            self.but_own_names(entry["changes"], record.id, history),
                            *(entry["sentences"], entry["reasons"]),
                        ]
                    )
                    for entry in page["entries"]
                }
                if page["more"]:
                    continue
                of = record._name, record.id
                with self.subTest(seller=name, record=record):
                    known = self.may_know(seller.company_ids, True, of)
                    self.assertKnown(found, known, name)

    def test_a_feed_tells_what_happened_in_ones_companies(self):
        """Events of opportunities in view now, and what left with ids alone."""
        self.end_epoch()
        for name, seller in self.sellers.items():
            env = self.env(user=seller, su=False)
            page = read_feed(env, None, 10_000)
            told = {}
            for message in page.messages:
                event = message.event
                key = event.stream_model, event.stream_id, event.version
                if message.kind == "event" and event.stream_model == "crm.lead":
                    told[key] = repr((event.before, event.after, event.details))
            visible = self.visible(seller)
            known = {
                key: marks
                for key, marks in self.may_know(seller.company_ids, True).items()
                if key[0] == "crm.lead"
                and key[1] in visible
                # One that came back: that it had left is told with ids alone.
                and (marks or self.is_whole(key, seller.company_ids))
            }
            with self.subTest(seller=name):
                self.assertKnown(told, known, name)
                self.check_again(env, page.messages, known, name)

    def is_whole(self, key, companies, is_shared=True):
        for record, version, before, after in self.told:
            if (record._name, record.id, version) == key:
                return all(
                    not side or (side[0] in companies if side[0] else is_shared)
                    for side in (before, after)
                )
        return False

    def check_again(self, env, messages, known, name):
        """Check what a webhook sends that tries the same messages again."""
        positions = [message.event.position for message in messages]
        for message in look_again(env, positions).values():
            if message and message.kind == "event":
                event = message.event
                if event.stream_model != "crm.lead":
                    continue
                key = event.stream_model, event.stream_id, event.version
                text = repr((message.event.before, message.event.after))
                self.assertEqual(set(MARK.findall(text)), known[key], name)

    def test_a_webhook_of_some_companies_is_told_of_these(self):
        self.end_epoch()
        seller = self.sellers["abc"]
        env = self.env(user=seller, su=False)
        for company in self.companies:
            page = read_feed(env, None, 10_000, company_ids=company.ids)
            marks = set()
            for message in page.messages:
                if message.kind == "event":
                    event = message.event
                    marks |= set(MARK.findall(repr((event.before, event.after))))
            allowed = self.may_know(company, True).values()
            with self.subTest(company=company.name):
                self.assertTrue(marks)
                self.assertLessEqual(marks, set().union(*allowed))

    def test_a_filter_of_a_feed_tells_nothing_of_what_left(self):
        """Messages beside the events are the same whatever is asked for."""
        self.end_epoch()
        for name, seller in self.sellers.items():
            env = self.env(user=seller, su=False)
            everything = read_feed(env, None, 10_000).messages
            removed = [each.id for each in everything if each.kind == "removed"]
            types = {each.event.type for each in everything} | {"NoSuch"}
            for filters in (
                *(Filters(types=(type_,)) for type_ in sorted(types)),
                Filters(user_id=self.env.uid),
                Filters(user_id=seller.id),
                Filters(acting_user_id=self.admin.id),
            ):
                found = read_feed(env, None, 10_000, filters).messages
                with self.subTest(seller=name, filters=filters):
                    self.assertEqual(
                        [each.id for each in found if each.kind == "removed"], removed
                    )
                    told = [each.event for each in found if each.kind == "event"]
                    self.assertTrue(all(map(filters.ask_for, told)))

    def test_a_webhook_tells_whoever_administers_its_company_of_that_one(self):
        """Also of messages that are older than the companies it is bound to."""
        webhook = self.env["cqrs.webhook"].create(
            {
                "name": "cqrs of A",
                "url": "https://hooks.example.com/crm",
                "user_id": self.sellers["abc"].id,
                "owner_id": self.admin.id,
                "company_ids": [Command.set(self.a.ids)],
            }
        )
        records = {(record._name, record.id) for record, *__ in self.told}
        rows = self.env.execute_query(
            SQL(
                """
                SELECT position, event_id::text, stream_model, stream_id, version
                FROM cqrs_event WHERE (stream_model, stream_id) IN %s
                """,
                tuple(records),
            )
        )
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_webhook_message (webhook_id, message_id, kind, state,
                    position, stream_model, stream_id)
                SELECT %s, event_id::text, 'event', 'dead', position, stream_model,
                       stream_id
                FROM cqrs_event WHERE position = ANY(%s)
                """,
                webhook.id,
                [position for position, *__ in rows],
            )
        )
        known = self.may_know(self.a, False)
        keeper = self.keepers["a"]
        messages = self.env["cqrs.webhook.message"].with_user(keeper).search([])
        found = {each.position: each.message_id for each in messages}
        told = {}
        for position, event_id, *key in rows:
            if tuple(key) in known:
                is_whole = self.is_whole(tuple(key), self.a, is_shared=False)
                told[position] = event_id if is_whole else id_of_part(event_id)
        self.assertEqual(found, told)
        self.assertEqual(webhook.with_user(keeper).dead_count, len(known))
        health = self.env["cqrs.company.health"].with_user(keeper)
        self.assertEqual(health.search([]).mapped("dead"), [len(known)])
        self.assertEqual(webhook.with_user(self.admin).dead_count, len(rows))

        def behind():
            self.env.cr.flush()
            self.env.invalidate_all()
            return webhook.with_user(keeper).lag_events

        before = behind()
        self.create_record(1, self.b)
        self.create_record(1, self.c)
        self.assertEqual(behind(), before)
        self.create_record(1, self.a)
        self.assertEqual(behind(), before + 1)

    def test_lists_screens_and_files_show_what_is_of_ones_companies(self):
        self.end_epoch()
        allowed = self.env.ref("base.group_allow_export")
        sellers = {**self.sellers, "both": self.keepers["both"]}
        for name, seller in sellers.items():
            seller.group_ids += allowed
            self.env.cr.flush()
            self.authenticate(seller.login, seller.login)
            expected = self.names_of("crm.lead", seller.company_ids)
            for path, text in self.paths(seller):
                with self.subTest(seller=name, path=path):
                    self.assertEqual(set(MARK.findall(text)), expected, SEED)
            accounts = self.env["cqrs.account.view"].with_user(seller)
            companies = accounts.search([]).company_id
            self.assertLessEqual(companies, seller.company_ids, (name, SEED))
            known = self.names_of("res.partner", seller.company_ids)
            shown = self.url_open("/api/v2/dashboard/accounts?limit=100").text
            self.assertLessEqual(set(MARK.findall(shown)), known, (name, SEED))

    def test_whoever_administers_companies_alone_has_no_lists(self):
        """By the rights of that role: what is sold is for those who sell."""
        self.end_epoch()
        keeper = self.keepers["abc"]
        keeper.group_ids += self.env.ref("base.group_allow_export")
        self.env.cr.flush()
        self.authenticate(keeper.login, keeper.login)
        for model in ("cqrs.opportunity.view", "cqrs.account.view"):
            with self.subTest(model=model), self.assertRaises(AccessError):
                self.env[model].with_user(keeper).search_count([])
        with self.assertRaises(AccessError):
            self.excel(self.env(user=keeper, su=False))
        self.assertEqual(self.csv(keeper).status_code, 403)
        for address in ("dashboard/opportunities?limit=100", "dashboard/", "metrics"):
            answer = self.url_open(f"/api/v2/{address}")
            with self.subTest(address=address):
                self.assertEqual(MARK.findall(answer.text), [])

    def test_an_export_of_a_company_has_its_own(self):
        """With the texts under the hashes, and of others nothing but hashes."""
        self.end_epoch()
        for company in (*self.companies, self.branch):
            letter = {self.a: "a", self.b: "b", self.c: "c"}.get(company, "branch")
            env = self.env(
                user=self.keepers[letter],
                su=False,
                context={"allowed_company_ids": company.ids},
            )
            found, others = {}, []
            for text in export_lines(env, company):
                line = json.loads(text)
                if "event" in line:
                    model, __, id_ = line["stream"].partition("/")
                    found[model, int(id_), line["version"]] = text
                else:
                    others += MARK.findall(text)
            with self.subTest(company=company.name):
                self.assertKnown(found, self.may_know(company, False), letter)
                self.assertEqual(others, [])

    def test_the_bus_says_that_something_has_changed_and_no_more(self):
        seller = self.sellers["a"]
        seller.group_ids += self.env.ref("base.group_allow_export")
        screen = self.env["cqrs.opportunity.view"].with_user(seller)
        question = {"domain": [], "title": self.mark_of(self.records[0])}
        run_id = screen.with_context(allowed_company_ids=self.a.ids).request_excel(
            question
        )
        self.env.cr.flush()
        with self.registry.cursor() as cr:
            self.env(cr=cr, su=True)["cqrs.run"]._perform_pending("ir_cron_excel")
        self.env.invalidate_all()
        self.assertEqual(self.env["cqrs.run"].browse(run_id).state, "done")
        # As the thread that is called by each commit does.
        self.env["bus.bus"]._sendone(channel(self.env), CHANGED, {})
        self.env.cr.precommit.run()
        self.addCleanup(self.env.cr.postcommit.clear)
        messages = self.env["bus.bus"].search([], order="id").mapped("message")
        told = [json.loads(each) for each in messages]
        told = [each for each in told if each["type"] in (CHANGED, NOTIFICATION)]
        self.assertEqual(
            told[-2:],
            [
                {
                    "type": NOTIFICATION,
                    "payload": {"run_id": run_id, "state": "done"},
                },
                {"type": CHANGED, "payload": {}},
            ],
        )
        self.assertEqual(MARK.findall(repr(messages)), [])

    def test_others_read_no_log(self):
        for seller in self.sellers.values():
            with self.assertRaises(AccessError):
                self.env["cqrs.event"].with_user(seller).search_count([])
        for name in ("cqrs.stream", "cqrs.source", "cqrs.seal", "cqrs.forgetting"):
            model = self.env[name].with_user(self.keepers["abc"])
            with self.subTest(model=name), self.assertRaises(AccessError):
                model.search_count([])
        self.env["cqrs.run"].create({"kind": "verify"})
        self.assertFalse(self.env["cqrs.run"].with_user(self.keepers["abc"]).search([]))
