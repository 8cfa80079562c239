"""./dev screenshots: the pictures of the README and of the app page, from the demo."""

import json
import os
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from urllib.parse import quote

from .. import demo
from ..bootstrap import browser, venv
from ..console import Failure
from ..databases import throwaway
from ..environment import environment
from ..paths import LOGS, ROOT
from ..process import free_port, run_logged
from ..web import serving

LOG = LOGS / "screenshots-server.log"
FOLDER = ROOT / "static" / "description"
PRIVILEGED = "admin"
"""Login and password of the administrator in the demo organisation."""


@dataclass(frozen=True)
class Shot:
    """A picture of a page.

    file: its path
    login: who looks; with ``password``, or that of the generated users
    path: where; ``{lead}`` stands for an opportunity with many events
    width, height: of the window, in pixels
    clicks: selectors of what is clicked first, one after the other
    writes: what the administrator then writes elsewhere to an opportunity
    ready: selector of what is there once the page is as it should be
    part: selector of what alone is in the picture, all of the window by default
    """

    file: str
    login: str
    path: str
    ready: str
    width: int = 1400
    height: int = 900
    clicks: tuple[str, ...] = ()
    writes: dict[str, float] | None = None
    part: str = ""
    password: str = ""


def shots(logins: dict[str, str]) -> list[Shot]:
    """The pictures; logins by rank."""

    def shot(name: str, login: str, path: str, ready: str, **options) -> Shot:
        return Shot(os.fspath(FOLDER / f"{name}.png"), login, path, ready, **options)

    dashboard = "/odoo/sales-dashboard"
    loaded = ".o_cqrs_organisation .o_cqrs_person"
    return [
        shot("dashboard", logins["head"], dashboard, loaded, height=1500),
        shot(
            "changes",
            logins["head"],
            "/odoo/pipeline-changes?since=quarter&kind=lost",
            ".o_cqrs_changed_deal",
        ),
        shot(
            "deal",
            logins["head"],
            dashboard,
            ".o_cqrs_deal_sheet .o_form_renderer",
            height=1200,
            clicks=(".o_cqrs_opportunity .o_cqrs_name a",),
        ),
        shot(
            "search",
            logins["head"],
            f"{dashboard}?group=stage_id&search=" + quote('["mine"]'),
            ".o_cqrs_group",
            height=1500,
        ),
        shot(
            "excel",
            logins["head"],
            dashboard,
            ".o_cqrs_export[data-state=done]",
            height=500,
            clicks=(loaded, ".o_cqrs_excel"),
            part=".o_cqrs_exports",
        ),
        shot(
            "every_monday",
            logins["head"],
            dashboard,
            ".modal select[name=weekday]",
            height=800,
            clicks=(loaded, ".o_cqrs_subscribe"),
        ),
        shot("phone", logins["manager"], dashboard, loaded, width=390, height=844),
        shot(
            "look_as",
            logins["head"],
            dashboard,
            ".o_cqrs_banner strong",
            clicks=(".o_cqrs_person:nth-child(3) .o_cqrs_pick",),
        ),
        shot(
            "live",
            logins["head"],
            dashboard,
            ".o_cqrs_changed",
            height=420,
            clicks=(loaded,),
            writes={"expected_revenue": 480_000.0},
        ),
        shot(
            "empty",
            logins["head"],
            f"{dashboard}?search=unicorn",
            ".o_cqrs_opportunities .o_cqrs_empty",
            height=1700,
            part=".o_cqrs_opportunities",
        ),
        shot(
            "error",
            logins["salesperson"],
            f"{dashboard}?view_as=00000000-0000-0000-0000-000000000000",
            ".o_cqrs_error",
            height=420,
        ),
        shot(
            "history",
            logins["head"],
            "/odoo/crm/{lead}",
            ".o_cqrs_history_entry",
            clicks=(".oe_stat_button:has(.fa-history)",),
        ),
        shot(
            "event_store",
            PRIVILEGED,
            "/odoo/event-store",
            ".o_cqrs_last[data-state=done]",
            password=PRIVILEGED,
            clicks=("[data-kind=verify]",),
        ),
        shot("day", logins["salesperson"], dashboard, ".o_cqrs_day", height=1000),
    ]


def run() -> int:
    """Take them all, of a copy of the demo database."""
    if advice := browser.ensure():
        raise Failure(advice)
    with environment() as env:
        source = demo.ensure_source(env)
        description = demo.describe(env, source)
        port = free_port()
        with ExitStack() as stack:
            name = stack.enter_context(throwaway.database_from(env, source))
            demo.greet(env, name)
            stack.enter_context(serving.served(env.environ, name, port, LOG))
            wanted = shots(description["logins"])
            order = {
                "browser": browser.find(),
                "url": f"http://{serving.HOST}:{port}",
                "database": name,
                "password": description["password"],
                "administrator": PRIVILEGED,
                "shots": [asdict(each) for each in wanted],
            }
            run_logged(
                f"Taking {len(wanted)} screenshots",
                [venv.python(), "-m", "devtools.pictures.camera"],
                log="screenshots",
                advice=f"Odoo's log is {LOG}.",
                progress=os.path.basename,
                stdin=json.dumps(order),
                cwd=ROOT,
            )
    return 0
