"""The past of opportunities before the installation, from what Odoo has tracked."""

import json
import os
from collections import defaultdict
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from unittest.mock import patch

from odoo.tests import TransactionCase, tagged
from odoo.tools import SQL

from ..models.projections import prehistory
from .common import OwnDatabase, RealCursors, seed_of_chance

#: Work in a database without the addon, in many transactions. It prints what each lead
#: was from each of them on, as the rows of Odoo say: an oracle that knows no tracking.
LIFE = """
import json
import random

rng = random.Random(SEED)
ids, last, lives, at = [], {}, [], {}


def commit(name=None):
    at[name] = env.cr.now().isoformat(timespec="microseconds")
    env.cr.commit()
    env.cr.execute(
        "SELECT id, user_id, team_id, stage_id, type, active, expected_revenue::text,"
        " won_status FROM crm_lead WHERE id = ANY(%s) ORDER BY id", [ids])
    for id_, *values in env.cr.fetchall():
        if last.get(id_) != values:
            lives.append([id_, at[name], *values])
            last[id_] = values
    env.cr.rollback()
    env.invalidate_all()


languages = env["res.lang"].with_context(active_test=False).search(
    [("code", "in", ["fr_FR", "ar_001"])])
env["base.language.install"].create(
    {"lang_ids": [(6, 0, languages.ids)]}).lang_install()
users = [
    env["res.users"].with_context(no_reset_password=True).create({
        "name": f"Life {code}", "login": f"life_{code}", "lang": code,
        "group_ids": [(4, env.ref("sales_team.group_sale_manager").id)]})
    for code in ("en_US", "fr_FR", "ar_001")
]
# Two labels of this language are one.
for name in ("won", "lost"):
    selection = env["ir.model.fields.selection"].search([
        ("field_id", "=", env.ref("crm.field_crm_lead__won_status").id),
        ("value", "=", name)])
    selection.with_context(lang="ar_001").name = "closed"
teams = env["crm.team"].create([{"name": "Life 1"}, {"name": "Life 2"}])
stages = env["crm.stage"].create([
    {"name": "Life A", "sequence": 1}, {"name": "Life B", "sequence": 2},
    {"name": "Life gone", "sequence": 3}, {"name": "Life won", "is_won": True}])
reason = env["crm.lost.reason"].search([], limit=1)
env.cr.commit()


def leads(user):
    return env["crm.lead"].with_user(user).with_context(lang=user.lang)


def new(user=users[0], **values):
    lead = leads(user).create({
        "name": "Life", "type": "opportunity", "user_id": users[0].id,
        "team_id": teams[0].id, "stage_id": stages[0].id, "expected_revenue": 100,
        **values})
    ids.append(lead.id)
    return lead


def anybody():
    return rng.choice([False, *[user.id for user in users]])


def amount():
    return rng.randrange(10 ** rng.randrange(1, 14)) / 100


def change(lead):
    what = rng.randrange(9)
    if what == 0:
        lead.user_id = anybody()
    elif what == 1:
        lead.team_id = rng.choice([False, *teams.ids])
    elif what == 2:
        lead.stage_id = rng.choice(stages.ids)
    elif what == 3:
        lead.expected_revenue = amount()
    elif what == 4 and not lead.stage_id.is_won:
        lead.action_set_lost(lost_reason_id=reason.id)
    elif what == 5:
        lead.action_set_won()
    elif what == 6:
        lead.action_unarchive()
    elif what == 7 and lead.type == "lead":
        lead.convert_opportunity(lead.partner_id)
    elif what == 8:
        lead.write({"expected_revenue": amount(), "stage_id": rng.choice(stages.ids)})


for __ in range(8):
    for __ in range(rng.randrange(1, 3)):
        new(rng.choice(users[:2]), type=rng.choice(["lead", "opportunity"]),
            user_id=anybody(), stage_id=rng.choice(stages[:2].ids),
            expected_revenue=amount())
    commit()
for __ in range(CHANGES):
    for __ in range(rng.randrange(1, 4)):
        lead = leads(rng.choice(users[:2])).browse(rng.choice(ids))
        change(lead)
        if not rng.randrange(4):
            # It flushes, so that one transaction tracks a field twice.
            with env.cr.savepoint():
                change(lead)
    commit()
tracked = list(ids)

special = {}
deal, other = new(), new(expected_revenue=7)
commit()
other.write({"expected_revenue": 70, "user_id": users[1].id})
commit()
deal.stage_id = stages[1]
commit()
special["merged"] = (deal + other).merge_opportunity().id
special["gone"] = ({deal.id, other.id} - {special["merged"]}).pop()
commit("merge")
env["crm.lead"].browse(special["merged"]).expected_revenue = 500
commit()

deal = new()
special["imported"] = deal.id
commit()
deal.write({"user_id": users[1].id, "expected_revenue": 50})
commit("tracked")
deal.with_context(tracking_disable=True).user_id = users[2]
commit()
deal.user_id = users[0]
commit("after the import")
deal.with_context(tracking_disable=True).expected_revenue = 123
commit()

deal = new(users[2])
special["ambiguous"] = deal.id
commit()
deal.action_set_won()
commit("ambiguous")
deal.with_context(lang="en_US").stage_id = stages[0]
commit()

# Known by their dates alone; what is a transaction here was days ago.
special["won"] = new(user_id=users[1].id).id
special["converted"] = new().id
special["assigned"] = new().id
commit()
won = env["crm.lead"].browse(special["won"])
won.with_context(tracking_disable=True).action_set_won()
env.flush_all()
env.cr.execute('''
    UPDATE crm_lead SET create_date = '2026-01-01', date_open = '2026-01-01',
           date_last_stage_update = '2026-01-01', date_closed = NULL WHERE id = ANY(%s);
    UPDATE crm_lead SET date_closed = '2026-02-02 12:00:00' WHERE id = %s;
    UPDATE crm_lead SET date_conversion = '2026-02-03 12:00:00' WHERE id = %s;
    UPDATE crm_lead SET date_open = '2026-02-04 12:00:00' WHERE id = %s
''', [[special["won"], special["converted"], special["assigned"]], special["won"],
      special["converted"], special["assigned"]])
env.cr.commit()

users[1].active = False
held = env["crm.lead"].with_context(active_test=False).search(
    [("stage_id", "=", stages[2].id)])
held.stage_id = stages[0]
commit()
stages[2].unlink()
env.cr.commit()
print("life", json.dumps({
    "lives": lives, "tracked": tracked, "special": special, "at": at,
    "users": [user.id for user in users], "gone_stage": stages[2].id}))
"""

#: After the installation: one of the leads changes, one is deleted
CHANGE = """
env["crm.lead"].browse(CHANGED).user_id = False
env["crm.lead"].browse(DELETED).unlink()
env.cr.commit()
"""


def times(text):
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


@tagged("post_install", "-at_install")
class TestThePastBeforeTheInstallation(OwnDatabase):
    def live(self):
        """Let a database without the addon be worked in, and install the addon."""
        seed = str(seed_of_chance())
        self.enterContext(self.subTest(CRM_CQRS_SEED=seed))
        changes = os.environ.get("CRM_CQRS_CHANGES", "40")
        script = f"SEED = {seed}\nCHANGES = {changes}\n{LIFE}"
        lines = self.odoo("shell", script=script).stdout.splitlines()
        [line] = [line for line in lines if line.startswith("life ")]
        told = json.loads(line.removeprefix("life "))
        self.lives = defaultdict(list)
        for id_, at, user, team, stage, type_, active, value, status in told["lives"]:
            self.lives[id_].append(
                (times(at), user, team, stage, type_, active, Decimal(value), status)
            )
        self.at = {name: times(at) for name, at in told["at"].items()}
        self.special, self.users = told["special"], told["users"]
        self.tracked, self.gone_stage = told["tracked"], told["gone_stage"]
        self.odoo("-i", "crm_cqrs", "--stop-after-init")

    def rows(self, table="cqrs_prehistory"):
        """Return all rows of the past before the installation."""
        return self.query(
            f"""
            SELECT opportunity_id, version, since, until, user_id, team_id, company_id,
                   currency_id, stage_id, status, value::text, closed_at, type, active,
                   is_cut
            FROM {table} WHERE version <= 0 ORDER BY opportunity_id, version
            """
        )

    def of(self, id_):
        """Return ``(the spans of a lead, whether each is cut)``."""
        rows = [row for row in self.rows() if row[0] == id_]
        for row, following in pairwise(rows):
            self.assertEqual(row[3], following[2], "a gap between rows")
            self.assertTrue(row[14] or row[4:14] != following[4:14], (row, following))
        # Reopened and closed in one transaction: a new time of closing, no new state.
        closed_anew = {
            following[1]
            for row, following in pairwise(rows)
            if row[4:11] + row[12:15] == following[4:11] + following[12:14] + (False,)
        }
        rows = [row for row in rows if row[1] not in closed_anew]
        return [
            (row[2], row[4], row[5], row[8], row[12], row[13], Decimal(row[10]), row[9])
            for row in rows
        ], [row[14] for row in rows]

    def command(self, *arguments):
        return json.loads(self.odoo("cqrs", "prehistory", "--json", *arguments).stdout)

    maxDiff = None

    def test_it_is_what_live_capture_would_have_made(self):
        self.live()
        with self.subTest("tracked work"):
            stages = set()
            for id_ in self.tracked:
                spans, cuts = self.of(id_)
                self.assertEqual(spans, self.lives[id_])
                self.assertEqual(cuts, [False] * len(spans))
                stages |= {span[3] for span in spans}
            self.assertIn(self.gone_stage, stages)

        with self.subTest("a merge"):
            spans, cuts = self.of(self.special["merged"])
            own = self.lives[self.special["merged"]]
            self.assertEqual(
                [s for s in spans if s[0] != self.at["merge"]],
                [s for s in own if s[0] != self.at["merge"]],
            )
            self.assertEqual(
                [s[0] for s, cut in zip(spans[1:], cuts, strict=False) if cut],
                [self.at["merge"]],
            )
            self.assertEqual(self.of(self.special["gone"]), ([], []))

        with self.subTest("an import"):
            spans, cuts = self.of(self.special["imported"])
            owner, other, __ = self.users
            self.assertEqual(
                [
                    (span[0], span[1], cut)
                    for span, cut in zip(spans, cuts, strict=True)
                ],
                [
                    (self.lives[self.special["imported"]][0][0], owner, False),
                    (self.at["tracked"], other, True),
                    # Its value was changed by an import, too.
                    (self.at["after the import"], owner, True),
                ],
            )

        with self.subTest("a label that means two"):
            spans, cuts = self.of(self.special["ambiguous"])
            self.assertEqual(spans, self.lives[self.special["ambiguous"]])
            self.assertEqual(cuts, [False, True, False])

        with self.subTest("dates alone"):
            day = datetime(2026, 1, 1, tzinfo=timezone.utc)
            noon = datetime(2026, 2, 2, 12, tzinfo=timezone.utc)
            spans, cuts = self.of(self.special["won"])
            self.assertEqual(
                [(s[0], s[7]) for s in spans], [(day, "pending"), (noon, "won")]
            )
            self.assertEqual(cuts, [True, False])
            spans, cuts = self.of(self.special["converted"])
            noon += timedelta(days=1)
            self.assertEqual(
                [(s[0], s[4]) for s in spans], [(day, "lead"), (noon, "opportunity")]
            )
            self.assertEqual(cuts, [True, False])
            spans, cuts = self.of(self.special["assigned"])
            noon += timedelta(days=1)
            self.assertEqual([s[0] for s in spans], [day, noon])
            self.assertEqual(cuts, [True, False])

        with self.subTest("spans have it, and a replay finds them right"):
            made = self.rows()
            self.assertEqual(self.rows("cqrs_opportunity_span"), made)
            self.assertIn("findings: -\n", self.odoo("cqrs", "verify").stdout)
            found = self.query(
                """
                SELECT opportunity_id, stretch_since, until FROM cqrs_opportunity_span
                WHERE version <= 0 AND stretch_since IS NOT NULL
                ORDER BY opportunity_id, version
                """
            )
            # All but the stage (8), and whether the past is cut, lasts in a stretch.
            expected, former = [], None
            for row in made:
                lasting = row[:1] + row[4:8] + row[9:14]
                since = expected.pop()[1] if lasting == former else row[2]
                expected.append((row[0], since, row[3]))
                former = lasting
            self.assertEqual(found, expected)
            self.assertLess(len(found), len(made))

        with self.subTest("it can be made again, and taken away"):
            script = CHANGE.replace("CHANGED", str(self.tracked[0]))
            script = script.replace("DELETED", str(self.tracked[1]))
            self.odoo("shell", script=script)
            deleted = [row for row in made if row[0] == self.tracked[1]]
            self.assertEqual(self.command(), {"spans": len(made) - len(deleted)})
            self.assertEqual(self.rows(), made)
            self.assertEqual(self.rows("cqrs_opportunity_span"), made)
            self.assertEqual(self.command("--remove"), {"removed": len(made)})
            self.assertEqual(self.rows(), [])
            self.assertEqual(self.rows("cqrs_opportunity_span"), [])
            self.command()
            kept = [row for row in made if row[0] != self.tracked[1]]
            self.assertEqual(self.rows(), kept)
            self.assertEqual(self.rows("cqrs_opportunity_span"), kept)


@tagged("post_install", "-at_install")
class TestPrehistory(TransactionCase):
    def test_it_holds_no_names(self):
        self.env.cr.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_name = 'cqrs_prehistory'"
            " AND data_type NOT IN ('integer', 'numeric', 'boolean',"
            " 'timestamp with time zone', 'timestamp without time zone')"
        )
        texts = {name for (name,) in self.env.cr.fetchall()}
        self.assertEqual(texts, {"status", "type"})
        self.env.cr.execute("SELECT DISTINCT status, type FROM cqrs_prehistory")
        found = {text for row in self.env.cr.fetchall() for text in row}
        self.assertLessEqual(found, {"pending", "won", "lost", "lead", "opportunity"})

    def test_an_error_in_it_stops_no_first_build(self):
        self.env.cr.execute(
            "ALTER TABLE cqrs_prehistory RENAME COLUMN value TO worth;"
            " INSERT INTO crm_lead (name, type, active, create_date)"
            " VALUES ('Old', 'lead', true, '2020-01-01') RETURNING id"
        )
        [(id_,)] = self.env.cr.fetchall()
        with self.assertLogs("odoo.addons.crm_cqrs", "ERROR") as said:
            events = self.env["cqrs.event"]._record_batch("crm.lead", [id_])
        self.assertEqual(events, 1)
        self.assertIn("odoo-bin cqrs prehistory", said.output[0])


@tagged("post_install", "-at_install")
class TestPrehistoryGoesOn(RealCursors):
    def rows(self):
        with self.transaction() as env:
            return env.execute_query(
                SQL("SELECT * FROM cqrs_prehistory ORDER BY opportunity_id, version")
            )

    def test_it_goes_on_where_it_was_stopped(self):
        before = self.rows()
        self.assertTrue(before)
        told = []

        def stop(done, step):
            told.append(step)
            raise KeyboardInterrupt

        with patch.object(prehistory, "BATCH_SIZE", 20), self.transaction() as env:
            with self.assertRaises(KeyboardInterrupt):
                env["cqrs.prehistory"]._remake(stop)
            all_leads = env["crm.lead"].with_context(active_test=False).search_count([])
            made = env["cqrs.prehistory"]._remake(lambda done, step: told.append(step))
        self.assertEqual(told[0], f"crm.lead, 20 of {all_leads}")
        self.assertTrue(told[-1].endswith(f" of {all_leads - 20}"), told)
        self.assertLess(made, len(before))
        self.assertEqual(self.rows(), before)
        with self.transaction() as env:
            env.cr.execute("SELECT FROM cqrs_prehistory_remaking")
            self.assertEqual(env.cr.rowcount, 0)
