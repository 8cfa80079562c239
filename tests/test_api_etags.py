import re
from datetime import date, datetime, timedelta, timezone
from threading import Event, Thread
from unittest.mock import patch

from freezegun import freeze_time

from odoo import Command
from odoo.tests import tagged

from ..models.access.answer_context import _LAST_EVENT, AnswerContext
from ..models.access.options import OPTIONS
from ..models.api import answer_version
from ..models.support.answer_context import Fact
from .api import ApiCase, exact
from .common import RealCursors, other_company

PATHS = (
    "",
    "metrics?by=stage",
    "opportunities",
    "opportunities?limit=1",
    "users/profile",
    "users/hierarchy",
)


@tagged("post_install", "-at_install")
class TestApiETags(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal = cls.opportunity(cls.seller)

    def tag(self, user, path=""):
        response = self.get(user, path)
        self.assertEqual(response.status_code, 200, response.text)
        return response.headers["ETag"]

    def again(self, user, tag, path=""):
        """Return the status of an answer to who holds a tag."""
        return self.get(user, path, {"If-None-Match": tag}).status_code

    def test_what_one_has_is_not_sent_again(self):
        for path in (*PATHS, f"opportunities/{self.deal.id}", f"access/{self.deal.id}"):
            with self.subTest(path):
                first = self.get(self.manager, path)
                tag = first.headers["ETag"]
                self.assertRegex(tag, r'^"[0-9a-f]{32}\.\d+"$')
                again = self.get(self.manager, path, {"If-None-Match": tag})
                self.assertEqual((again.status_code, again.content), (304, b""))
                for name in ("ETag", "Cache-Control", "Vary"):
                    self.assertEqual(again.headers[name], first.headers[name])
                self.assertEqual(first.headers["Cache-Control"], "private, no-cache")
                self.assertEqual(
                    first.headers["Vary"],
                    "Accept, Accept-Language, Authorization, Cookie",
                )

    def test_no_read_model_is_touched_for_it(self):
        tag = self.tag(self.manager)
        denied = patch.object(
            self.env.registry["cqrs.dashboard"], "_read_dashboard", side_effect=OSError
        )
        statements = []
        execute = type(self.env.cr).execute

        def spy(cr, query, *arguments, **options):
            statements.append(str(query))
            return execute(cr, query, *arguments, **options)

        with denied, patch.object(type(self.env.cr), "execute", spy):
            self.assertEqual(self.again(self.manager, tag), 304)
        joined = " ".join(statements)
        self.assertIn("cqrs_event", joined)
        for table in ("opportunity_view", "metrics", "user_access"):
            self.assertNotIn(f"cqrs_{table}", joined)

    def test_the_header_as_clients_send_it(self):
        tag = self.tag(self.manager)
        for header in (f'"x", {tag}', f"W/{tag}", f'W/"y" , {tag}', "*"):
            self.assertEqual(self.again(self.manager, header), 304, header)
        for header in ('"x"', "", tag.strip('"')[:-1], tag[:-2] + '"', '"."', "W/"):
            self.assertEqual(self.again(self.manager, header), 200, header)
        for header in ('""', 'W/""', '"x", ""'):
            self.assertEqual(self.again(self.manager, header), 200, header)
        # A proxy that compresses has added the coding.
        for coding in ("-gzip", "-br", "--gzip", ";gzip", "-zstd"):
            for weak in ("", "W/"):
                header = f'{weak}{tag[:-1]}{coding}"'
                answer = self.get(self.manager, "", {"If-None-Match": header})
                self.assertEqual((answer.status_code, header), (304, header))
                self.assertEqual(answer.headers["ETag"], tag)
        for other in ("gzip", "-", "-GZIP", "-gzip-", "0-gzip", "-1"):
            header = f'{tag[:-1]}{other}"'
            self.assertEqual(self.again(self.manager, header), 200, header)
        self.assertEqual(self.again(self.manager, f'"", {tag}'), 304)

    def test_whatever_one_holds_does_not_tell_that_something_is_there(self):
        for header in ("*", self.tag(self.manager, f"opportunities/{self.deal.id}")):
            response = self.get(
                self.peer, f"opportunities/{self.deal.id}", {"If-None-Match": header}
            )
            self.assertProblem(response, 404)

    def test_a_tag_is_of_one_address_and_one_person(self):
        tags = {self.tag(self.manager, path) for path in PATHS}
        self.assertEqual(len(tags), len(PATHS))
        tag = self.tag(self.manager)
        self.assertEqual(self.again(self.head, tag), 200)
        seller = f"?user={self.uuid(self.seller)}"
        self.assertEqual(self.again(self.manager, tag, seller), 200)
        self.assertEqual(
            self.again(self.head, self.tag(self.manager, seller), seller), 200
        )

    def at(self, time):
        """Let requests take place at a time."""
        time = time.replace(tzinfo=timezone.utc)
        return patch.object(AnswerContext, "answered_at", time)

    def test_answers_of_two_times_have_two_tags(self):
        tags, times = [], [datetime(2026, 5, 1, 12), datetime(2026, 5, 1, 12, 0, 9)]
        for time in times:
            with self.at(time):
                response = self.get(self.manager)
            body, told = exact(response), f"{time.isoformat()}+00:00"
            self.assertEqual(body["meta"]["generated_at"], told)
            self.assertEqual(body["metrics"]["computed_at"], told)
            tags.append(response.headers["ETag"])
        self.assertNotEqual(*tags)
        with self.at(times[1]):
            for tag in tags:
                self.assertEqual(self.again(self.manager, tag), 304)

    def test_who_holds_no_tag_is_answered_by_one_statement_less(self):
        """There is nothing to compare, so all there is to ask is asked at once."""

        def statements(**headers):
            for __ in range(2):  # the first may look up what is kept
                timing = self.get(self.manager, "", headers).headers["Server-Timing"]
            return int(re.search(r"(\d+) queries", timing)[1])

        self.assertEqual(statements(), statements(**{"If-None-Match": '"old"'}) - 1)

    def test_none_is_held_for_more_than_five_minutes(self):
        time = datetime(2026, 5, 1, 12)
        with self.at(time):
            tag = self.tag(self.manager)
        for seconds, status in ((300, 304), (301, 200), (-1, 200)):
            with self.at(time + timedelta(seconds=seconds)):
                self.assertEqual(self.again(self.manager, tag), status, seconds)


@tagged("post_install", "-at_install")
class TestAnswerVersion(ApiCase):
    """Each of the things that an answer follows from changes its version."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.deal = cls.opportunity(cls.seller)

    def version(self, user=None, caller=None, **context):
        self.env.cr.flush()
        self.env.invalidate_all()
        caller = caller or self.manager
        env = self.env(user=caller, context=context, su=False)
        return answer_version.answer_version(
            env, env["res.users"].browse((user or caller).id)
        )

    def assertChanges(self, change):
        before = self.version()
        self.assertEqual(self.version(), before)
        change()
        self.assertNotEqual(self.version(), before)

    def test_an_event(self):
        self.assertChanges(lambda: self.deal.write({"name": "Other"}))

    def test_the_caller_and_whose_view_it_is(self):
        versions = {
            self.version(),
            self.version(self.seller),
            self.version(self.seller, self.head),
            self.version(self.manager, self.head),
            self.version(self.head, self.head),
        }
        self.assertEqual(len(versions), 5)

    def test_the_language(self):
        self.env["res.lang"]._activate_lang("fr_FR")
        self.assertNotEqual(self.version(lang="fr_FR"), self.version(lang="en_US"))

    def test_an_option_of_the_settings(self):
        for name in OPTIONS.values():
            with self.subTest(name):
                set_param = self.env["ir.config_parameter"].set_param
                self.assertChanges(lambda name=name, set_=set_param: set_(name, "True"))

    def lend(self, lender, delegate, last=date(2100, 1, 1)):
        return self.env["cqrs.delegation"].create(
            {
                "lender_id": lender.id,
                "delegate_id": delegate.id,
                "date_from": "2000-01-01",
                "date_to": last,
            }
        )

    def test_a_delegation_and_its_end(self):
        self.assertChanges(lambda: self.lend(self.peer, self.manager))
        delegation = self.env["cqrs.delegation"].search([], limit=1)
        self.assertChanges(lambda: delegation.write({"active": False}))

    def test_a_delegation_to_whom_one_looks_as(self):
        before = self.version(self.seller)
        self.lend(self.peer, self.seller)
        self.assertNotEqual(self.version(self.seller), before)

    def test_the_day_on_which_a_delegation_ends(self):
        self.lend(self.peer, self.manager, last=date(2026, 6, 1))
        with freeze_time("2026-06-01 12:00:00"):
            before = self.version()
        with freeze_time("2026-06-02 12:00:00"):
            self.assertNotEqual(self.version(), before)

    def foreign(self):
        """Add a company with another currency; return the currency's rate."""
        currency = self.env["res.currency"].create({"name": "CQX", "symbol": "x"})
        other_company(self.env, currency)
        return self.env["res.currency.rate"].create(
            {
                "currency_id": currency.id,
                "rate": 4,
                "name": "2020-01-01",
                "company_id": self.env.company.id,
            }
        )

    def test_a_rate_and_the_day_from_which_it_holds(self):
        rate = self.foreign()
        self.assertChanges(lambda: rate.write({"rate": 5}))
        rate.copy({"name": "2026-06-02", "rate": 6})
        with freeze_time("2026-06-01 12:00:00"):
            before = self.version()
        with freeze_time("2026-06-02 12:00:00"):
            self.assertNotEqual(self.version(), before)

    def test_the_digits_of_a_currency(self):
        currency = self.foreign().currency_id
        self.assertChanges(lambda: currency.write({"rounding": 0.001}))

    def test_the_currency_of_the_company(self):
        currency = self.env["res.currency"].create({"name": "CQY", "symbol": "y"})
        company = other_company(self.env, currency)
        # Behind the log's back: it need not have been found yet.
        self.manager.company_ids = [Command.link(company.id)]
        self.env.flush_all()
        self.version()
        self.assertChanges(
            lambda: self.env.cr.execute(
                "UPDATE res_users SET company_id = %s WHERE id = %s",
                [company.id, self.manager.id],
            )
        )

    def test_the_code(self):
        other = patch.object(
            answer_version.Manifest,
            "for_addon",
            lambda name: type("M", (), {"version": "2"}),
        )

        def change():
            other.start()
            self.addCleanup(other.stop)

        self.assertChanges(change)


@tagged("post_install", "-at_install")
class TestVersionOfTheLog(RealCursors):
    """Real cursors: no commit goes unnoticed, in whatever order they come."""

    def setUp(self):
        super().setUp()
        self.created = []
        self.addCleanup(self.remove)

    def remove(self):
        with self.registry.cursor() as cr:
            self.leads(cr).browse(self.created).exists().unlink()

    def leads(self, cr):
        env = self.environment(cr)
        return env["crm.lead"]

    def record(self, cr):
        lead = self.leads(cr).create({"name": "cqrs version"})
        cr.flush()
        self.created.append(lead.id)

    def seen(self):
        """Return version and greatest position, as a new transaction sees them."""
        with self.registry.cursor() as cr:
            env = self.environment(cr)
            log = AnswerContext.of(env).log_version
            cr.execute("SELECT max(position) FROM cqrs_event")
            return log, cr.fetchone()[0]

    def test_nothing_changes_without_an_event(self):
        self.assertEqual(self.seen(), self.seen())
        before, __ = self.seen()
        with self.registry.cursor() as cr:
            cr.execute("CREATE TEMPORARY TABLE cqrs_other (id integer)")
            self.assertEqual(self.seen()[0], before)
        self.assertEqual(self.seen()[0], before)

    def test_who_takes_a_lower_position_and_commits_later_is_noticed(self):
        with self.registry.cursor() as slow:
            self.record(slow)
            with self.registry.cursor() as quick:
                self.record(quick)
            before, position = self.seen()
            self.assertEqual(self.seen()[0], before)
        after, same_position = self.seen()
        self.assertEqual(position, same_position)
        self.assertNotEqual(before, after)

    def test_each_of_several_late_ones_is_noticed(self):
        versions = []
        with self.registry.cursor() as first, self.registry.cursor() as second:
            self.record(first)
            self.record(second)
            with self.registry.cursor() as quick:
                self.record(quick)
            versions.append(self.seen()[0])
            second.commit()  # pylint: disable=invalid-commit
            versions.append(self.seen()[0])
            first.commit()  # pylint: disable=invalid-commit
            versions.append(self.seen()[0])
        self.assertEqual(len(set(versions)), 3)

    def test_on_a_replica_too(self):
        """There a snapshot does not list the transactions that are open."""
        blind = _LAST_EVENT.replace("pg_is_in_recovery()", "true").replace(
            "pg_current_snapshot()",
            "regexp_replace(pg_current_snapshot()::text, '[^:]*$', '')",
        )
        with patch.object(AnswerContext, "last_event", Fact(blind, is_in_tag=True)):
            self.test_who_takes_a_lower_position_and_commits_later_is_noticed()
            self.test_each_of_several_late_ones_is_noticed()

    def test_under_many_writers_equal_versions_mean_equal_events(self):
        done, seen = Event(), []

        def write_on():
            while not done.is_set():
                with self.registry.cursor() as cr:
                    self.record(cr)

        writers = [Thread(target=write_on) for __ in range(3)]
        for writer in writers:
            writer.start()
        try:
            # At least until the writers have committed a few times.
            while len(seen) < 60 or len({count for __, count in seen}) < 3:
                self.assertTrue(all(writer.is_alive() for writer in writers))
                with self.registry.cursor() as cr:
                    env = self.environment(cr)
                    held = AnswerContext.of(env).log_version
                    cr.execute("SELECT count(*) FROM cqrs_event")
                    seen.append((held, cr.fetchone()[0]))
        finally:
            done.set()
            for writer in writers:
                writer.join()
        counts = {}
        for held, count in seen:
            self.assertEqual(counts.setdefault(held, count), count)
        self.assertGreater(len(counts), 1)
