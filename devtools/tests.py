"""./dev test: every run in databases of its own, which are gone afterwards."""

import argparse
import os
import signal
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from .bootstrap import browser, node_modules, odoo, venv
from .console import say, step
from .databases import database, other_servers, server, template, throwaway
from .environment import Environment, environment
from .paths import ADDON, ADDONS, LINK, ROOT, STATE
from .process import output_of, run_in_front

PLUGIN = ROOT / "devtools" / "pytest" / "crm_cqrs_workers.py"

# As Odoo does before its own tests: what a test makes is undone with it. The bundles
# of Odoo's former test suite take as long as all the others, and nobody asks for them;
# those of the charts and of the worker of the bus a page asks for later.
MAKE_ASSETS = """
qweb = env["ir.qweb"]
kind = "%s"
bundles = dict(zip(("js", "css"), qweb._get_bundles_to_pregenarate()))[kind]
bundles -= {"web.tests_assets", "web.qunit_suite_tests", "mail.assets_public"}
for bundle in sorted(bundles | {"web.chartjs_lib", "bus.websocket_worker_assets"}):
    assets = qweb._get_asset_bundle(bundle, css=kind == "css", js=kind == "js")
    getattr(assets, kind)()
env.cr.commit()
"""

WORKERS = 3
"""Processes that run all tests, for two cores: one or another waits for a server."""

TOOLS = ("package", "clients")
"""Environments of tools that tests run."""

WITH_SALES = "--sales"
SALES_TESTS = LINK / "tests" / "sales"
"""Tests that need orders and invoices, and so a database of their own."""

OPTIONS_WITH_VALUE = {"-k", "-m", "-n", "-p", "-o", "-c", "-W", "-r"}


@dataclass(frozen=True)
class Databases:
    """The options and environment of the tests.

    template: Odoo without the addon; copied by tests that install it
    installed: with the addon; copied by tests of servers of their own
    tested: the one that tests work in; each worker makes a copy of it
    ports: of the PostgreSQL server of each worker
    """

    env: Environment
    template: str
    installed: str
    tested: str
    ports: Sequence[str]


def run(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments; returns its exit status."""
    missing_browser = browser.ensure()
    has_sales = WITH_SALES in arguments
    arguments = [each for each in arguments if each != WITH_SALES]
    tests = SALES_TESTS if has_sales else LINK
    paths = pytest_arguments(arguments, Path.cwd(), tests)
    is_whole = paths[-1] == os.fspath(tests) and "-k" not in arguments
    workers = wanted_workers(arguments, WORKERS if is_whole else 0)
    if not has_sales:
        paths.insert(0, f"--ignore={SALES_TESTS}")
    with (
        environment(TOOLS) as env,
        databases(env, workers, is_whole, has_sales) as made,
    ):
        code = run_in_front(
            [
                *(venv.python(), venv.VENV / "bin" / "pytest"),
                *(f"--odoo-database={made.tested}", "--odoo-http"),
                *(f"--rootdir={ADDONS}", "--durations=10", "-p", PLUGIN.stem),
                *("--dist=loadscope", "--no-loadscope-reorder"),
                *(*paths, f"-n{workers}"),
            ],
            environ={
                **browser.first_on_path(made.env.environ),
                "PYTHONPATH": os.pathsep.join(
                    [made.env.environ["PYTHONPATH"], os.fspath(PLUGIN.parent)]
                ),
                "CRM_CQRS_SERVER_PORTS": " ".join(made.ports),
                "CRM_CQRS_TEMPLATE_DB": made.template,
                "CRM_CQRS_INSTALLED_DB": made.installed,
                "CRM_CQRS_ODOO": os.fspath(odoo.COMMAND),
                "CRM_CQRS_NODE_MODULES": os.fspath(node_modules.MODULES),
                "CRM_CQRS_CLIENT_TOOLS": os.fspath(STATE / "tools_clients"),
                # That of somebody else has no replica for us to make.
                "CRM_CQRS_PRIVATE_SERVER": "" if server.is_external() else "1",
            },
            cwd=ADDONS,
            terminate_with=signal.SIGINT,  # the one that pytest cleans up after
        )
    if missing_browser:
        say(missing_browser)
    return code


def wanted_workers(arguments: Sequence[str], default: int) -> int:
    """How many processes test at a time; 0 where it is pytest's own that does."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("-n", "--numprocesses", type=int, default=default)
    options, _others = parser.parse_known_args(arguments)
    # Of somebody else's server there is one, and workers need one each.
    return 0 if server.is_external() else options.numprocesses


@contextmanager
def databases(
    env: Environment, workers: int, with_assets: bool, has_sales: bool
) -> Iterator[Databases]:
    """Install the addon for the block, on a server for each worker."""
    base = template.ensure_with_sales(env) if has_sales else template.ensure(env)
    with ExitStack() as stack:
        if workers:
            first = stack.enter_context(other_servers.younger())
            beside = replace(env, environ={**env.environ, **first})
            with step("Copying the template database to a server beside it"):
                database.bring(env.environ, base, beside.environ)
            env = beside
        name = stack.enter_context(throwaway.database_from(env, base))
        template.run_odoo(env, f"Installing {ADDON}", "-d", name, "-i", ADDON)
        if with_assets:
            # A few tests by themselves are done before this is.
            make_assets(env, name)
        tested, ports = name, [env.environ["PGPORT"]] if workers else []
        for _worker in range(1, workers):
            copy = other_servers.copy_of(env.environ)
            ports.append(stack.enter_context(copy)["PGPORT"])
        if not workers:
            tested = f"{name}_tested"
            database.create_from(env.environ, name, tested)
        yield Databases(env, base, name, tested, ports)


def make_assets(env: Environment, name: str) -> None:
    """Make what pages load, scripts and styles at a time, each on a core."""

    def make(kind: str) -> None:
        command = [odoo.COMMAND, "shell", "-d", name, "--no-http"]
        output_of(command, input=MAKE_ASSETS % kind, env=env.environ)

    with step("Making the pages' assets"), ThreadPoolExecutor() as pool:
        list(pool.map(make, ("js", "css")))


def pytest_arguments(arguments: Sequence[str], cwd: Path, tests: Path) -> list[str]:
    """Turn paths in the checkout into paths under the addon's link.

    pytest-odoo names the modules after the folders on the path that it is given.
    Without a path, ``tests`` are run.
    """
    result: list[str] = []
    has_path = False
    previous = ""
    for argument in arguments:
        path, *rest = argument.split("::")
        target = (cwd / path).resolve()
        inside = target == ROOT or ROOT in target.parents
        if previous not in OPTIONS_WITH_VALUE and target.exists() and inside:
            has_path = has_path or not previous.startswith("--")
            argument = "::".join([os.fspath(LINK / target.relative_to(ROOT)), *rest])
        result.append(argument)
        previous = argument
    return result if has_path else [*result, os.fspath(tests)]
