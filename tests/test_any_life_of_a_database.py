"""Random lives of a database: writes, schemas, erasures, retention, restored dumps.

Whatever happened, a replay equals the live tables, ``verify`` finds nothing, and
nothing that was forgotten is left. A failure prints the seed: ``CRM_CQRS_SEED=… ./dev
test -k any_life``; ``CRM_CQRS_LIVES=20`` tries more.
"""

import json
import os
import tempfile
from pathlib import Path

from odoo.tests import tagged

from .common import INSTALLED, OwnDatabase, seed_of_chance

LIVES = int(os.environ.get("CRM_CQRS_LIVES", "1"))
SEED = seed_of_chance()
#: Steps before the dump is made, between it and its restore, and after that
STEPS = 14

#: Steps of a life, as methods of ``Life``; each commits
LIFE = """
import json, random
from odoo import api, SUPERUSER_ID
from odoo.addons.crm_cqrs.models.maintenance.replay import replay
from odoo.addons.crm_cqrs.models.maintenance.verify import verify
from odoo.addons.crm_cqrs.models.privacy.finder import find
from odoo.addons.crm_cqrs.models.privacy.forget import forget
from odoo.addons.crm_cqrs.models.privacy.retention import _forget_batch
from odoo.addons.crm_cqrs.models.privacy.subject import Subject

class Life:
    def __init__(self, env, seed):
        self.env, self.random, self.done = env, random.Random(seed), []
        #: A value planted on a lead, by the id of the lead; those of forgotten ones
        self.words, self.forgotten = {}, []

    def live(self, steps):
        names = [name for name in dir(Life) if name.startswith("step_")]
        # Each once, the others by chance.
        names = self.random.sample(names, len(names)) + self.random.choices(
            names, k=max(steps - len(names), 0))
        for name in names[:steps] if steps < len(names) else names:
            if getattr(self, name)() is not False:
                self.done.append(name.removeprefix("step_"))
            self.env.cr.commit()

    def leads(self):
        return self.env["crm.lead"].with_context(active_test=False).search(
            [("id", "in", list(self.words))], order="id")

    def lead(self):
        # Those that there were may all have been deleted.
        if not self.leads():
            self.step_create()
        return self.random.choice(self.leads())

    def word(self):
        return "planted%016x" % self.random.getrandbits(64)

    def field(self):
        return self.env["ir.model.fields"].search(
            [("model", "=", "crm.lead"), ("name", "like", "x_life%")], order="id")

    def step_create(self):
        for __ in range(3):
            word = self.word()
            lead = self.env["crm.lead"].create({
                "name": word, "type": self.random.choice(["lead", "opportunity"]),
                "email_from": word + "@example.com", "description": word,
                "expected_revenue": self.random.randrange(10**6) / 100})
            self.words[lead.id] = word

    def step_write(self):
        lead = self.lead()
        lead.write(self.random.choice([
            {"expected_revenue": self.random.randrange(10**6) / 100},
            {"type": self.random.choice(["lead", "opportunity"])},
            {"phone": self.words[lead.id]},
            {"color": self.random.randrange(10)},
            {"stage_id": self.random.choice(self.env["crm.stage"].search([])).id},
        ]))

    def step_write_a_new_field(self):
        lead = self.lead()
        for field in self.field():
            lead[field.name] = {"char": self.words[lead.id], "integer": 5}[field.ttype]

    def step_delete(self):
        if len(self.words) < 3:
            return False
        self.lead().unlink()

    def step_write_behind_the_orm(self):
        lead = self.lead()
        self.env.cr.execute(
            "UPDATE crm_lead SET expected_revenue = expected_revenue + 1, city = %s"
            " WHERE id = %s", [self.words[lead.id], lead.id])
        self.env.cr.commit()
        self.env["cqrs.event"]._reconcile()

    def step_add_a_field(self):
        number = self.random.getrandbits(32)
        self.env["ir.model.fields"].create({
            "name": "x_life%d" % number, "field_description": "Life",
            "ttype": self.random.choice(["char", "integer"]), "state": "manual",
            "model_id": self.env["ir.model"]._get_id("crm.lead")})
        self.env.cr.commit()
        self.env["cqrs.event"]._build()

    def step_remove_a_field(self):
        if not self.field():
            return False
        self.random.choice(self.field()).unlink()

    def step_leave_out_a_field(self):
        source = self.env["cqrs.source"].search([("model", "=", "crm.lead")])
        is_left_out = "color" in self.env["cqrs.source"]._left_out().get("crm.lead", ())
        source._leave_out([] if is_left_out else ["color"])
        self.env.cr.commit()
        self.env["cqrs.event"]._build()

    def step_forget(self):
        lead = self.lead()
        subject = Subject.of(lead=lead.id)
        self.forgotten.append(self.words.pop(lead.id))
        mode = self.random.choice(["delete", "empty"])
        forget(self.env, find(self.env, subject), "Article 17", mode)

    def step_retain(self):
        # Archived when its recording began, and lost long before that.
        word = self.word()
        self.env.company.cqrs_retention_months = 12
        lead = self.env["crm.lead"].create({
            "name": word, "active": False, "company_id": self.env.company.id})
        self.env.cr.commit()
        self.env.cr.execute(
            "UPDATE crm_lead SET date_closed = now() - interval '2 years'"
            " WHERE id = %s", [lead.id])
        self.env["cqrs.event"]._reconcile()
        [(number, __)] = _forget_batch(self.env)
        self.forgotten.append(word)

    def step_seal(self):
        self.env["cqrs.seal"]._seal()

    def checked(self):
        env = self.env
        env["cqrs.event"]._reconcile()
        found = {
            "done": self.done,
            "findings": [finding.detail for finding in verify(env)],
            "drift": sum(each.drift for each in replay(env, repair=False)),
            "left": [],
        }
        env.cr.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r'"
            " AND relnamespace = current_schema()::regnamespace")
        for (table,) in env.cr.fetchall():
            env.cr.execute(
                'SELECT count(*) FROM "%s" t WHERE t::text ~ %%s' % table,
                ["|".join(self.forgotten) or "nothing"])
            if env.cr.fetchone()[0]:
                found["left"].append(table)
        return found
"""

BEFORE = """
life = Life(env, SEED)
life.live(STEPS)
print("LIFE", json.dumps([life.words, life.forgotten, life.checked()]))
"""

SINCE = """
life = Life(env, SEED + 1)
life.words = {int(id_): word for id_, word in WORDS.items()}
life.forgotten = FORGOTTEN
life.live(STEPS)
print("LIFE", json.dumps([life.words, life.forgotten, life.checked()]))
"""


@tagged("post_install", "-at_install")
class TestAnyLifeOfADatabase(OwnDatabase):
    template = INSTALLED

    def setUp(self):
        super().setUp()
        folder = self.enterContext(tempfile.TemporaryDirectory())
        erasures = Path(folder) / "erasures.jsonl"
        self.conf = self.configuration(cqrs_erasures=erasures)

    def live(self, script, **values):
        values = {"STEPS": STEPS, **values}
        script = LIFE + "".join(f"{k} = {v!r}\n" for k, v in values.items()) + script
        done = self.odoo("shell", "-c", str(self.conf), script=script)
        [line] = [each for each in done.stdout.splitlines() if "LIFE " in each]
        words, forgotten, checked = json.loads(line.partition("LIFE ")[2])
        self.assertEqual(
            {k: checked[k] for k in ("findings", "drift", "left")},
            {"findings": [], "drift": 0, "left": []},
            f"CRM_CQRS_SEED={values['SEED']} after {checked['done']}",
        )
        return words, forgotten

    def test_everything_agrees_and_nothing_forgotten_is_left(self):
        from ..devtools.databases import database

        for number in range(LIVES):
            seed = SEED + number
            words, forgotten = self.live(BEFORE, SEED=seed)
            current, older = self.db, f"{self.db}_{number}"
            database.create_from(os.environ, current, older)
            self.addCleanup(database.drop, os.environ, older)
            __, forgotten = self.live(
                SINCE, SEED=seed, WORDS=words, FORGOTTEN=forgotten
            )
            self.db = older
            arguments = ("cqrs", "forget", "--again", "--json", "-c", str(self.conf))
            # None is repeated if all that were forgotten came after the dump.
            again = json.loads(self.odoo(*arguments).stdout)
            if again != {"repeated": 0}:
                self.assertEqual(again["left"], [])
            kept = {id_: word for id_, word in words.items() if word not in forgotten}
            self.live(SINCE, SEED=seed + 2, WORDS=kept, FORGOTTEN=forgotten)
            self.db = current
