"""./dev demo: a database with a generated sales organisation, served.

The organisation is built once, in a database that is never served; ``demo`` is a
copy of it, and so is each database of ``--check``, however ``demo`` was used since.

It has a past: it is built in a PostgreSQL server of its own that tells the time by a
file, as the Odoo does that builds, and then brought into the usual one. Odoo is
installed there nineteen months ago, and the addon when people have worked with it for
three months (see ``demo/organisation.py``).
"""

import json
import os
import secrets
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypedDict

from .bootstrap import faketime, odoo
from .console import Failure, say, step
from .databases import database, other_servers, server, template
from .environment import PROVISIONING, Environment, environment, provisioning_lock
from .locks import exclusive
from .paths import ADDON, LOGS, ROOT, STATE, digest, identity, write_atomically
from .process import run_logged
from .web import serving

NAME = "demo"
LOG = LOGS / "demo-server.log"
UNRELATED = {"devtools", "docs", "tests", "benchmarks", "__pycache__"}
"""Folders that an installed addon does not depend on."""
DAYS_AGO = 580
"""When Odoo is installed: before the first of the organisation."""
SET_UP = """
import json
import os
from datetime import date

from odoo.addons.crm_cqrs.demo import organisation
from odoo.addons.crm_cqrs.demo.clock import ClockFile

today = date.fromisoformat(os.environ["CRM_CQRS_TODAY"])
clock = ClockFile(os.environ.get("FAKETIME_TIMESTAMP_FILE"))
"""
BEFORE = f"""{SET_UP}
organisation.before_the_addon(env, clock, today=today)
"""
BUILD = f"""{SET_UP}
from odoo.addons.crm_cqrs.models.live import announcer

announcer.INTERVAL = 60  # nobody looks yet: half of the time would go to telling them
if clock.path:
    built = organisation.after_the_installation(env, clock, today=today)
else:
    built = organisation.build_organisation(env, today=today)
env.cr.commit()
logins = {{
    "head": built.head_login,
    "manager": built.manager_login,
    "salesperson": built.salesperson_login,
}}
with open(os.environ["CRM_CQRS_RESULT"], "w") as file:
    json.dump({{"password": organisation.PASSWORD, "logins": logins}}, file)
"""
RESUME_CRONS = """
UPDATE ir_cron SET nextcall = greatest(nextcall, now() AT TIME ZONE 'UTC')
"""
"""Or each would count all its intervals since the day of the installation."""
GREET = """
from odoo.addons.crm_cqrs.demo.organisation import catch_up

env["cqrs.event"]._reconcile()
catch_up(env)
# All of it: what the installation verified was so long ago as the demo's past is.
env["cqrs.run"].create(
    {"kind": "verify", "is_exhaustive": True, "user_id": env.uid})
env.cr.commit()
env["cqrs.run"]._perform_pending()
"""
"""Work that scheduled actions do within a week: the demo is healthy from the start."""
MAKE_KEY = """
import os

user = env["res.users"].search([("login", "=", os.environ["CRM_CQRS_LOGIN"])])
keys = env["res.users.apikeys"].with_user(user).sudo()
key = keys._generate("crm_cqrs", "./dev demo", False)
env.cr.commit()
with open(os.environ["CRM_CQRS_RESULT"], "w") as file:
    file.write(key)
"""


class Description(TypedDict):
    """What a demo database's comment says of it.

    checkout: identity of the checkout that made it
    sources: fingerprint of the addon that is installed in it
    has_past: whether its events bear the dates of what they tell
    password, logins: of the generated users; logins by rank
    key_file: where the head's API key is kept
    """

    checkout: str
    sources: str
    has_past: bool
    password: str
    logins: dict[str, str]
    key_file: str


def serve(port: int) -> int:
    """Serve the demo database until Ctrl-C."""
    serving.require_free(port)
    with environment() as env:
        describe(env, NAME)  # refuses what is not ours, before the long work
        source = ensure_source(env)
        description = ensure_demo(env, source)
        key = ensure_key(env, description)
        with serving.served(env.environ, NAME, port, LOG) as process:
            say(welcome(port, description, key))
            try:
                code = process.wait()
            except KeyboardInterrupt:
                say("Stopping.")
                return 0
            raise Failure(f"Odoo ended by itself ({code}); see {LOG}.")


def welcome(port: int, description: Description, key: str) -> str:
    address = f"http://localhost:{port}"
    logins = "".join(
        f"    {login:32} {rank}\n" for rank, login in description["logins"].items()
    )
    return (
        f"\nOdoo is at {address}\n\n"
        f"Logins, all with the password {description['password']}:\n{logins}"
        f"    {'admin':32} administrator, password admin\n\n"
        f'curl -H "Authorization: Bearer {key}" {address}/api/v2/dashboard/\n\n'
        f"Odoo's log is {LOG}. Ctrl-C stops it all."
    )


def sources_digest(root: Path = ROOT) -> str:
    """Fingerprint of the files that an installed addon is made of."""
    parts: list[str | bytes] = []
    root = root.resolve()
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name for name in folders if name not in UNRELATED and name[0] != "."
        )
        if Path(folder) != root:
            paths = [Path(folder, name) for name in sorted(files)]
        else:
            paths = sorted(root.glob("*.py"))
        for path in paths:
            parts += [os.fspath(path.relative_to(root)), path.read_bytes()]
    return digest(*parts)


def description_of(environ: database.Environ, name: str) -> Description | None:
    """What a database's comment says; None where this checkout did not make it."""
    try:
        description: Description = json.loads(database.comment(environ, name))
    except ValueError:
        return None
    return description if description["checkout"] == identity() else None


def describe(env: Environment, name: str) -> Description | None:
    """What is known of a database of ours; None where there is none of the name."""
    if not database.exists(env.environ, name):
        return None
    description = description_of(env.environ, name)
    if description is None:
        raise Failure(
            f"The database {name} exists and was not made by ./dev demo of this "
            "checkout. Rename or drop it first: "
            f"./dev psql -d {database.MAINTENANCE} -c 'DROP DATABASE {name}'"
        )
    return description


def note(env: Environment, name: str, description: Description) -> None:
    database.set_comment(env.environ, name, json.dumps(description))


def ensure_source(env: Environment) -> str:
    """Return the database with the organisation, built or brought up to date."""
    name = template.prefix("demo") + "source"
    with exclusive(provisioning_lock(), PROVISIONING):
        description = describe(env, name)
        # One that was made before there was a past is made anew.
        if description and "has_past" in description:
            bring_up_to_date(env, name, description)
            return name
        partial = f"{name}_new"
        database.drop(env.environ, partial)
        sources = sources_digest()
        today = datetime.now(timezone.utc)
        library = time_machine()
        if library:
            built = build_in_the_past(env, library, partial, today)
        else:
            built = build_at_once(env, partial, today)
        # Or its desk would have only estimates to show until autovacuum comes by.
        database.query_in(env.environ, partial, "VACUUM (ANALYZE)")
        description = {
            "checkout": identity(),
            "sources": sources,
            "has_past": library is not None,
            **json.loads(built),
            "key_file": "",
        }
        note(env, partial, description)
        database.drop(env.environ, name)
        database.rename(env.environ, partial, name)
    return name


def time_machine() -> Path | None:
    """Return libfaketime; None, with the reason said, where there cannot be a past."""
    reason = (
        "the server that the environment names keeps its own time"
        if server.is_external()
        else ""
    )
    if not reason:
        try:
            return faketime.ensure()
        except Failure as failure:
            reason = str(failure)
    say(f"The demo is built without a past, all its events are of today: {reason}")
    return None


def build_in_the_past(
    env: Environment, library: Path, name: str, today: datetime
) -> str:
    """Build the organisation under a clock of its own; returns what ``BUILD`` does."""
    begins = (today - timedelta(days=DAYS_AGO)).replace(hour=6, minute=0)
    with other_servers.in_the_past(library, begins) as variables:
        past = Environment(env.odoo, {**env.environ, **variables})
        template.install(past, name)
        run_builder(past, "Selling before the addon", name, BEFORE, today)
        template.run_odoo(past, f"Installing {ADDON}", "-d", name, "-i", ADDON)
        built = run_builder(past, "Building the sales organisation", name, BUILD, today)
        real = {**env.environ, "PGPORT": variables["PGPORT"]}
        with step("Bringing the demo into the present"):
            database.bring(real, name, to=env.environ)
    database.query_in(env.environ, name, RESUME_CRONS)
    return built


def build_at_once(env: Environment, name: str, today: datetime) -> str:
    """Build the organisation by the real clock."""
    database.create_from(env.environ, template.ensure(env), name)
    template.run_odoo(env, f"Installing {ADDON}", "-d", name, "-i", ADDON)
    return run_builder(env, "Building the sales organisation", name, BUILD, today)


def run_builder(
    env: Environment, title: str, name: str, script: str, today: datetime
) -> str:
    day = today.date().isoformat()
    return run_shell(env, title, name, script, CRM_CQRS_TODAY=day)


def ensure_demo(env: Environment, source: str) -> Description:
    """Return the description of the served database, made or brought up to date."""
    with exclusive(provisioning_lock(), PROVISIONING):
        if description := describe(env, NAME):
            if bring_up_to_date(env, NAME, description):
                greet(env, NAME)
            return description
        partial = template.prefix("demo") + "copy"
        database.create_from(env.environ, source, partial)
        key_file = STATE / f"demo-{secrets.token_hex(4)}.key"
        description = {**describe(env, source), "key_file": os.fspath(key_file)}
        note(env, partial, description)
        greet(env, partial)
        database.rename(env.environ, partial, NAME)
    return description


def greet(env: Environment, name: str) -> None:
    """Have a database verified once, and all in it up to date."""
    database.query_in(env.environ, name, RESUME_CRONS)
    run_shell(env, "Verifying the demo", name, GREET)


def bring_up_to_date(env: Environment, name: str, description: Description) -> bool:
    """Update the addon in the database, if its files have changed since; tell so."""
    sources = sources_digest()
    if description["sources"] == sources:
        return False
    template.run_odoo(env, f"Updating {ADDON} in {name}", "-d", name, "-u", ADDON)
    description["sources"] = sources
    note(env, name, description)
    return True


def ensure_key(env: Environment, description: Description) -> str:
    """Return the head's API key; only its hash is in the database."""
    path = Path(description["key_file"])
    if not path.exists():
        key = make_key(env, NAME, description["logins"]["head"])
        write_atomically(path, key, mode=0o600)
    return path.read_text()


def make_key(env: Environment, name: str, login: str) -> str:
    return run_shell(
        env, f"Making an API key for {login}", name, MAKE_KEY, CRM_CQRS_LOGIN=login
    )


def run_shell(
    env: Environment,
    title: str,
    name: str,
    script: str,
    *options: str,
    **variables: str,
) -> str:
    """Run a script in Odoo's shell; returns what it writes to CRM_CQRS_RESULT."""
    result = STATE / f"result-{os.getpid()}"
    write_atomically(result, "", mode=0o600)
    try:
        run_logged(
            title,
            [odoo.COMMAND, "shell", "-d", name, "--no-http", *options],
            log="odoo-shell",
            advice="The last lines say where in the addon it went wrong.",
            stdin=script,
            environ={
                **env.environ,
                **variables,
                "CRM_CQRS_RESULT": os.fspath(result),
            },
        )
        return result.read_text()
    finally:
        result.unlink()
