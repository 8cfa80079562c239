"""A small sales organisation, and what its events and readers say of it."""

import json
import os
import random
import re
import sys
import tempfile
import unittest
import uuid
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from unittest.mock import patch

import psycopg2

from odoo import SUPERUSER_ID, Command, api
from odoo.sql_db import connection_info_for
from odoo.tests import BaseCase, TransactionCase, new_test_user
from odoo.tools import SQL, config

from ..models.event_store.personal import whole
from ..models.event_store.source import DECLARED, declare
from ..models.event_store.upcast import UPCASTERS
from ..models.support.exact_json import dumps

ODOO = os.environ.get("CRM_CQRS_ODOO")
TEMPLATE = os.environ.get("CRM_CQRS_TEMPLATE_DB")
INSTALLED = os.environ.get("CRM_CQRS_INSTALLED_DB")
CAMPAIGNS = ("CRM_CQRS_HISTORIES", "CRM_CQRS_LIVES", "CRM_CQRS_CHANGES")


def seed_of_chance() -> int:
    """Return the seed of what a test does by chance: ``CRM_CQRS_SEED``.

    Without it a campaign, such as ``CRM_CQRS_HISTORIES=1000``, has another one each
    time. In a run of all tests it is always the same: what fails there has been broken.
    """
    given = os.environ.get("CRM_CQRS_SEED")
    if given:
        return int(given)
    is_campaign = any(name in os.environ for name in CAMPAIGNS)
    return random.randrange(1, 2**31) if is_campaign else 20261130


def administrator(env, *groups):
    """Return a new administrator, who may not read leads without further groups."""
    groups = ",".join(("base.group_system", *groups))
    return new_test_user(env, "cqrs_admin", groups=groups)


def visible_opportunities(env, user):
    """Return the rows of the opportunities that a user sees, as dicts."""
    access = env["cqrs.access"]
    condition = access._visible(access._viewers(user), SQL("view"))
    query = SQL("SELECT view.* FROM cqrs_opportunity_view view WHERE %s", condition)
    return env.execute_query_dict(query)


def other_company(env, currency=None):
    """Return a new company, with the currency of the one there is or another."""
    companies = env["res.company"]
    name = "cqrs other company"
    if others := companies.search_count([("name", "like", name)]):
        name += f" {others + 1}"  # no two have the same name
    currency = currency or env.company.currency_id
    return companies.create({"name": name, "currency_id": currency.id})


class RealCursors(TransactionCase):
    """Real cursors: a test commits its writes, and undoes them itself."""

    def environment(self, cr):
        """Return an environment of Odoo itself on a cursor."""
        return api.Environment(cr, SUPERUSER_ID, {"tracking_disable": True})

    @contextmanager
    def transaction(self):
        """Give an environment on a cursor of its own, committed as the block ends."""
        with self.registry.cursor() as cr:
            yield self.environment(cr)

    def rebuild(self):
        """Have a run write the read models anew, as the cron does."""
        with self.transaction() as env:
            run = env["cqrs.run"].create({"kind": "replay"})
            env.cr.commit()  # pylint: disable=invalid-commit
            run._perform()
            self.assertEqual(run.state, "done")
            run.unlink()


PEOPLE = ("head", "manager", "seller", "other_manager", "peer")


class SalesOrganisation(TransactionCase):
    """M manages S and is managed by the head; P works under another manager."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # Each new person would be invited by a mail, which takes as long as the rest.
        context = {"tracking_disable": True, "no_reset_password": True}
        cls.env = cls.env(context={**cls.env.context, **context})
        cls.stage_new = cls.env["crm.stage"].create({"name": "New", "sequence": -100})
        cls.stage_won = cls.env["crm.stage"].create({"name": "Won", "is_won": True})
        # One call of each kind: five of each take three times as long.
        users = cls.env["res.users"].create([cls.user_values(name) for name in PEOPLE])
        employees = cls.env["hr.employee"].create(
            [
                cls.employee_values(name, user=user)
                for name, user in zip(PEOPLE, users, strict=True)
            ]
        )
        cls.head, cls.manager, cls.seller, cls.other_manager, cls.peer = users
        cls.head_employee, cls.manager_employee, cls.seller_employee = employees[:3]
        cls.other_manager_employee, cls.peer_employee = employees[3:]
        cls.manager_employee.parent_id = cls.head_employee
        cls.seller_employee.parent_id = cls.manager_employee
        cls.peer_employee.parent_id = cls.other_manager_employee
        cls.env.cr.flush()

    @classmethod
    def person(cls, name, parent=None, company=None):
        """Return a new salesperson and the employee, under a parent employee."""
        user = cls.env["res.users"].create(cls.user_values(name, company))
        return user, cls.employee(name, parent, user)

    @classmethod
    def user_values(cls, name, company=None):
        """Return the values of a salesperson, whose password is the login."""
        company = company or cls.env.company
        login = f"cqrs_{name}"
        return {
            "login": login,
            "password": login,
            "name": name.replace("_", " ").title(),
            "email": "c.c@example.com",
            "group_ids": [
                Command.set(cls.env.ref("sales_team.group_sale_salesman").ids)
            ],
            "company_id": company.id,
            "company_ids": [Command.set(company.ids)],
        }

    @classmethod
    def employee(cls, name, parent=None, user=None, company=None):
        values = cls.employee_values(name, parent, user, company)
        return cls.env["hr.employee"].create(values)

    @classmethod
    def employee_values(cls, name, parent=None, user=None, company=None):
        return {
            "name": name.title(),
            "user_id": user.id if user else False,
            "parent_id": parent.id if parent else False,
            "company_id": (company or (user or cls.env).company_id).id
            if user or company
            else cls.env.company.id,
        }

    @classmethod
    def opportunity(cls, user, revenue=100_000, **values):
        lead = cls.env["crm.lead"].create(
            {
                "name": "Deal",
                "type": "opportunity",
                "user_id": user.id if user else False,
                "expected_revenue": revenue,
                "stage_id": cls.stage_new.id,
                **values,
            }
        )
        cls.env.cr.flush()
        return lead

    @classmethod
    def named_opportunities(cls):
        """Give the manager and the seller two deals each, and the seller one won."""
        for user, name in ((cls.manager, "Manager deal"), (cls.seller, "Seller deal")):
            for number in (1, 2):
                cls.opportunity(user, name=f"{name} {number}")
        cls.opportunity(cls.seller, 12_345.67, stage_id=cls.stage_won.id)

    def events(self, record):
        """Return ``(version, type, before, after)`` of each event of a record."""
        self.env.cr.flush()
        self.env.cr.execute(
            SQL(
                "SELECT version, type, %s, %s FROM cqrs_event event"
                " WHERE stream_model = %s AND stream_id = %s ORDER BY version",
                whole("before"),
                whole("after"),
                record._name,
                record.id,
            )
        )
        return self.env.cr.fetchall()

    def end_epoch(self):
        """Let readers of the log see what this transaction has recorded.

        Of the current epoch they see what has been committed, of former ones all.
        """
        self.env.cr.flush()
        self.env.cr.execute(
            "INSERT INTO cqrs_epoch (epoch) SELECT max(epoch) + 1 FROM cqrs_epoch"
            " RETURNING epoch"
        )
        self.env["cqrs.event"]._number_events_by(*self.env.cr.fetchone())

    def dashboard(self, user):
        self.env.cr.flush()
        return as_json(self.env["cqrs.dashboard"].with_user(user)._read_dashboard())

    def uuid(self, user):
        """Return the id by which outside systems know a user."""
        self.env.cr.flush()
        self.env.cr.execute(
            "SELECT uuid FROM cqrs_user_profile WHERE id = %s", [user.id]
        )
        return self.env.cr.fetchone()[0]

    def visible(self, user):
        """Return the ids of the opportunities of this test that a user sees."""
        self.env.cr.flush()
        return {row["id"] for row in visible_opportunities(self.env, user)}

    def visible_to(self, deal):
        """Return the ``visible_to_user_ids`` of an opportunity."""
        self.env.cr.flush()
        items = self.env["cqrs.dashboard"]._opportunities(
            deal.ids, self.env.user, ("visible_to_user_ids",)
        )
        [item] = as_json(items)
        return item["visible_to_user_ids"]


def as_json(value):
    """Return a value as whoever asks the API gets it."""
    return json.loads(dumps(value), parse_float=Decimal)


@contextmanager
def without_triggers(cr):
    """Do what the owner of the database can: within the block no trigger fires."""
    cr.execute("SET LOCAL session_replication_role = replica")
    yield
    cr.execute("SET LOCAL session_replication_role = origin")


def backdate(env, time):
    """Let what this transaction has recorded so far have occurred at a time."""
    env.cr.flush()
    with without_triggers(env.cr):
        env.cr.execute(
            "UPDATE cqrs_event SET occurred_at = %s WHERE occurred_at = now()", [time]
        )


def money(text):
    return Decimal(text)


@unittest.skipUnless(ODOO and TEMPLATE, "needs ./dev test, which provides a template")
class OwnDatabase(BaseCase):
    """On a database of its own, full of Odoo's demo data, in processes of its own.

    :cvar template: what it is a copy of; the addon is not installed in ``TEMPLATE``,
        and it is in ``INSTALLED``
    """

    template = TEMPLATE

    @staticmethod
    @cache
    def forks():
        """Return what runs Odoo's commands, one for all tests of this process."""
        from ..devtools.odoo_forks import Forks

        loaded = (re.fullmatch(r"odoo\.addons\.(\w+)", name) for name in sys.modules)
        return Forks([each[1] for each in loaded if each and each[1] != "crm_cqrs"])

    def setUp(self):
        super().setUp()
        # Not at the top: what an installed addon needs is not what it is tested with.
        from ..devtools.databases import database

        # So named, it is gone with the run even where the run is killed.
        self.db = f"{INSTALLED}_{uuid.uuid4().hex[:8]}"
        database.create_from(os.environ, self.template, self.db)
        self.addCleanup(database.drop, os.environ, self.db)

    def configuration(self, **options):
        """Return the path of a configuration file that has these options, too."""
        folder = self.enterContext(tempfile.TemporaryDirectory())
        text = Path(os.environ.get("ODOO_RC") or config["config"]).read_text()
        added = "".join(f"\n{name} = {value}" for name, value in options.items())
        path = Path(folder) / "odoo.conf"
        path.write_text(f"{text}{added}\n")
        return path

    def query(self, statement):
        connection = psycopg2.connect(**connection_info_for(self.db)[1])
        with connection, connection.cursor() as cr:
            cr.execute(statement)
            rows = cr.fetchall()
        connection.close()
        return rows

    def odoo(self, *arguments, script=None, status=0):
        """Run Odoo on the database; return the process, which ended with ``status``."""
        done = self.forks().run(
            [*arguments, "-d", self.db, "--no-http", "--log-level=warn"], script
        )
        self.assertEqual(done.returncode, status, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        return done


@contextmanager
def schema_raised(env, model, *upcasters):
    """Within the block, a captured model is one schema version on for each upcaster.

    For tests of what an old event comes to, ours and those of other addons::

        with schema_raised(self.env, "crm.lead", from_1_to_2, from_2_to_3):
            state_at(self.env, "crm.lead", lead.id, version=1)
    """
    __, source = env["cqrs.event"]._declared_sources()[model]
    start = source.schema_version
    registered = {
        (model, start + number): function for number, function in enumerate(upcasters)
    }
    raised = replace(source, schema_version=start + len(upcasters))
    with patch.dict(UPCASTERS, registered), sources_declared(env):
        declare(raised)
        yield


@contextmanager
def sources_declared(env, *sources):
    """Within the block, further sources are declared, by this addon."""
    declared = {model: dict(by_addon) for model, by_addon in DECLARED.items()}
    with patch.dict(DECLARED, declared):
        for source in sources:
            declare(source)
        env.registry.clear_cache("stable")
        env["cqrs.source"]._sync(is_built=True)
        try:
            yield
        finally:
            env.registry.clear_cache("stable")
