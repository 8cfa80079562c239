"""The command ``odoo-bin cqrs forget``."""

import sys
import time

from ..support.exact_json import dumps
from ..support.progress import Report
from . import again, erasures
from .export import export
from .finder import find
from .preview import preview
from .removal import DELETE, EMPTY
from .subject import Subject

#: Seconds between two looks at the transactions that are waited for
PAUSE = 1


def forget_command(env, options, report: Report) -> tuple[bool, dict]:
    """Show, export or erase what a person has left; commits.

    :param options: as parsed by ``cli/cqrs.py``
    :return: whether something is left, and the document to print
    :raise ValueError: wrong usage
    """
    if options.again:
        return _again(env, report)
    subject = Subject.of(
        partner=options.contact or 0, email=options.email or "", lead=options.lead or 0
    )
    found = find(env, subject)
    traces = {
        key: [each.as_json() for each in traces]
        for key, traces in preview(env, found).items()
    }
    if options.export:
        with open(options.export, "w", encoding="utf-8") as file:
            file.write(dumps(export(env, found)))
    if not options.reason:
        return False, {"found": traces}
    if not options.yes:
        _ask(traces)
    mode = EMPTY if options.keep_records else DELETE
    values = env["cqrs.run"]._forget_values(subject, options.reason, mode, options.full)
    return _perform(env, values, report)


def _again(env, report: Report) -> tuple[bool, dict]:
    if not erasures.path():
        raise ValueError(
            f"the configuration file names no list of erasures ({erasures.OPTION})"
        )
    if not again.due(env):
        return False, {"repeated": 0}
    return _perform(env, env["cqrs.run"]._again_values(), report)


def _perform(env, values: dict, report: Report) -> tuple[bool, dict]:
    run = env["cqrs.run"].create({**values, "kind": "forget", "user_id": env.uid})
    # Nothing that this transaction has read may keep the erased rows visible.
    env.cr.commit()  # pylint: disable=invalid-commit
    run._perform(report)
    while run.state == "pending":
        time.sleep(PAUSE)
        run._perform(report)
    if run.state == "cancelled":
        sys.exit("forget: cancelled")
    return bool(run.findings), {"outcome": run.outcome, **run.result}


def _ask(traces: dict):
    sys.stderr.write(f"{dumps(traces)}\n")
    if not sys.stdin.isatty():
        raise ValueError("add --yes to erase without being asked")
    sys.stderr.write("Type FORGET to erase this. It cannot be undone: ")
    sys.stderr.flush()
    if input() != "FORGET":
        sys.exit("forget: cancelled")
