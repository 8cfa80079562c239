"""./dev bench: makes an organisation with its deals, and measures the addon with it.

Of each size there are databases, made once: one in which the addon is not installed,
and copies of it in which it is, or OCA's auditlog. ``benchmarks/data`` says what is in
them. What is measured is measured on copies of these, by ``benchmarks`` in a process
of Odoo's Python.
"""

import configparser
import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from demo import names

from . import demo
from .bootstrap import browser, odoo, venv
from .console import Failure, say, step
from .databases import cluster, database, server, template, throwaway
from .environment import PROVISIONING, Environment, environment, provisioning_lock
from .locks import exclusive
from .paths import (
    ADDON,
    ADDONS,
    LOGS,
    ROOT,
    STATE,
    digest,
    link_atomically,
    remove_tree,
    write_atomically,
)
from .process import free_port, output_of, run_in_front, run_logged
from .web import serving

PASSWORD = "benchmark"
SEED = 19
DAY = "2026-11-01"
"""The day that the history ends; fixed, so that the data are the same on any day."""
DATA = ROOT / "benchmarks" / "data"
SCRIPTS = ("build.sql", "people.sql", "customers.sql", "deals.sql")
ADD_COMPANY = """
from datetime import date

add_currency_rate(two_companies(env), date(2021, 1, 1), 0.92)
env.cr.commit()
"""
VARIABLES = {
    "seed": str(SEED),
    "day": DAY,
    # What Odoo makes of PASSWORD, which would differ from one call to the next.
    "password": "$pbkdf2-sha512$600000$SsmZU.qdk3LuXYuRkvLeuw$"
    "F.gk0WnXyEHJDven5lnJccsXGHyDby2VmbmXqkrGQ.QUY2ZVWcp0sGX5wXXhZetkCUOfzUdemVDfCxpKqo"
    "/UjA",
    **{
        name: "{" + ",".join(f'"{word}"' for word in words) + "}"
        for name, words in (
            ("first_names", names.FIRST_NAMES),
            ("last_names", names.LAST_NAMES),
            ("firms", names.FIRMS),
            ("trades", names.TRADES),
            ("cities", names.CITIES),
            ("products", names.PRODUCTS),
        )
    },
}


@dataclass(frozen=True)
class Size:
    """How many people there are, with 200 opportunities each.

    span: how many report to each manager, chosen for six levels
    """

    users: int
    span: int


SIZES = {"10k": Size(50, 2), "100k": Size(500, 4), "1m": Size(5000, 6)}
SMALL = "10k"
"""What the others are said to have grown from."""
ACCOUNTS = {"10k": 200, "100k": 10_000, "1m": 100_000}
"""Customers that are invoiced, each five times, in the databases of that part."""
SIZE_BY_PACE = {"once": "10k", "quick": "100k", "full": "1m"}
BARE = {"reads", "writes", "parallel", "reorganisation", "products", "webhooks"}
"""Parts that measure bare Odoo as well."""
SERVED = {
    "installed": {"reads", "freshness", "parallel", "rebuild", "screen"},
    "bare": {"reads", "parallel"},
    "small": {"reads"},
    "history": {"history"},
    "webhooks": {"webhooks"},
    "sales": {"sales"},
}
"""The parts that ask a server of each database."""
CHARTS = STATE / "charts"
PARTS = ("reads", "freshness", "writes", "parallel", "reorganisation", "rebuild")
OPTIONAL = ("products", "history", "webhooks", "sales", "screen")
"""As in ``benchmarks/plan.py``."""
MAKE_HISTORY = """
import logging, time

def timed(what, work):
    began = time.monotonic()
    result = work()
    logging.getLogger("bench").info("%s: %.1f s", what, time.monotonic() - began)
    return result

timed("log", lambda: make(env, with_tracking=True))
env.cr.commit()
# As an update of an older version does, and the cron after it.
env["cqrs.opportunity.span"]._remake_tables()
env.cr.commit()
timed("spans", env["cqrs.projection"]._follow_all)
run = env["cqrs.run"].create({"kind": "replay"})
env.cr.commit()
timed("replay", run._perform)
env["cqrs.metrics"]._fold()
timed("levels", env["cqrs.past.levels"]._fill)
"""
ALLOW_RECEIVERS = "cqrs_webhook_allowed = 127.0.0.1\n"
"""For odoo.conf: webhooks are sent to this machine, without TLS."""
AUDITLOG = "auditlog"
AUDITLOG_RULE = """
INSERT INTO auditlog_rule (
    name, model_id, model_name, model_model, log_read, log_write, log_create,
    log_unlink, log_export_data, capture_record, log_type, state)
SELECT 'Benchmark', id, 'Lead', model, false, true, true,
       true, false, false, 'full', 'confirmed'
FROM ir_model WHERE model = 'crm.lead'
"""
AUDITLOG_PRODUCTS = AUDITLOG_RULE.replace("crm.lead", "product.template")
PRODUCTS = """
module = env["ir.module.module"].search([("name", "=", "product")])
module.button_immediate_install()
env = env(context={})
env["product.template"].create([{"name": f"Product {n}"} for n in range(2000)])
if "cqrs.source" in env:
    env["cqrs.source"]._put_on_record("product.template")
    env.cr.commit()
    env["cqrs.event"]._build()
env.cr.commit()
"""
SALES = """
from odoo import Command, fields

partner = env["res.partner"].create({"name": "Benchmark", "is_company": True})
product = env["product.product"].create({
    "name": "Benchmark", "type": "service", "invoice_policy": "order",
    "taxes_id": [Command.clear()]})
order = env["sale.order"].create({"partner_id": partner.id, "order_line": [
    Command.create({"product_id": product.id, "price_unit": 100})]})
order.action_confirm()
term = env["account.payment.term"].create({"name": "Benchmark", "line_ids": [
    Command.create({"value_amount": percent, "nb_days": days})
    for percent, days in ((30, 0), (30, 30), (40, 60))]})

def invoiced(terms):
    move = env["account.move"].create({
        "move_type": "out_invoice", "partner_id": partner.id,
        "invoice_date": fields.Date.today(), "invoice_payment_term_id": terms.id,
        "invoice_line_ids": [
            Command.create({"product_id": product.id, "price_unit": 100})]})
    move.action_post()
    return move

made = {"partner": partner, "order": order, "invoice": invoiced(term.browse()),
        "instalments": invoiced(term)}
env.flush_all()
env.cr.execute("CREATE TABLE bench_sales (kind text PRIMARY KEY, record_id integer)")
for kind, record in made.items():
    env.cr.execute("INSERT INTO bench_sales VALUES (%s, %s)", [kind, record.id])
env.cr.commit()
"""
"""Makes one of each, as Odoo does, for ``sales.sql`` to copy."""
AUDITLOG_FAST = "UPDATE auditlog_rule SET log_type = 'fast'"


@dataclass(frozen=True)
class Role:
    """One of the generated people; all have the password ``PASSWORD``."""

    user_id: int
    employee_id: int
    login: str


@dataclass(frozen=True)
class Options:
    """What the command line says; ``benchmarks/plan.py`` knows the paces."""

    size: str
    pace: str
    parts: tuple[str, ...]
    against: str | None
    json: Path | None
    markdown: Path | None
    charts: Path
    accounts: int | None


@dataclass(frozen=True)
class Version:
    """A version of the addon, as databases and files are named after it.

    :ivar kind: of the databases that it is installed in
    :ivar folder: what has the addon in it, under its name
    """

    kind: str
    folder: Path

    @property
    def sources(self) -> str:
        return demo.sources_digest(self.folder / ADDON)


HERE = Version("installed", ADDONS)
WITH_SALES = Version("sales", ADDONS)


def measure(options: Options) -> int:
    """Measure, on copies of the databases, and print what is found."""
    size = options.size
    with environment() as env, ExitStack() as stack:
        chromium = None
        if {"freshness", "screen"} & {*options.parts}:
            chromium = find_browser()
        bare = ensure_bare(env, size)
        installed, first_build_s = ensure_installed(env, size, bare)
        bases = {"installed": installed}
        versions = {"installed": HERE}
        if options.against:
            versions["before"] = version_of(options.against)
            bases["before"] = installed
            if versions["before"].sources != HERE.sources:
                before, _seconds = ensure_installed(env, size, bare, versions["before"])
                bases["before"] = before
        parts = set(options.parts)
        if parts & BARE:
            bases["bare"] = bare
        if "reads" in parts:
            small, _seconds = ensure_installed(env, SMALL, ensure_bare(env, SMALL))
            bases["small"] = small
        if "history" in parts:
            bases["history"] = ensure_history(env, size, installed)
        sales = {}
        if "sales" in parts:
            accounts = options.accounts or ACCOUNTS[size]
            bases["sales_bare"] = ensure_sales(env, size, bare, accounts)
            made = ensure_installed(env, size, bases["sales_bare"], WITH_SALES)
            bases["sales"], seconds = made
            sales = {"accounts": accounts, "first_build_s": seconds}
        if "webhooks" in parts:
            bases |= {"webhooks": installed, "again": installed, "automated": bare}
        if parts & {"writes", "products"}:
            audited = ensure_auditlog(env, size, bare)
            bases |= {"auditlog_full": audited, "auditlog_fast": audited}
        databases = {}
        with step("Copying the databases"):
            for kind, base in bases.items():
                copy = throwaway.database_from(env, base)
                databases[kind] = stack.enter_context(copy)
        prepare(env, parts, databases)
        served = {kind for kind, wanted in SERVED.items() if parts & wanted}
        if "reads" in parts:
            served |= {*versions}
        urls, servers = {}, {}
        for kind in sorted(served):
            folder = versions.get(kind, HERE).folder
            serving_it = serve(env, kind, databases[kind], folder)
            urls[kind], servers[kind] = stack.enter_context(serving_it)
        plan = {
            "size": size,
            "small_size": SMALL,
            "pace": options.pace,
            "parts": options.parts,
            "databases": databases,
            "addons_paths": {
                kind: addons_path(version.folder) for kind, version in versions.items()
            },
            "urls": urls,
            "servers": servers,
            "roles": people(env, installed),
            "small_roles": people(env, bases["small"]) if "small" in bases else {},
            "password": PASSWORD,
            "is_private": not server.is_external(),
            "first_build_s": first_build_s,
            "sales": sales,
            "chromium": chromium,
            "json": options.json and os.fspath(options.json.resolve()),
            "markdown": options.markdown and os.fspath(options.markdown.resolve()),
            "charts": os.fspath(options.charts.resolve()),
            "about": about(env, size)
            | ({"against": options.against} if options.against else {}),
        }
        path = STATE / f"bench-{os.getpid()}.json"
        write_atomically(path, json.dumps(plan))
        try:
            return run_in_front(
                [venv.python(), "-m", "benchmarks", path],
                environ={**env.environ, "CRM_CQRS_ADDONS_PATH": addons_path()},
                cwd=ROOT,
            )
        finally:
            path.unlink()


def prepare(env: Environment, parts: set[str], databases: dict[str, str]) -> None:
    """Add to the copies what they have in some parts alone."""
    if "products" in parts:
        add_products(env, databases)
    if "webhooks" in parts:
        title, path = "Installing Odoo's automation", f"--addons-path={addons_path()}"
        options = ("-d", databases["automated"], "-i", "base_automation", path)
        template.run_odoo(env, title, *options)
        # Only those jobs run that are measured.
        stop_jobs = "UPDATE ir_cron SET active = false"
        database.query_in(env.environ, databases["webhooks"], stop_jobs)
    if "auditlog_fast" in databases:
        fast = databases["auditlog_fast"]
        database.query_in(env.environ, fast, AUDITLOG_FAST)


def add_products(env: Environment, databases: dict[str, str]) -> None:
    """Install products, and record what becomes of them as the database does."""
    path = f"--addons-path={addons_path()}"
    for kind in ("bare", "installed", "auditlog_full", "auditlog_fast"):
        name = databases[kind]
        demo.run_shell(env, f"Adding products ({kind})", name, PRODUCTS, path)
        if AUDITLOG in kind:
            database.query_in(env.environ, name, AUDITLOG_PRODUCTS)


def find_browser() -> str | None:
    """Return the path of the browser; None, once the person is told, without one."""
    browser.ensure()
    return browser.find()


def people(env: Environment, name: str) -> dict[str, dict[str, object]]:
    return {role: asdict(person) for role, person in roles(env, name).items()}


def version_of(revision: str) -> Version:
    """Return another version of the addon.

    :param revision: of this checkout's history, or a folder that has the addon in it
    """
    if Path(revision).is_dir():
        folder = STATE / "versions" / digest(os.path.abspath(revision))
        link_atomically(folder / ADDON, Path(revision).resolve())
        return Version("before", folder)
    git = ["git", "-C", ROOT]
    commit = output_of([*git, "rev-parse", "--short", f"{revision}^{{commit}}"]).strip()
    folder = STATE / "versions" / commit
    if not folder.exists():
        partial = folder.with_suffix(".new")
        remove_tree(partial)
        partial.mkdir(parents=True)
        archive = partial / "archive.tar"
        output_of(
            [*git, "archive", f"--prefix={ADDON}/", f"--output={archive}", commit]
        )
        output_of(["tar", "--extract", f"--file={archive}", f"--directory={partial}"])
        archive.unlink()
        partial.replace(folder)
    return Version("before", folder)


def addons_path(addon: Path = ADDONS) -> str:
    """Odoo's own, the floor's, and that of the packages of the virtual environment.

    :param addon: the folder that has this addon in it
    """
    configuration = configparser.ConfigParser(interpolation=None)
    configuration.read(odoo.CONFIG)
    folders = [ROOT / "benchmarks" / "addons"]
    folders += venv.VENV.glob("lib/python3*/site-packages/odoo/addons")
    path = configuration["options"]["addons_path"]
    path = path.replace(os.fspath(ADDONS), os.fspath(addon))
    return ",".join((path, *map(os.fspath, folders)))


@contextmanager
def serve(
    env: Environment, kind: str, name: str, addon: Path
) -> Iterator[tuple[str, int]]:
    """Serve a database for the block, with the floor beside it; gives the URL and the
    process number."""
    port = free_port()
    options = [
        f"--max-cron-threads={1 if kind == 'webhooks' else 0}",
        f"--db-filter=^{name}$",  # as where several databases are served
        "--load=base,rpc,web,cqrs_floor",
        f"--addons-path={addons_path(addon)}",
        "--log-level=warn",
    ]
    if kind == "webhooks":
        configuration = STATE / "bench-webhooks.conf"
        write_atomically(configuration, odoo.CONFIG.read_text() + ALLOW_RECEIVERS)
        options.append(f"--config={configuration}")
    log = LOGS / f"bench-server-{kind}.log"
    with serving.served(env.environ, name, port, log, *options) as process:
        yield f"http://{serving.HOST}:{port}", process.pid


def about(env: Environment, size: str) -> dict[str, str]:
    """What was measured on, for whoever compares."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    sql = "SELECT current_setting('server_version'), current_setting('fsync')"
    [(postgres, fsync)] = database.query(env.environ, sql)
    users = SIZES[size].users
    return {
        "command": f"./dev {' '.join(sys.argv[1:])}",
        "data": f"{size}: {200 * users:,} opportunities, {users:,} users",
        "machine": f"{os.cpu_count()} cores, {memory:.0f} GB, {platform.machine()}",
        "PostgreSQL": f"{postgres}, fsync {fsync}",
        "Odoo": odoo.SERIES,
        "Python": venv_version(),
    }


def venv_version() -> str:
    configuration = (venv.VENV / "pyvenv.cfg").read_text()
    match = re.search(r"^version(?:_info)? = (.+)$", configuration, re.MULTILINE)
    return match[1] if match else "unknown"


def run(size: str) -> int:
    """Make the databases of a size where there are none, and say what is in them."""
    with environment() as env:
        bare = ensure_bare(env, size)
        name, first_build = ensure_installed(env, size, bare)
        sys.stdout.write(
            f"without {ADDON}: {bare}\n"
            f"with {ADDON}: {name}, first build in {first_build:.1f} s\n"
            f"\n{'role':16} {'user':>5} {'employee':>8} login (password {PASSWORD})\n"
        )
        for role, person in roles(env, name).items():
            sys.stdout.write(
                f"{role:16} {person.user_id:5} {person.employee_id:8} {person.login}\n"
            )
    return 0


def ensure_bare(env: Environment, size: str) -> str:
    """Return the database of this size in which the addon is not installed."""
    base = template.ensure(env)
    # The text of the module, since the addon that it is a part of is not installed.
    companies = (ROOT / "demo" / "companies.py").read_text() + ADD_COMPANY
    inputs = (base, repr(SIZES[size]), repr(VARIABLES), companies)
    scripts = (DATA.joinpath(script).read_bytes() for script in SCRIPTS)
    name = template.prefix(f"bench_{size}_bare") + digest(*inputs, *scripts)

    def make(partial: str) -> None:
        database.create_from(env.environ, base, partial)
        demo.run_shell(env, "Adding a second company", partial, companies)
        fill(env, size, partial)

    ensure(env, name, make)
    return name


def ensure_installed(
    env: Environment, size: str, bare: str, version: Version = HERE
) -> tuple[str, float]:
    """Return the database in which it is, and what its first build took, in seconds."""
    kind = template.prefix(f"bench_{size}_{version.kind}")
    name = kind + digest(bare, version.sources)
    path = f"--addons-path={addons_path(version.folder)}"

    def make(partial: str) -> None:
        with step(f"Copying the organisation ({size})"):
            database.create_from(env.environ, bare, partial)
        seconds = install(env, size, partial, path)
        # As the cron does within a minute or two: none runs while this is measured.
        fold = 'env["cqrs.metrics"]._fold()'
        title = "Folding the changes into the metrics"
        demo.run_shell(env, title, partial, fold, path)
        with step("Vacuuming, so that it does not happen while something is measured"):
            database.query_in(env.environ, partial, "VACUUM (ANALYZE)")
        database.set_comment(env.environ, partial, json.dumps(seconds))

    ensure(env, name, make)
    return name, json.loads(database.comment(env.environ, name))


def ensure_sales(env: Environment, size: str, bare: str, accounts: int) -> str:
    """Return the database that has orders and invoices, without the addon."""
    script = DATA / "sales.sql"
    modules = template.SALES_MODULES
    name = template.prefix(f"bench_{size}_salesbare") + digest(
        bare, modules, SALES, str(accounts), script.read_bytes()
    )

    def make(partial: str) -> None:
        with step(f"Copying the organisation ({size})"):
            database.create_from(env.environ, bare, partial)
        title = f"Installing {modules} ({size})"
        template.run_odoo(env, title, "-d", partial, "-i", modules)
        demo.run_shell(env, "Selling to the first customer", partial, SALES)
        title = f"Making {accounts:,} customers and their invoices"
        run_script(env, title, partial, script, {"accounts": str(accounts)})

    ensure(env, name, make)
    return name


def ensure_history(env: Environment, size: str, installed: str) -> str:
    """Return the database whose log has a past of five years."""
    script = (ROOT / "benchmarks" / "history_data.py").read_text() + MAKE_HISTORY
    name = template.prefix(f"bench_{size}_history") + digest(installed, script)

    def make(partial: str) -> None:
        with step(f"Copying the organisation ({size})"):
            database.create_from(env.environ, installed, partial)
        path = f"--addons-path={addons_path()}"
        demo.run_shell(env, "Making a past of five years", partial, script, path)
        with step("Vacuuming, so that it does not happen while something is measured"):
            database.query_in(env.environ, partial, "VACUUM (ANALYZE)")

    ensure(env, name, make)
    return name


def ensure_auditlog(env: Environment, size: str, bare: str) -> str:
    """Return the database in which OCA's auditlog logs the leads, in its full mode."""
    lock = (ROOT / "requirements.lock").read_text()
    wheel = re.search(r"^odoo-addon-auditlog==\S+", lock, re.MULTILINE)
    kind = template.prefix(f"bench_{size}_audited")
    name = kind + digest(bare, wheel[0], AUDITLOG_RULE)

    def make(partial: str) -> None:
        with step(f"Copying the organisation ({size})"):
            database.create_from(env.environ, bare, partial)
        path = f"--addons-path={addons_path()}"
        template.run_odoo(
            env, "Installing auditlog", "-d", partial, "-i", AUDITLOG, path
        )
        database.query_in(env.environ, partial, AUDITLOG_RULE)

    ensure(env, name, make)
    return name


def ensure(env: Environment, name: str, make: Callable[[str], None]) -> None:
    """Have ``make`` make the database unless it is there, in place of outdated ones."""
    with exclusive(provisioning_lock(), PROVISIONING):
        if database.exists(env.environ, name):
            say(f"The database {name} is there.")
            return
        kind = name.removesuffix(name.rpartition("_")[2])
        for old in database.names_starting_with(env.environ, kind):
            database.drop(env.environ, old)
        partial = f"{name}_new"
        make(partial)
        database.rename(env.environ, partial, name)


def fill(env: Environment, size: str, name: str) -> None:
    """Add people, customers and deals."""
    variables = {k: str(v) for k, v in asdict(SIZES[size]).items()}
    title = f"Making the organisation and its deals ({size})"
    run_script(env, title, name, DATA / "build.sql", variables)


def run_script(
    env: Environment, title: str, name: str, script: Path, variables: dict[str, str]
) -> None:
    """Run a script of SQL that has our variables, and these."""
    variables = {**VARIABLES, **variables}
    run_logged(
        title,
        [
            *(cluster.programs() / "psql", "--no-psqlrc", "--no-password", "--quiet"),
            *(f"--set={name}={value}" for name, value in variables.items()),
            *(f"--dbname={name}", f"--file={script}"),
        ],
        log="bench-data",
        advice="The first error in there is the one to look at.",
        progress=said_by_sql,
        environ={**env.environ, "PGCLIENTENCODING": "UTF8"},
    )


def said_by_sql(line: str) -> str | None:
    return line[3:].rstrip() if line.startswith("-- ") else None


def install(env: Environment, size: str, name: str, path: str) -> float:
    """Install the addon; returns what its first build took, in seconds."""
    began = ended = 0.0

    def progress(line: str) -> str | None:
        nonlocal began, ended
        if match := re.search(r"First build, (.+)", line):
            began = began or time.monotonic()
            return match[1]
        if f"Module {ADDON} loaded" in line:
            ended = time.monotonic()
        return odoo.loading_percent(line)

    run_logged(
        f"Installing {ADDON}, with its first build ({size})",
        [odoo.COMMAND, "--no-http", "--stop-after-init", "-d", name, "-i", ADDON, path],
        log="bench-install",
        advice="The first error in there is the one to look at.",
        progress=progress,
        environ=env.environ,
    )
    if not began < ended:
        raise Failure("Odoo's log does not tell when the first build began and ended.")
    return ended - began


def roles(env: Environment, name: str) -> dict[str, Role]:
    """Whom to act as, by role.

    - ``head``: of all, in both companies; reads all documents in Odoo too
    - ``director``, ``manager``: the head's first report, and that one's
    - ``leaf``: somebody of the manager's with no reports
    - ``adversarial``: leads the team whose deals come last in every order
    - ``biggest_owner``: owns a tenth of all opportunities
    - ``second_company``: the first of the second company, below the head
    """
    sql = "SELECT role, user_id, employee_id, login FROM bench_role ORDER BY user_id"
    return {
        role: Role(int(user_id), int(employee_id), login)
        for role, user_id, employee_id, login in database.query_in(
            env.environ, name, sql
        )
    }
