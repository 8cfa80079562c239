"""./dev demo --check: the acceptance scenario against a copy of the demo database.

Where the demo has a past, that is checked too.
"""

import sys

from .. import demo
from ..console import say
from ..databases import database, throwaway
from ..environment import environment
from ..paths import LOGS
from ..process import free_port
from ..web import serving
from . import scenario

LOG = LOGS / "check-server.log"
PAST = {
    "events are of more than 14 months": """
        SELECT max(occurred_at) - min(occurred_at) > interval '14 months'
          FROM cqrs_event
    """,
    "no event is of the future": """
        SELECT max(occurred_at) <= now() FROM cqrs_event
    """,
    "most days have events of leads": """
        SELECT count(DISTINCT occurred_at::date) > 250
          FROM cqrs_event WHERE stream_model = 'crm.lead'
    """,
    "a record has one event at a time": """
        SELECT bool_and(shared = 1)
          FROM (SELECT count(*) AS shared FROM cqrs_event
                 GROUP BY stream_model, stream_id, occurred_at) events
    """,
    "leads are older than the first event": """
        SELECT count(*) > 100 FROM crm_lead
         WHERE create_date
             < (SELECT min(occurred_at) AT TIME ZONE 'UTC' FROM cqrs_event)
    """,
    "Odoo has tracked what came before": """
        SELECT count(*) > 200 FROM mail_tracking_value value
          JOIN mail_message message ON message.id = value.mail_message_id
         WHERE message.model = 'crm.lead'
    """,
    "a tenth to a seventh of the open pipeline is overdue": """
        SELECT avg((date_deadline < CURRENT_DATE)::int) BETWEEN 0.1 AND 0.15
          FROM crm_lead JOIN res_users ON res_users.id = crm_lead.user_id
         WHERE crm_lead.type = 'opportunity' AND crm_lead.active
           AND won_status = 'pending' AND login LIKE '%@polaris.example'
    """,
}
"""The statements that hold of the demo's history."""


def run() -> int:
    """Play the scenario; returns 1 where a value is wrong.

    The manager's dashboard goes to standard output and all else to standard error.
    """
    with environment() as env:
        source = demo.ensure_source(env)
        port = free_port()
        with (
            throwaway.database_from(env, source) as name,
            serving.served(env.environ, name, port, LOG, "--max-cron-threads=0"),
        ):
            dashboard, wrong = scenario.play(
                f"http://{serving.HOST}:{port}",
                name,
                lambda login: demo.make_key(env, name, login),
            )
            if demo.describe(env, source)["has_past"]:
                for title, sql in PAST.items():
                    if database.query_in(env.environ, source, sql) != [["t"]]:
                        wrong.append(f"not so: {title}")
    sys.stdout.write(f"{dashboard.rstrip()}\n")
    for line in wrong:
        say(f"WRONG: {line}")
    say(f"{len(wrong)} values are wrong." if wrong else "Every value is as expected.")
    return 1 if wrong else 0
