"""./dev test: every run in a database of its own, which is gone afterwards."""

import os
import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from . import (
    browser,
    database,
    node_modules,
    odoo,
    second_server,
    server,
    template,
    throwaway,
    venv,
)
from .console import say, step
from .environment import Environment, environment
from .paths import ADDON, ADDONS, LINK, ROOT
from .process import run_in_front

OPTIONS_WITH_VALUE = {"-k", "-m", "-n", "-p", "-o", "-c", "-W", "-r"}
PLUGINS = ROOT / "devtools" / "pytest_plugin"

#: Of all tests, a class to a worker: two of them, which two cores have work for, in
#: the order of the files, where long ones do not come last
IN_PARALLEL = (
    *("--numprocesses=2", "--dist=loadscope", "--no-loadscope-reorder"),
    *("-p", "worker_server"),
)


def run(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments; returns its exit status."""
    missing_browser = browser.ensure()
    with environment() as env:
        base = template.ensure(env)
        with throwaway.database_from(env, base) as name:
            install(env, name)
            # Someone else's server has no second one beside it for us to make.
            if arguments or server.is_external():
                code = run_pytest(env, base, name, *arguments)
            else:
                with second(env, base, name) as ports:
                    code = run_pytest(env, base, name, *IN_PARALLEL, ports=ports)
    if missing_browser:
        say(missing_browser)
    return code


def install(env: Environment, name: str) -> None:
    template.run_odoo(env, f"Installing {ADDON}", "-d", name, "-i", ADDON)


@contextmanager
def second(env: Environment, base: str, name: str) -> Iterator[list[str]]:
    """Have a second server with the same databases; gives the ports of both.

    On one server, tests would wait for each other: how far the log can be read ends
    where the oldest transaction of the whole server began.
    """
    with second_server.younger() as variables:
        other = replace(env, environ={**env.environ, **variables})
        with step("Copying the template database to a second server"):
            database.copy_to(env.environ, base, other.environ)
            database.clone(other.environ, base, name)
        install(other, name)
        yield [each.environ["PGPORT"] for each in (env, other)]


def run_pytest(
    env: Environment, base: str, name: str, *arguments: str, ports: Sequence[str] = ()
) -> int:
    return run_in_front(
        [
            *(venv.python(), venv.VENV / "bin" / "pytest"),
            *(f"--odoo-database={name}", "--odoo-http"),
            *(f"--rootdir={ADDONS}", "--durations=10"),
            *pytest_arguments(arguments, Path.cwd()),
        ],
        environ={
            **env.environ,
            "PYTHONPATH": os.pathsep.join([env.environ["PYTHONPATH"], str(PLUGINS)]),
            "CRM_CQRS_PORTS": " ".join(ports),
            "CRM_CQRS_TEMPLATE_DB": base,
            "CRM_CQRS_ODOO": os.fspath(odoo.COMMAND),
            "CRM_CQRS_NODE_MODULES": os.fspath(node_modules.MODULES),
            # That of somebody else has no replica for us to make.
            "CRM_CQRS_PRIVATE_SERVER": "" if server.is_external() else "1",
        },
        cwd=ADDONS,
        terminate_with=signal.SIGINT,  # the one that pytest cleans up after
    )


def pytest_arguments(arguments: Sequence[str], cwd: Path) -> list[str]:
    """Turn paths in the checkout into paths under the addon's link.

    pytest-odoo names the modules after the folders on the path that it is given.
    Without a path, all of the addon is run.
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
    return result if has_path else [*result, os.fspath(LINK)]
