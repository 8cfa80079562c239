"""./dev test: every run in a database of its own, which is gone afterwards."""

import os
import signal
from collections.abc import Sequence
from pathlib import Path

from . import browser, demo, node_modules, odoo, server, template, throwaway, venv
from .console import say
from .environment import environment
from .paths import ADDON, ADDONS, LINK, ROOT
from .process import run_in_front

# As Odoo does before its own tests: what a test makes is undone with it.
MAKE_ASSETS = "env['ir.qweb']._pregenerate_assets_bundles(); env.cr.commit()"

OPTIONS_WITH_VALUE = {"-k", "-m", "-n", "-p", "-o", "-c", "-W", "-r"}


def run(arguments: Sequence[str]) -> int:
    """Run pytest with these arguments; returns its exit status."""
    missing_browser = browser.ensure()
    with environment() as env:
        base = template.ensure(env)
        with throwaway.database_from(env, base) as name:
            template.run_odoo(env, f"Installing {ADDON}", "-d", name, "-i", ADDON)
            if not arguments:
                # A few tests by themselves are done before this is.
                demo.run_shell(env, "Making the pages' assets", name, MAKE_ASSETS)
            code = run_in_front(
                [
                    *(venv.python(), venv.VENV / "bin" / "pytest"),
                    *(f"--odoo-database={name}", "--odoo-http"),
                    *(f"--rootdir={ADDONS}", "--durations=10"),
                    *pytest_arguments(arguments, Path.cwd()),
                ],
                environ={
                    **env.environ,
                    "CRM_CQRS_TEMPLATE_DB": base,
                    "CRM_CQRS_ODOO": os.fspath(odoo.COMMAND),
                    "CRM_CQRS_NODE_MODULES": os.fspath(node_modules.MODULES),
                    # That of somebody else has no replica for us to make.
                    "CRM_CQRS_PRIVATE_SERVER": "" if server.is_external() else "1",
                },
                cwd=ADDONS,
                terminate_with=signal.SIGINT,  # the one that pytest cleans up after
            )
    if missing_browser:
        say(missing_browser)
    return code


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
