import json
from decimal import Decimal

import psycopg2

from odoo.tests import new_test_user, tagged
from odoo.tools import mute_logger

from ..models.api.cloudevents import cloud_event
from ..models.event_store.past_state import state_at
from ..models.event_store.reader import read_page
from ..models.maintenance.replay import replay
from ..models.maintenance.verify import verify
from ..models.metrics.groupings import GROUPINGS
from ..models.opportunities.filters import Filters
from ..models.projections.metrics_tables import AMOUNTS
from ..models.projections.opportunity_view import ORDERS
from ..models.support.exact_json import dumps
from .common import SalesOrganisation

#: A megabyte that no compression makes small
LONG = "".join(f"{number:06x} " for number in range(150_000))
LONG_TERMS = json.dumps({"en_US": LONG})
TEXTS = (None, "", LONG, "\x01\x7f\u200b\ufdfa'\"\\%s{}<b>\U0001f9ff")
NUMBERS = (None, "-0.001", "1e300", "NaN", "Infinity", "-Infinity")
TIMES = (
    *(None, "0001-01-01", "9999-12-31"),
    *("0044-03-15 BC", "10000-01-01", "infinity", "-infinity"),
)

#: Odd values that a column may hold, by its type
ODD = {
    "character varying": TEXTS,
    "text": TEXTS,
    "jsonb": (None, "{}", '{"en_US": ""}', LONG_TERMS),
    "numeric": (*NUMBERS, "12345678901234567890.12", "1e5000"),
    "double precision": (*NUMBERS, "33.333333333333336", "5e-324"),
    "date": TIMES,
    "timestamp without time zone": TIMES,
    "boolean": (None,),
    "integer": (None, 2**31 - 1, -(2**31)),
}

#: What of them Odoo cannot read
UNREADABLE = {"NaN", "Infinity", "-Infinity", "1e5000", *TIMES[3:]}

DATETIMES = {
    *("date_open", "date_closed", "date_conversion"),
    *("date_last_stage_update", "create_date"),
}


@tagged("post_install", "-at_install")
class TestOddValues(SalesOrganisation):
    """Whatever the types of the captured columns admit, loaded by SQL."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.viewer = new_test_user(
            cls.env, "cqrs_sees_all", "sales_team.group_sale_salesman_all_leads"
        )
        cls.env.cr.flush()
        events = cls.env["cqrs.event"]
        for model in events._captured():
            shown, __ = events._relations(model)
            for each in (cls.env[model], *shown.values()):
                cls.drop_constraints(each._table)

    @classmethod
    def drop_constraints(cls, table):
        """Have a table as an old database has it, which was made without them."""
        cls.env.cr.execute(
            """
            SELECT format('ALTER TABLE %%I ALTER %%I DROP NOT NULL', %(table)s, attname)
            FROM pg_attribute WHERE attrelid = %(table)s::regclass AND attnotnull
              AND attnum > 0 AND NOT attisdropped AND attname <> 'id'
            UNION ALL
            SELECT format('ALTER TABLE %%I DROP CONSTRAINT %%I', %(table)s, conname)
            FROM pg_constraint
            WHERE conrelid = %(table)s::regclass AND contype = 'c'
            """,
            {"table": table},
        )
        for (statement,) in cls.env.cr.fetchall():
            cls.env.cr.execute(statement)

    def test_every_captured_column(self):
        odd = self.new_records()
        self.env.cr.flush()
        before = self.sums()
        loaded = self.load(odd)
        refused = {each[3] for each in odd if each not in loaded}
        self.assertLessEqual(refused, {LONG, LONG_TERMS}, "nothing else is too long")
        self.check_values(loaded)
        self.end_epoch()
        self.env.invalidate_all()
        self.read_everything(loaded)
        self.write_through_odoo(loaded)
        findings = verify(self.env)
        self.assertEqual(
            [
                (each.kind, each.stream_model, each.stream_id, each.detail.split()[0])
                for each in findings
            ],
            [
                ("unreadable_value", record._name, record.id, path)
                for record, path, __, value in loaded
                if value in UNREADABLE
            ],
        )
        self.assertIn(
            "expected_revenue has the value NaN, which Odoo cannot read. The "
            "value is ignored until you correct it.",
            [each.detail for each in findings],
        )
        self.mend(loaded)
        self.assertEqual(self.sums(), before)
        self.assertEqual({each.drift for each in replay(self.env)}, {0})
        self.assertEqual(verify(self.env), [])

    def test_a_long_name_in_a_cursor(self):
        """The place of a page's end has to fit into an address."""
        for number in range(3):
            user, __ = self.person(f"long_{number}", self.manager_employee)
            user.partner_id.name = f"{LONG[:1000]}{number}"
        self.env.cr.flush()
        names, after = [], None
        while True:
            level = self.env["cqrs.reports"]._read_level(
                self.manager, self.manager, after, limit=1
            )
            names += [item["name"] for item in level["items"]]
            if not (after := level["next"]):
                break
            self.assertLessEqual(len(after.name), 200)
        self.assertEqual(len(set(names)), level["total"])
        self.assertEqual(level["total"], 4)

    # Each value has a record of its own.

    def new_records(self):
        """Return ``[(record, path, (table, id, column), value)]``."""
        odd = []
        for model in self.env["cqrs.event"]._captured():
            for path in self.env["cqrs.event"]._sources()[model].fields:
                fname, __, target = path.partition(".")
                for value in self.odd_values(model, fname, target):
                    record = self.new(model, path, len(odd))
                    held = record[fname] if target else record
                    place = held._table, held.id, target or fname
                    odd.append((record, path, place, value))
        return odd

    def odd_values(self, model, fname, target):
        field = self.env[model]._fields[fname]
        if target:
            field = self.env[field.comodel_name]._fields[target]
        if field.type == "many2many":
            return ()
        if field.type == "many2one":
            return (None,)
        return ODD[self.type_of(self.env[field.model_name]._table, field.name)]

    def type_of(self, table, column):
        self.env.cr.execute(
            "SELECT data_type FROM information_schema.columns"
            " WHERE table_name = %s AND column_name = %s",
            [table, column],
        )
        return self.env.cr.fetchone()[0]

    def new(self, model, path, number):
        name = f"odd {number}"
        if model == "crm.lead":
            partner = self.env["res.partner"].create({"name": name})
            company = self.env["res.company"]
            if path.startswith("company_id."):
                company = company.create({"name": name})
            return self.env[model].create(
                {
                    "name": name,
                    "type": "opportunity",
                    "user_id": False if company else self.seller.id,
                    "partner_id": partner.id,
                    "company_id": company.id,
                    "expected_revenue": 10,
                    "probability": 50,
                    "date_deadline": "2026-06-01",
                }
            )
        if model == "crm.team.member":
            team = self.env["crm.team"].create({"name": name})
            values = {"crm_team_id": team.id, "user_id": self.seller.id}
            return self.env[model].create(values)
        if model == "cqrs.api.v1.step":
            return self.env[model].create({"step": "on"})
        if model == "cqrs.forgetting":
            return self.env[model].create({"uuid": name, "reason": name})
        if model == "res.users":
            return new_test_user(self.env, name.replace(" ", "_"))
        if model == "res.partner":
            return self.env[model].create({"name": name, "is_company": True})
        if model == "hr.employee":
            return self.employee(name, self.manager_employee)
        return self.env[model].create({"name": name})

    def load(self, odd):
        """Load and record the values; return those that fit into Odoo's indexes."""
        loaded, failures = [], []
        for each in odd:
            record, path, place, value = each
            with mute_logger("odoo.sql_db"):
                try:
                    with self.env.cr.savepoint(flush=False):
                        self.set(place, value)
                except psycopg2.Error:
                    continue
                loaded.append(each)
                try:
                    with self.env.cr.savepoint(flush=False):
                        self.look(record, place)
                except psycopg2.Error as error:
                    failures.append((record, path, f"{value!s:.9}", f"{error}"))
        self.assertEqual(failures, [])
        return loaded

    def set(self, place, value):
        table, id_, column = place
        if self.type_of(table, column) in ("numeric", "double precision"):
            value = value and str(value)
        self.env.cr.execute(
            f"UPDATE {table} SET {column} = %s WHERE id = %s", [value, id_]
        )

    def look(self, record, place):
        ids = {record._name: record.ids}
        table, id_, __ = place
        if table == "res_partner":
            # A column of it is shown by another record.
            ids["res.partner"] = [id_]
        if record._name == "crm.lead":
            # Alone: other columns may have values that Odoo cannot read.
            record.fetch(["company_id"])
            ids["res.company"] = record.company_id.ids
        self.env["cqrs.event"]._record(ids, origin="reconcile")

    def sums(self):
        """Return what the viewer's metrics are, and what the tables' sums come to."""
        metrics = self.env["cqrs.metrics"]._read(self.viewer)
        for name in AMOUNTS:
            self.assertTrue(metrics[name].is_finite(), name)
        return {name: metrics[name] for name in (*AMOUNTS, "active_opportunities")}

    def check_values(self, loaded):
        """Of what Odoo cannot read, the read models have nothing, else what it is."""
        self.env.cr.execute(
            "SELECT id, value::text, probability, closing_date, closed_at, created_at,"
            " name, status, active FROM cqrs_opportunity_view"
        )
        rows = {row["id"]: row for row in self.env.cr.dictfetchall()}
        columns = {
            "expected_revenue": "value",
            "date_deadline": "closing_date",
            "date_closed": "closed_at",
            "create_date": "created_at",
        }
        checked = 0
        for record, path, __, value in loaded:
            column = columns.get(path, path)
            if record._name != "crm.lead" or column not in rows[self.any_lead(rows)]:
                continue
            if path == "type":
                self.assertNotIn(record.id, rows)
                continue
            found = rows[record.id][column]
            if value is None or value in UNREADABLE:
                expected = {"value": "0", "name": "", "status": "pending"}
                expected = expected.get(column, False if column == "active" else None)
                self.assertEqual(found, expected, (path, value))
            elif column == "value":
                self.assertEqual(Decimal(found), Decimal(value))
            elif column == "probability":
                self.assertEqual(found, float(value))
            elif path in columns:
                self.assertEqual(f"{found}"[:10], value)
            else:
                self.assertEqual(found, value)
            checked += 1
        self.assertGreater(checked, 30)

    def any_lead(self, rows):
        return next(iter(rows))

    def read_everything(self, loaded):
        """Nobody's answer breaks, and what is JSON is JSON for everybody."""
        dashboard = self.env["cqrs.dashboard"]
        opportunities = self.env["cqrs.opportunities"]
        total = opportunities._count(self.viewer)
        for sort in ORDERS:
            for descending in (True, False):
                ids, after = [], None
                while True:
                    page = opportunities._read_page(
                        self.viewer, sort, descending, after=after, limit=100
                    )
                    ids += page.ids
                    if not (after := page.next):
                        break
                with self.subTest(sort, descending=descending):
                    self.assertEqual((len(ids), len(set(ids))), (total, total))
        self.as_json(dashboard._opportunities(ids, self.viewer))
        found = opportunities._read_page(self.viewer, filters=Filters(text="odd"))
        self.assertTrue(found.ids)
        for user in (self.viewer, self.seller, self.manager):
            self.as_json(dashboard._read_dashboard(user))
            for by in GROUPINGS:
                self.as_json(self.env["cqrs.metrics"]._read(user, by))
            self.as_json(self.env["cqrs.metrics"]._read_series(user, compare="year"))
            self.as_json(
                self.env["cqrs.reports"]._read_level(user, user, has_metrics=True)
            )
        v1 = self.env["cqrs.api.v1"].with_user(self.viewer)
        self.as_json(v1._read_dashboard())
        self.as_json(v1._read_opportunities(total, 0))
        for event in read_page(self.env, limit=10**6).events:
            self.as_json(cloud_event(event, "urn:uuid:0"))
        for model in ("cqrs.opportunity.view", "cqrs.user.profile", "cqrs.user.access"):
            json.dumps(self.env[model].search_read([]), default=str)
        for record, path, __, value in loaded:
            state = self.as_json(state_at(self.env, record._name, record.id))
            if value in UNREADABLE:
                self.assertIn(path, state)
        history = self.env["cqrs.history"]
        for record, *__ in loaded:
            if record._name == "crm.lead":
                history.read_page(record._name, record.id)
        self.env["cqrs.dashboard.metrics"]._refresh_users(
            [self.viewer.id, self.seller.id]
        )

    def as_json(self, value):
        def refuse(constant):
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(dumps(value), parse_constant=refuse, parse_float=Decimal)

    def write_through_odoo(self, loaded):
        for record, path, __, value in loaded:
            field = {"crm.lead": "referred", "hr.employee": "work_email"}
            if record._name not in field or path == field[record._name]:
                continue
            if path in DATETIMES | {"date_deadline"} and value in UNREADABLE:
                continue
            record[field[record._name]] = "x"
            self.env.cr.flush()
            self.assertEqual(self.events(record)[-1][3], {field[record._name]: "x"})

    def mend(self, loaded):
        for record, path, place, value in loaded:
            if record._name == "crm.lead" and path in ("expected_revenue", "active"):
                self.set(place, {"expected_revenue": 10, "active": True}[path])
            elif value in UNREADABLE or path in ("probability", "won_status", "type"):
                normal = {"won_status": "pending", "type": "opportunity"}
                self.set(place, normal.get(path, 50 if path == "probability" else None))
            else:
                continue
            self.look(record, place)
