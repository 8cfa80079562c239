"""A process keeps currencies and rates for as long as nothing of them changes."""

from contextlib import closing

from freezegun import freeze_time

from odoo.sql_db import db_connect
from odoo.tests import tagged

from ..models.access.answer_context import AnswerContext
from ..models.currencies.currencies import currencies, own_currency
from ..models.currencies.rates import rates_into
from ..models.maintenance.verify import verify
from .common import SalesOrganisation, other_company

TABLES = ("res_currency", "res_currency_rate", "res_company")


@tagged("post_install", "-at_install")
class TestCurrenciesAreKeptBetweenReaders(SalesOrganisation):
    def setUp(self):
        super().setUp()
        self.currency = self.env["res.currency"].create({"name": "CQX", "symbol": "x"})
        self.rate = self.env["res.currency.rate"].create(
            {
                "currency_id": self.currency.id,
                "rate": 2,
                "name": "2020-01-01",
                "company_id": False,
            }
        )

    def context(self, user=None):
        return AnswerContext.of(self.env, user or self.seller)

    def known(self, user=None):
        known = currencies(self.context(user))
        return {each.id: each for each in known}[self.currency.id]

    def known_rate(self, user=None):
        """Return how many of them one of the company's currency is."""
        own = self.env.company.currency_id
        return rates_into(self.currency, {own.id}, self.context(user))[own.id][1]

    def version(self, user=None):
        return self.context(user).currencies_version

    def execute(self, statement, *values):
        self.env.flush_all()
        self.env.cr.execute(statement, values)
        self.env.invalidate_all()

    def test_until_something_changes(self):
        self.assertEqual(self.known_rate(), 2)
        for table in TABLES:
            self.execute(f"ALTER TABLE {table} DISABLE TRIGGER cqrs_leave_token")
        # As nothing does that says so: who reads it again sees it.
        self.execute(
            "UPDATE res_currency_rate SET rate = 7 WHERE id = %s", self.rate.id
        )
        self.assertEqual(self.known_rate(), 2)
        self.assertEqual(self.known_rate(self.manager), 2)
        for table in TABLES:
            self.execute(f"ALTER TABLE {table} ENABLE TRIGGER cqrs_leave_token")
        self.currency.symbol = "y"
        self.assertEqual(self.known_rate(), 7)

    def test_by_whom_and_however_it_is_changed(self):
        company = other_company(self.env)
        for statement, value in (
            ("UPDATE res_currency_rate SET rate = 3 WHERE id = %s", self.rate.id),
            (
                """
                INSERT INTO res_currency_rate (currency_id, name, rate)
                VALUES (%s, '2020-02-01', 4)
                """,
                self.currency.id,
            ),
            ("DELETE FROM res_currency_rate WHERE id = %s", self.rate.id),
            ("UPDATE res_currency SET rounding = 1 WHERE id = %s", self.currency.id),
            ("UPDATE res_company SET currency_id = %s", self.currency.id),
            ("UPDATE res_users SET company_id = %s", company.id),
            ("TRUNCATE res_currency_rate", None),
        ):
            with self.subTest(statement):
                before = self.version()
                self.execute(statement, *([value] if value else []))
                self.assertNotEqual(self.version(), before)

    def test_what_is_written_by_odoo_shows_at_once(self):
        self.assertEqual(self.known_rate(), 2)
        self.rate.rate = 3
        self.assertEqual(self.known_rate(), 3)
        self.currency.rounding = 1
        self.assertEqual(self.known().decimal_places, 0)
        self.rate.unlink()
        self.assertEqual(self.known_rate(), 1)
        self.currency.active = False
        with self.assertRaises(KeyError):
            self.known()

    def test_the_rate_of_another_day(self):
        self.rate.copy({"name": "2026-06-02", "rate": 6})
        with freeze_time("2026-06-01 12:00:00"):
            self.assertEqual(self.known_rate(), 2)
        with freeze_time("2026-06-02 12:00:00"):
            self.assertEqual(self.known_rate(), 6)

    def test_each_company_has_its_own(self):
        company = other_company(self.env, self.currency)
        stranger, __ = self.person("stranger", company=company)
        self.assertEqual(own_currency(self.context(stranger)).id, self.currency.id)
        self.assertEqual(
            own_currency(self.context()).id, self.env.company.currency_id.id
        )
        stranger.write({"company_ids": [(4, self.env.company.id)]})
        stranger.company_id = self.env.company
        self.assertEqual(
            own_currency(self.context(stranger)).id, self.env.company.currency_id.id
        )

    def test_what_was_rolled_back_is_not_taken_for_what_came_after(self):
        with self.env.cr.savepoint() as savepoint:
            self.rate.rate = 9
            self.assertEqual(self.known_rate(), 9)
            savepoint.rollback()
        self.env.invalidate_all(flush=False)
        self.assertEqual(self.known_rate(), 2)
        self.rate.rate = 5
        self.assertEqual(self.known_rate(), 5)

    def test_the_version_outlives_the_cleaning_up(self):
        self.rate.rate = 3
        version = self.version()
        self.env["res.currency"]._gc_cqrs_tokens()
        self.env.cr.execute("SELECT count(*) FROM cqrs_currencies")
        self.assertEqual(self.env.cr.fetchone(), (1,))
        self.assertEqual(self.version(), version)

    def test_two_who_change_some_at_once_do_not_meet(self):
        insert = """
            INSERT INTO res_currency_rate (currency_id, name, rate)
            SELECT id, '1970-01-02', 1 FROM res_currency ORDER BY id LIMIT 1 OFFSET %s
        """
        database = db_connect(self.env.cr.dbname)
        with closing(database.cursor()) as one, closing(database.cursor()) as other:
            other.execute("SET LOCAL lock_timeout = '10s'")
            one.execute(insert, [0])
            other.execute(insert, [1])
            for cr in (one, other):
                cr.execute(
                    "SELECT count(*) FROM cqrs_currencies WHERE xmin::text ="
                    " pg_current_xact_id()::text"
                )
                self.assertEqual(cr.fetchone(), (1,))
                cr.rollback()

    def test_who_may_write_rates_need_not_be_allowed_more(self):
        role = f"cqrs_loader_{self.env.cr.dbname}"
        before = self.version()
        self.execute(f'CREATE ROLE "{role}"')
        self.execute(f'GRANT SELECT, UPDATE ON res_currency_rate TO "{role}"')
        self.execute(f'SET LOCAL ROLE "{role}"')
        self.env.cr.execute(
            "UPDATE res_currency_rate SET rate = 3 WHERE id = %s", [self.rate.id]
        )
        self.env.cr.execute("RESET ROLE")
        self.assertNotEqual(self.version(), before)

    def test_an_update_keeps_nobody_from_writing(self):
        self.env["res.currency"].init()
        self.env.cr.execute(
            """
            SELECT DISTINCT relation::regclass::text FROM pg_locks
            WHERE pid = pg_backend_pid() AND relation = ANY(%s::regclass[])
              AND mode IN ('ShareRowExclusiveLock', 'AccessExclusiveLock')
            """,
            [list(TABLES)],
        )
        self.assertEqual(self.env.cr.fetchall(), [])

    def test_a_trigger_that_does_not_hold_is_told_of_and_put_back(self):
        logger = "odoo.addons.crm_cqrs.models.currencies.currencies"
        currency = self.env["res.currency"]
        with self.assertNoLogs(logger, "WARNING"):
            currency._register_hook()
        for statement in (
            "ALTER TABLE res_currency_rate DISABLE TRIGGER cqrs_leave_token",
            "DROP TRIGGER cqrs_leave_token ON res_currency_rate",
            """
            DROP TRIGGER cqrs_leave_token ON res_currency_rate;
            CREATE TRIGGER cqrs_leave_token AFTER INSERT ON res_currency_rate
                FOR EACH STATEMENT EXECUTE FUNCTION cqrs_leave_currency_token()
            """,
        ):
            with self.subTest(statement):
                before = self.version()
                self.execute(statement)
                with self.assertLogs(logger, "WARNING") as logs:
                    currency._register_hook()
                [said] = logs.output
                self.assertIn("cqrs_leave_token of res_currency_rate is missing", said)
                [finding] = verify(self.env)
                self.assertEqual(finding.kind, "missing_trigger")
                self.assertIn("res_currency_rate.cqrs_leave_token", finding.detail)
                currency.init()
                # What has changed meanwhile is not known.
                self.assertNotEqual(self.version(), before)
                with self.assertNoLogs(logger, "WARNING"):
                    currency._register_hook()
