"""Nothing is told of what was rolled back, tried out, or built.

A real server sends to a real receiver. Beside it a process does all that the outside
must not hear of, and then what it must.
"""

import json

from odoo.tests import tagged

from .webhooks import WebhookServer

PATH = "/good/1"

#: Prints the ids of the leads of which an event is to be told, in order
WORK = """
import json
from odoo.service.model import retrying

leads = env["crm.lead"].with_context(tracking_disable=True)
lead = leads.create({"name": "Committed", "type": "opportunity"})
env.cr.commit()
told = [lead.id]

# Savepoints that are rolled back, and a transaction.
for flush in (True, False):
    try:
        with env.cr.savepoint(flush=flush):
            lead.name = "Never"
            leads.create({"name": "Never", "type": "opportunity"})
            env.flush_all()
            raise ZeroDivisionError
    except ZeroDivisionError:
        env.invalidate_all(flush=False)
    env.cr.commit()
lead.name = "Never"
env.cr.flush()
env.cr.rollback()

# An import that is tried out, which Odoo's own action tells of.
columns, titles = ["name", "type"], ["Name", "Type"]
options = {"quoting": '"', "separator": ",", "has_headers": False}
importing = env["base_import.import"].create({
    "res_model": "crm.lead", "file_type": "text/csv", "file_name": "leads.csv",
    "file": b"Imported 1,opportunity\\nImported 2,opportunity\\n"})
result = importing.execute_import(columns, titles, options, dryrun=True)
assert not result["messages"], result
env.cr.commit()
result = importing.execute_import(columns, titles, options)
assert not result["messages"], result
env.cr.commit()
told += result["ids"]

# A transaction that is tried again, since another one goes first: what it has written
# by then is gone.
attempts = []
def write():
    attempts.append(1)
    if len(attempts) < 3:
        leads.create({"name": "Never", "type": "opportunity"})
        env.cr.flush()
        with env.registry.cursor() as other:
            other.execute(
                "UPDATE crm_lead SET color = color WHERE id = %s", [lead.id])
    leads.browse(lead.id).name = "Attempt %d" % len(attempts)
    env.cr.flush()
retrying(write, env)
env.cr.commit()
assert len(attempts) == 3
told.append(lead.id)

# A first build: of a lead that came without Odoo.
env.cr.execute(
    "INSERT INTO crm_lead (name, type, active, company_id, user_id)"
    " SELECT 'Built', type, true, company_id, user_id FROM crm_lead WHERE id = %s"
    " RETURNING id", [lead.id])
[built_id] = env.cr.fetchone()
env.cr.commit()
env["cqrs.event"]._build()
env.cr.commit()

# A baseline: a field joins, with the values that there are.
env["ir.model.fields"].create({
    "name": "x_baseline", "field_description": "Baseline", "ttype": "char",
    "state": "manual", "model_id": env["ir.model"]._get_id("crm.lead")})
env.cr.commit()
env.cr.execute("UPDATE crm_lead SET x_baseline = 'there before'")
env.cr.commit()
env["cqrs.event"]._build()
env.cr.commit()

# A rebuild of the read models.
run = env["cqrs.run"].create({"kind": "replay"})
env.cr.commit()
run._perform()
env.cr.commit()
assert run.state == "done", run.state

# And a change of what was built.
leads.browse(built_id).name = "Changed"
env.cr.commit()
told.append(built_id)

env.cr.execute(
    "SELECT count(*) FROM cqrs_event WHERE stream_model = 'crm.lead'"
    " AND origin = 'migration' AND stream_id = ANY(%s)", [[lead.id, built_id]])
print("built", env.cr.fetchone()[0])
print("told", json.dumps(told))
"""


@tagged("post_install", "-at_install")
class TestWebhooksTellWhatWasCommitted(WebhookServer):
    def test_nothing_is_told_of_what_did_not_happen(self):
        self.serve_webhooks()
        self.endpoint(PATH)
        lines = dict(
            line.split(" ", 1)
            for line in self.odoo("shell", script=WORK).stdout.splitlines()
            if line.startswith(("built ", "told "))
        )
        # There was something that could have been told of.
        self.assertGreaterEqual(int(lines["built"]), 3)
        told = [f"crm.lead/{lead_id}" for lead_id in json.loads(lines["told"])]

        def subjects():
            return [line["body"]["subject"] for line in self.receivers.received(PATH)]

        # Of different records, the last event may be the first to arrive.
        self.wait_until(lambda: len(subjects()) >= len(told))
        self.assertEqual(sorted(subjects()), sorted(told))
        taken = self.query("SELECT count(*)::integer FROM cqrs_webhook_message")
        self.assertEqual(taken, [(len(told),)])
