"""``odoo-bin cqrs``, found through the addons path.

Odoo loads this file alone, before there is a database: the addon itself can be
imported only once the registry has loaded it.
"""

# pylint: disable=print-used  # a command answers on its standard output

import argparse
import gzip
import logging
import sys
import time
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from datetime import datetime, timezone
from threading import Timer

import psycopg2

from odoo import SUPERUSER_ID, api
from odoo.cli import Command
from odoo.modules.registry import Registry
from odoo.service.db import list_dbs
from odoo.sql_db import close_db, db_connect
from odoo.tools import config

_logger = logging.getLogger(__name__)

#: Seconds after which a command reports its progress
PATIENCE = 2


class Cqrs(Command):
    """Build, verify, reconcile, replay and archive the event log, or show its status.

    verify     check the log, the recorded states and the projections: what has
               changed and a part of the rest, or everything with --all
    reconcile  record the changes that no hook has seen
    build      record the first event of each record that has none
    replay     rebuild the recorded states and the projections from the log
    archive    move the oldest events to archive tables
    prehistory reconstruct the past before the first events from what Odoo has
               tracked; it can be repeated, and is taken away by --remove
    compare    compare the dashboards of API v1 and v2, of all people or of a sample
    status     show the state of the log; with --all of all databases, or of those
               that -d lists, separated by commas
    renamed    confirm that the database is the one of a former name, so that keys,
               cursors and webhooks of that one are accepted
    prove      print the proof that an event is under a seal, as JSON
    seal-key   make a key file for seals, signed by the configured key
    forget     show what a person has left, export it, or erase it
    export     write everything that the log has of a company, as lines of JSON

    Exit status: 1 if verify found something, if compare found a difference that nothing
    explains, if replay found rows that differed, if status misses a trigger or finds
    something else to act on, if forget left something, or if the run was cancelled; of
    status --all if that holds of a database, or one cannot be opened; 2 on wrong usage;
    else 0.
    """

    def run(self, args):
        parser = self._parser_of_actions()
        options, odoo_options = parser.parse_known_args(args)
        _check(parser, options)
        if options.action == "status" and options.all:
            config.parse_config(["--no-http", *odoo_options], setup_logging=True)
            return self._status_of_all(options)
        if not options.database:
            parser.error("-d DATABASE is needed, but for status --all")
        config.parse_config(
            ["-d", options.database, "--no-http", *odoo_options], setup_logging=True
        )
        try:
            registry = Registry(options.database)
        except psycopg2.OperationalError as exc:
            parser.error(f"cannot open {options.database}: {exc}")
        if "cqrs.event" not in registry:
            parser.error(f"crm_cqrs is not installed in {options.database}")
        with registry.cursor() as cr:
            env = api.Environment(cr, SUPERUSER_ID, {})
            try:
                found, document = _ACTIONS[options.action](env, options)
            except ValueError as exc:
                parser.error(str(exc))
        _show(document, options.json)
        sys.exit(1 if found else 0)

    def _status_of_all(self, options):
        """Show the status of each database; one that fails does not stop the others."""
        names = options.database.split(",") if options.database else list_dbs(True)
        rows = []
        with _progress("status") as report:
            for number, name in enumerate(names):
                report(number / len(names), name)
                rows.append(_status_of(name))
        if not options.json:
            for row in rows:
                del row["status"]
        _show({"databases": rows}, options.json)
        sys.exit(1 if any(row["state"] in _TO_ACT_ON for row in rows) else 0)

    def _parser_of_actions(self) -> argparse.ArgumentParser:
        parser = self.parser
        parser.add_argument("action", choices=_ACTIONS)
        parser.add_argument(
            "subject",
            nargs="?",
            metavar="EVENT|PATH|NAME",
            help="for prove, seal-key and renamed",
        )
        parser.add_argument("-d", "--database")
        parser.add_argument(
            "--json", action="store_true", help="print one JSON document on stdout"
        )
        parser.add_argument(
            "--all",
            action="store_true",
            help="verify everything, and compare all records one by one; the status of"
            " all databases",
        )
        parser.add_argument(
            "--remove", action="store_true", help="remove what prehistory has made"
        )
        parser.add_argument(
            "--users",
            choices=("all", "sample"),
            help="compare the dashboards of all people, by default, or of a sample",
        )
        parser.add_argument(
            "--projection",
            action="append",
            metavar="MODEL",
            help="replay this one alone; may be given several times",
        )
        parser.add_argument(
            "--upto",
            type=_point,
            metavar="POSITION|TIME",
            help="count what differs from the present at that point (a position in the"
            " log, or ISO 8601, in UTC unless it says otherwise); writes nothing",
        )
        parser.add_argument(
            "--before",
            type=_time,
            metavar="TIME",
            help="archive the events before this time (ISO 8601, in UTC unless it says"
            " otherwise)",
        )
        parser.add_argument(
            "--tablespace",
            metavar="NAME",
            help="archive into this tablespace, by default where archive tables are",
        )
        parser.add_argument(
            "--seal",
            metavar="FILE",
            help="compare with the seals in this file, which is kept elsewhere",
        )
        parser.add_argument(
            "--company", type=int, metavar="ID", help="export this company"
        )
        parser.add_argument(
            "--output",
            metavar="FILE",
            help="write the export there (.gz is compressed), by default to stdout",
        )
        person = parser.add_argument_group(
            "forget",
            "Without --reason it shows what would go. It cannot be undone.",
        )
        person.add_argument("--contact", type=int, metavar="ID")
        person.add_argument("--email", metavar="ADDRESS")
        person.add_argument("--lead", type=int, metavar="ID")
        person.add_argument(
            "--export", metavar="FILE", help="write the person's data there, as JSON"
        )
        person.add_argument("--reason", help="stays on record; do not name the person")
        person.add_argument(
            "--keep-records",
            action="store_true",
            help="empty Odoo's records instead of deleting them",
        )
        person.add_argument(
            "--full",
            action="store_true",
            help="rewrite the tables (VACUUM FULL), which blocks their users meanwhile",
        )
        parser.add_argument(
            "--yes", action="store_true", help="do not ask (forget, renamed)"
        )
        person.add_argument(
            "--again",
            action="store_true",
            help="repeat the erasures of the list that a restored dump has undone",
        )
        return parser


#: Options of forget alone
_OF_FORGET = (
    "contact",
    "email",
    "lead",
    "export",
    "reason",
    "keep_records",
    "full",
    "again",
)


def _check(parser, options):
    """Refuse options that the action does not have."""
    needed = _SUBJECTS.get(options.action)
    if bool(options.subject) != bool(needed):
        parser.error(f"{options.action} needs {needed or 'nothing more'}")
    if options.action != "verify" and options.seal:
        parser.error("--seal is for verify")
    if options.action != "replay" and (options.projection or options.upto is not None):
        parser.error("--upto and --projection are for replay")
    is_archive = options.action == "archive"
    if is_archive != bool(options.before) or options.tablespace and not is_archive:
        parser.error("--before is for archive, which needs it; so is --tablespace")
    if options.remove and options.action != "prehistory":
        parser.error("--remove is for prehistory")
    if options.all and options.action not in ("verify", "status"):
        parser.error("--all is for verify and status")
    if options.users and options.action != "compare":
        parser.error("--users is for compare")
    if (options.action == "export") != (options.company is not None):
        parser.error("--company is for export, which needs it")
    if options.output and options.action != "export":
        parser.error("--output is for export")
    is_about_a_person = any(getattr(options, name) for name in _OF_FORGET)
    if options.action != "forget" and is_about_a_person:
        parser.error("--contact, --email, --lead and so on are for forget")
    if options.yes and options.action not in ("forget", "renamed"):
        parser.error("--yes is for forget and renamed")


def _verify(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.maintenance.checks.seals import (
        held_seals_missing,
    )
    from odoo.addons.crm_cqrs.models.seals.handing_out import read_seals

    held = read_seals(options.seal) if options.seal else []
    found, document = _perform(env, options)
    if held:
        missing = [asdict(each) for each in held_seals_missing(env, held)]
        document["findings"] += missing
        found |= bool(missing)
    return found, document


def _prove(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.seals.proof import prove

    # A proof is for a file: people read what the script shows of it.
    options.json = True
    return False, prove(env, options.subject)


def _seal_key(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.seals.key import SealKey
    from odoo.addons.crm_cqrs.models.seals.sealing import KEY_OPTION, configured_key

    key = SealKey.generate(follows=configured_key())
    key.save(options.subject)
    return False, {
        "path": options.subject,
        "public_key": key.id,
        "follows": key.predecessor and key.predecessor.key,
        "next": f"keep a copy, set {KEY_OPTION} in Odoo's configuration, restart",
    }


def _replay(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.maintenance.replay import replay, replay_order

    if options.upto is None:
        # Refuses unknown names before there is a run.
        replay_order(env, options.projection)
        return _perform(env, options)
    with _progress("replay") as report:
        replayed = replay(env, options.projection, options.upto, report=report)
    return False, {"projections": [vars(each) for each in replayed]}


def _record(env, options) -> tuple[bool, dict]:
    __, document = _perform(env, options)
    return False, document


def _prehistory(env, options) -> tuple[bool, dict]:
    if options.remove:
        return False, {"removed": env["cqrs.prehistory"]._remove()}
    return _record(env, options)


def _archive(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.maintenance.archive import check_tablespace

    # Before there is a run.
    check_tablespace(env, options.tablespace)
    __, document = _perform(
        env,
        options,
        before=options.before.astimezone(timezone.utc).replace(tzinfo=None),
        tablespace=options.tablespace,
    )
    return False, document


def _compare(env, options) -> tuple[bool, dict]:
    options.all = options.users != "sample"
    found, document = _perform(env, options)
    users = env["res.users"].with_context(active_test=False)
    for each in document["listed"]:
        each["login"] = users.browse(each["user_id"]).exists().login
    return found, document


def _status(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.maintenance.status import status, to_act_on

    document = status(env)
    return bool(to_act_on(document)), document


#: States of a database in which somebody has to act
_TO_ACT_ON = ("act", "error")


def _status_of(name: str) -> dict:
    """Return ``{database, state, act_on, error, status}`` of one database.

    ``state`` is ``ok``; ``act``, and ``act_on`` names what in the status asks for it;
    ``error``, and ``error`` says why it cannot be read; or ``not_installed``.
    """
    row = {"database": name, "state": "ok", "act_on": [], "error": None, "status": None}
    try:
        # A registry takes seconds, and is of no use where the addon is not.
        if not _is_installed(name):
            return {**row, "state": "not_installed"}
        with Registry(name).cursor(readonly=True) as cr:
            from odoo.addons.crm_cqrs.models.maintenance.status import status, to_act_on

            document = status(api.Environment(cr, SUPERUSER_ID, {}))
            # Not the cursor's, which is closed before it is shown.
            act_on = to_act_on(document)
    except Exception as exc:
        # One database says nothing of the others.
        _logger.info("The status of %s cannot be read", name, exc_info=True)
        lines = str(exc).strip().splitlines()
        reason = f"{type(exc).__name__}: {lines[0] if lines else ''}".rstrip(": ")
        return {**row, "state": "error", "error": reason}
    finally:
        # Two hundred of them are not kept.
        Registry.delete(name)
        close_db(name)
    return {
        **row,
        "state": "act" if act_on else "ok",
        "act_on": act_on,
        "status": document,
    }


def _is_installed(name: str) -> bool:
    with db_connect(name).cursor() as cr:
        cr.execute(
            "SELECT FROM ir_module_module WHERE name = 'crm_cqrs'"
            " AND state IN ('installed', 'to upgrade')"
        )
        return bool(cr.rowcount)


def _renamed(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.maintenance.renamed import Renaming

    renaming = Renaming.of(env, options.subject)
    if not options.yes:
        print(renaming.question, end=" ", file=sys.stderr, flush=True)
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            sys.exit("renamed: nothing was changed")
    return False, renaming.confirm(env)


def _forget(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.privacy.command import forget_command

    with _progress("forget") as report:
        return forget_command(env, options, report)


def _export(env, options) -> tuple[bool, dict]:
    from odoo.addons.crm_cqrs.models.maintenance.company_export_run import write_export

    company = env["res.company"].browse(options.company).exists()
    if not company:
        raise ValueError(f"there is no company {options.company}")
    with _progress("export") as report, _output(options.output) as file:
        counts = write_export(env, company, file, report)
    if not options.output:
        # The export is what stands on stdout.
        sys.exit(0)
    return False, {"path": options.output, **counts}


def _output(path: str | None):
    """Return the file to write text to; stdout without a path."""
    if not path:
        return nullcontext(sys.stdout)
    opened = gzip.open if path.endswith(".gz") else open
    return opened(path, "wt", encoding="utf-8")


_ACTIONS = {
    "verify": _verify,
    "reconcile": _record,
    "build": _record,
    "replay": _replay,
    "archive": _archive,
    "prehistory": _prehistory,
    "compare": _compare,
    "status": _status,
    "prove": _prove,
    "seal-key": _seal_key,
    "forget": _forget,
    "export": _export,
    "renamed": _renamed,
}

#: The subject that an action needs
_SUBJECTS = {
    "prove": "an event",
    "seal-key": "the path of a new file",
    "renamed": "the former name of the database",
}


def _perform(env, options, **values) -> tuple[bool, dict]:
    """Perform the action as a run, listed beside those of the screens."""
    run = env["cqrs.run"].create(
        {
            "kind": options.action,
            "projections": options.projection,
            "is_exhaustive": options.all,
            "user_id": env.uid,
            **values,
        }
    )
    with _progress(options.action) as report:
        run._perform(report)
    if run.state == "cancelled":
        sys.exit(f"{options.action}: cancelled")
    return bool(run.findings), run.result


@contextmanager
def _progress(action: str):
    """Yield a report that prints the progress to stderr once the action takes long."""
    start = time.monotonic()
    current = ""

    def tell():
        print(f"{action}: {current}", file=sys.stderr, flush=True)

    def report(done: float, step: str):
        nonlocal current
        current = f"{done:4.0%} {step}"
        if time.monotonic() - start > PATIENCE:
            tell()

    timer = Timer(PATIENCE, tell)
    timer.start()
    try:
        yield report
    finally:
        timer.cancel()


def _point(text: str) -> int | datetime:
    return int(text) if text.isdecimal() else _time(text)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as exc:
        raise argparse.ArgumentTypeError(f"{text!r} is no time") from exc
    return time if time.tzinfo else time.replace(tzinfo=timezone.utc)


def _show(document: dict, as_json: bool):
    from odoo.addons.crm_cqrs.models.support.exact_json import dumps

    if as_json:
        print(dumps(document))
    else:
        for line in _lines(document):
            print(line)


def _lines(value, indent: str = ""):
    """Yield the lines of a document for people, each row of a table on one line."""
    if isinstance(value, dict):
        for key, child in value.items():
            if isinstance(child, dict | list) and child:
                yield f"{indent}{key}:"
                yield from _lines(child, indent + "  ")
            else:
                yield f"{indent}{key}: {'-' if child in (None, [], {}) else child}"
    else:
        for child in value:
            if isinstance(child, dict):
                child = "  ".join(
                    f"{key}={part}" for key, part in child.items() if part is not None
                )
            yield f"{indent}{child}"
