"""./dev demo --check: the acceptance scenario against a copy of the demo database."""

import sys

from .. import demo
from ..console import say
from ..databases import throwaway
from ..environment import environment
from ..paths import LOGS
from ..process import free_port
from ..web import serving
from . import scenario

LOG = LOGS / "check-server.log"


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
    sys.stdout.write(f"{dashboard.rstrip()}\n")
    for line in wrong:
        say(f"WRONG: {line}")
    say(f"{len(wrong)} values are wrong." if wrong else "Every value is as expected.")
    return 1 if wrong else 0
