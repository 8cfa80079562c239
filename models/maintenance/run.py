"""Runs: long work on the log, done in the background and noted in a table."""

import json
import logging
import zlib
from dataclasses import asdict
from datetime import timedelta, timezone

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.fields import Domain
from odoo.service.model import retrying
from odoo.tools import SQL
from odoo.tools.misc import formatLang
from odoo.tools.sql import table_exists

from ..access.answer_context import Unreadable
from ..seals.reach import reach
from ..support.exact_json import dumps
from ..support.json_field import PortableJson
from ..support.progress import Postponed, Report, silent
from ..support.transactions import committed
from .archive import archive, check_tablespace
from .comparison import compare_all
from .jobs import RUNS, why_not_performed
from .repair_backup import delete_backup
from .replay import remake_faulty, replay, replay_order
from .scope import EVERYTHING, Scope, next_scope
from .verify import verify

_logger = logging.getLogger(__name__)

VERIFY = "verify"
REPLAY = "replay"
RECONCILE = "reconcile"
BUILD = "build"
ARCHIVE = "archive"
PREHISTORY = "prehistory"
COMPARE = "compare"

PENDING = "pending"
RUNNING = "running"
DONE = "done"
FAILED = "failed"
CANCELLED = "cancelled"


# First key of the advisory lock on a run; the second is its id.
LOCK = zlib.crc32(b"cqrs.run") >> 1

#: Times that a run is begun if the server stops in each of them
ATTEMPTS = 3

#: Events up to which an installation is verified within itself, in seconds
VERIFY_AT_ONCE = 50_000


class Cancelled(Exception):
    """A user has cancelled the run."""


class CqrsRun(models.Model):
    """A verification, replay, build or other long work on the log, over or not.

    ``projections`` restricts a replay to the models of that name (JSON, a list);
    ``before`` and ``tablespace`` tell an archiving what to move, and where to.
    ``result`` is JSON: for a verification ``{"findings": [a Finding each], "coverage":
    of scope.py, "seals": of reach.py}``,
    ``{"projections": [a Replayed each]}`` for a replay, ``{"events": number}`` for a
    reconciliation, a build or an archiving, ``{"spans": number}`` for a reconstruction
    of the past before recording began, that of ``comparison.py`` for a comparison of v1
    and v2. ``findings`` counts the findings, the rows that
    differed or were made, the events recorded or moved, or the dashboards with a
    difference that nothing explains.

    A cron performs the run in a transaction of its own, which may be long and be run
    again. Between its steps, other transactions therefore write its progress and read
    whether it was cancelled.
    """

    _name = "cqrs.run"
    _description = "Event Log Run"
    _order = "id desc"
    _rec_name = "kind"

    kind = fields.Selection(
        [
            (VERIFY, "Verify"),
            (REPLAY, "Rebuild"),
            (RECONCILE, "Reconcile"),
            (BUILD, "First Build"),
            (ARCHIVE, "Archive"),
            (PREHISTORY, "Earlier Past"),
            (COMPARE, "Compare v1 and v2"),
        ],
        required=True,
        readonly=True,
    )
    state = fields.Selection(
        [
            (PENDING, "Pending"),
            (RUNNING, "Running"),
            (DONE, "Done"),
            (FAILED, "Failed"),
            (CANCELLED, "Cancelled"),
        ],
        required=True,
        readonly=True,
        default=PENDING,
    )
    projections = PortableJson(readonly=True)
    before = fields.Datetime(readonly=True)
    tablespace = fields.Char(readonly=True)
    is_exhaustive = fields.Boolean(
        "Everything",
        readonly=True,
        help="Verifies everything, and compares all records one by one. Otherwise a "
        "verification covers what has changed, a part of the rest, and a sample. A "
        "comparison covers all people, otherwise a sample of them.",
    )
    user_id = fields.Many2one("res.users", "Requested By", readonly=True)
    progress = fields.Float("Progress (%)", readonly=True, aggregator=None)
    step = fields.Char(readonly=True)
    step_name = fields.Char("Current Step", compute="_compute_step_name")
    attempts = fields.Integer(readonly=True, aggregator=None)
    started_at = fields.Datetime(readonly=True)
    finished_at = fields.Datetime(readonly=True)
    cancel_requested = fields.Boolean(readonly=True)
    postponed_until = fields.Datetime(readonly=True)
    findings = fields.Integer(readonly=True)
    result = PortableJson(readonly=True)
    error = fields.Text(readonly=True)
    outcome = fields.Char(compute="_compute_outcome")
    waits_for = fields.Char(compute="_compute_waits_for")

    @api.depends("kind")
    @api.depends_context("lang")
    def _compute_display_name(self):
        kinds = dict(self._fields["kind"]._description_selection(self.env))
        for run in self:
            run.display_name = f"{kinds.get(run.kind, '')} #{run.id}"

    @api.depends("step")
    @api.depends_context("lang")
    def _compute_step_name(self):
        """Name a step that is called by a model with that model's display name."""
        models_ = self.sudo().env["ir.model"]
        for run in self:
            # A table goes by the name of its model.
            model = (run.step or "").replace("_", ".")
            run.step_name = models_._get(model).name if model in self.env else run.step

    @api.depends("state", "kind", "findings", "error", "result")
    @api.depends_context("lang")
    def _compute_outcome(self):
        for run in self:
            run.outcome = run._outcome()

    @api.depends("state")
    @api.depends_context("lang")
    def _compute_waits_for(self):
        """Say what a pending run waits for, if nothing is going to perform it."""
        env = self.sudo().env
        for run in self:
            run.waits_for = run.state == PENDING and why_not_performed(
                env, run.create_date, self._job(run.kind)
            )

    def _outcome(self) -> str | bool:
        """Return the outcome of the run in a sentence; False before it has ended."""
        if self.state == FAILED:
            return (self.error or "").strip().partition("\n")[0]
        if self.state == CANCELLED:
            if self.kind in (RECONCILE, BUILD):
                return self.env._("Cancelled. Events recorded so far are kept.")
            if self.kind == ARCHIVE:
                return self.env._("Cancelled. Events moved so far stay archived.")
            if self.kind == PREHISTORY:
                return self.env._("Cancelled. The next one goes on from here.")
            return self.env._("Cancelled. Nothing was changed.")
        if self.state != DONE:
            return False
        if not self.findings:
            return {
                VERIFY: self._verified(),
                REPLAY: self.env._("All rows match the log."),
                RECONCILE: self.env._("No changes were missing."),
                BUILD: self.env._("All records already have events."),
                ARCHIVE: self.env._("No sealed events were left to archive."),
                PREHISTORY: self.env._("Odoo has kept nothing from before."),
                COMPARE: self._compared(),
            }[self.kind]
        count = formatLang(self.env, self.findings, digits=0)
        return {
            VERIFY: self.env._("Findings: %s.", count),
            REPLAY: self.env._("Rows corrected: %s.", count),
            RECONCILE: self.env._("Missing changes recorded: %s.", count),
            BUILD: self.env._("First events recorded: %s.", count),
            ARCHIVE: self.env._("Events archived: %s.", count),
            PREHISTORY: self.env._("Intervals reconstructed: %s.", count),
            COMPARE: self.env._(
                "Dashboards with differences that nothing explains: %s.", count
            ),
        }[self.kind]

    def _compared(self) -> str:
        """Return what a comparison without findings has covered, in a sentence."""
        return self.env._(
            "%(dashboards)s dashboards of %(people)s people were compared. Every "
            "difference is explained.",
            **{
                name: formatLang(self.env, (self.result or {}).get(name, 0), digits=0)
                for name in ("dashboards", "people")
            },
        )

    def _verified(self) -> str:
        """Return what a verification without findings has covered, in a sentence."""
        coverage = (self.result or {}).get("coverage")
        if not coverage or coverage["seed"] is None:
            return self.env._("Everything is correct.")
        if coverage["is_whole"]:
            return self.env._(
                "The log and the read models are correct, as is a sample of records."
            )
        return self.env._(
            "What has changed is correct, as is part %(part)s of %(parts)s.",
            part=coverage["part"] + 1,
            parts=coverage["parts"],
        )

    @api.model
    def action_verify(self):
        """Request an incremental verification (``scope.py``)."""
        return self._request(VERIFY)

    @api.model
    def action_verify_all(self):
        """Request a verification of everything, with all records one by one."""
        return self._request(VERIFY, is_exhaustive=True)

    @api.model
    def action_replay(self, projections: list[str] | None = None):
        """Request a replay of the named projections, all by default.

        :raise ValueError: there is no projection of that name
        """
        self._check_administrator()
        replay_order(self.env, projections)
        return self._request(REPLAY, projections=projections)

    @api.model
    def action_reconcile(self):
        return self._request(RECONCILE)

    @api.model
    def action_build(self):
        return self._request(BUILD)

    @api.model
    def action_archive_events(self, before: str, tablespace: str | None = None):
        """Request that the events before a time are archived.

        :param before: in UTC, as Odoo writes it
        :raise ValueError: there is no such tablespace
        """
        self._check_administrator()
        if not before:
            raise UserError(self.env._("Choose the time before which events move."))
        check_tablespace(self.env, tablespace)
        return self._request(ARCHIVE, before=before, tablespace=tablespace)

    @api.model
    def action_compare(self, is_everybody: bool = False):
        """Request a comparison of v1 and v2, for a sample of people or for all."""
        return self._request(COMPARE, is_exhaustive=bool(is_everybody))

    def action_cancel(self):
        """Cancel the runs; those that are running end at their next step."""
        self._check_administrator()
        return self._cancel()

    def _cancel(self):
        runs = self.sudo()
        runs.filtered(lambda run: run.state == PENDING).state = CANCELLED
        runs.filtered(lambda run: run.state == RUNNING).cancel_requested = True
        return True

    @api.model
    def _request(self, kind: str, **values) -> dict:
        """Request a run from the cron; return the action that shows it."""
        self._check_administrator()
        run = self.sudo().create({"kind": kind, "user_id": self.env.uid, **values})
        self.env.ref("crm_cqrs.ir_cron_run").sudo()._trigger()
        return {
            "type": "ir.actions.act_window",
            "res_model": self._name,
            "res_id": run.id,
            "views": [(False, "form")],
        }

    def _check_administrator(self):
        if not self.env.is_system():
            raise AccessError(self.env._("Only administrators can do this."))

    @api.model
    def _last_comparison(self, is_over: bool = True):
        """Return the last comparison of v1 and v2, or the last that is done."""
        done = [("state", "=", DONE)] if is_over else []
        return self.search([("kind", "=", COMPARE), *done], order="id desc", limit=1)

    def _comparison_as_shown(self) -> dict:
        """Return a comparison as the screens of v1 show it."""
        [shown] = self.read(
            [
                *("state", "progress", "step", "finished_at", "findings", "outcome"),
                *("waits_for", "cancel_requested"),
            ]
        )
        return shown | {
            name: (self.result or {}).get(name)
            for name in ("people", "dashboards", "is_everybody", "differing")
        }

    @api.model
    def _perform_pending(self, job: str = RUNS):
        """Perform the pending runs of a scheduled action, oldest first; commits."""
        if job == RUNS:
            self._request_build_if_behind()
        for run in self._abandoned():
            run._take_up_again()
        while run := self._next(job):
            try:
                run._perform()
            except Exception:
                _logger.exception("Run %s (%s) failed", run.id, run.kind)

    def _register_hook(self):
        result = super()._register_hook()
        # A module or a field may have come or gone.
        if (
            table_exists(self.env.cr, "cqrs_source_field")
            and self.env["cqrs.source"].sudo()._is_behind()
            and (cron := self.env.ref("crm_cqrs.ir_cron_run", False))
        ):
            cron.sudo()._trigger()
        return result

    def _request_build_if_behind(self):
        """Request a build if a model or a field is to join or to end.

        Not within a day of a build that failed, or that somebody cancelled.
        """
        yesterday = fields.Datetime.now() - timedelta(days=1)
        last = self.search([("kind", "=", BUILD)], limit=1)
        is_stopped = last.state in (FAILED, CANCELLED) and last.finished_at > yesterday
        if last.state in (PENDING, RUNNING) or is_stopped:
            return
        if self.env["cqrs.source"].sudo()._is_behind():
            self.create({"kind": BUILD, "user_id": self.env.uid})

    def _job(self, kind: str) -> str:
        """Return the scheduled action that performs runs of a kind."""
        return RUNS

    def _kinds(self, job: str = RUNS) -> list[str]:
        """Return the kinds of runs that a scheduled action performs."""
        kinds = self._fields["kind"].get_values(self.env)
        return [kind for kind in kinds if self._job(kind) == job]

    def _next(self, job: str):
        """Return the next run that a scheduled action is to perform."""
        now = fields.Datetime.now()
        is_due = Domain("postponed_until", "=", False) | Domain(
            "postponed_until", "<=", now
        )
        is_pending = Domain("state", "=", PENDING) & Domain(
            "kind", "in", self._kinds(job)
        )
        return self.search(is_pending & is_due, order="id", limit=1)

    @api.model
    def _verify_nightly(self):
        """Verify in a run, as if a user had requested it; commits."""
        self.create({"kind": VERIFY, "user_id": self.env.uid})
        # Ending an abandoned run first would roll this one back.
        self.env.cr.commit()  # pylint: disable=invalid-commit
        self._perform_pending()

    @api.model
    def _verify_installation(self, events: int):
        """Verify what an installation has recorded, in its own transaction.

        Where that would take longer than the installation, a run is requested.

        :param events: their number
        """
        if events > VERIFY_AT_ONCE:
            self._request(VERIFY)
            return
        started_at = fields.Datetime.now()
        findings, result = _verify_scope(
            self.env, next_scope(self.env), has_written=True
        )
        self.create(
            {
                "kind": VERIFY,
                "user_id": self.env.uid,
                "state": DONE,
                "progress": 100,
                "started_at": started_at,
                "finished_at": fields.Datetime.now(),
                "findings": findings,
                "result": result,
            }
        )

    def _perform(self, report: Report = silent):
        """Do the work and note its outcome; commits.

        :param report: called with the progress as well
        """
        # A lock of the session outlives the transactions, and ends with the process.
        self.env.cr.execute("SELECT pg_advisory_lock(%s, %s)", [LOCK, self.id])
        try:
            self._perform_locked(report)
        finally:
            self.env.cr.rollback()
            self.env.cr.execute("SELECT pg_advisory_unlock(%s, %s)", [LOCK, self.id])

    def _abandoned(self):
        """Return the running runs that no process performs."""
        self.env.cr.execute(
            "SELECT id FROM cqrs_run WHERE state = %s"
            " AND pg_try_advisory_xact_lock(%s, id)",
            [RUNNING, LOCK],
        )
        return self.browse([id_ for (id_,) in self.env.cr.fetchall()])

    def _take_up_again(self):
        """Let an abandoned run start over; commits.

        A build, a reconciliation, an archiving and a reconstruction skip the work that
        was committed; a verification and a replay are one transaction, which has left
        nothing.
        """
        if self.cancel_requested:
            self._end(CANCELLED)
        elif self.attempts >= ATTEMPTS:
            # The run itself may be the reason that the server stops.
            error = self.env._(
                "The server stopped during each of %s attempts. "
                "Check the server log, then start the run again."
            )
            self._end(FAILED, error=error % self.attempts)
        else:
            self.state = PENDING
            self.env.cr.commit()  # pylint: disable=invalid-commit

    def _perform_locked(self, report: Report):
        self.write(
            {
                "state": RUNNING,
                "started_at": fields.Datetime.now(),
                "attempts": self.attempts + 1,
            }
        )
        # Screens show the run while a job or a command performs it.
        self.env.cr.commit()  # pylint: disable=invalid-commit

        def note(done: float, step: str):
            self._note_progress(done, step)
            report(done, step)

        try:
            self.env["cqrs.event"]._gather_missing_statistics()
            findings, result = self._work(note)
        except Postponed as exc:
            self._postpone(exc.pause)
        except (Cancelled, KeyboardInterrupt) as exc:
            self._end(CANCELLED)
            if not isinstance(exc, Cancelled):
                raise
        except Exception as exc:
            self._end(FAILED, error=str(exc))
            raise
        else:
            self._end(DONE, progress=100, findings=findings, result=result)

    def _work(self, report: Report) -> tuple[int, dict]:
        """Do the work; return the number of findings and the result.

        :raise Cancelled: a user has cancelled the run
        :raise Postponed: it goes on later
        """
        return _WORK[self.kind](self, report)

    def _postpone(self, pause: timedelta):
        """Let the run go on later; commits."""
        self.env.cr.rollback()
        self.env.invalidate_all(flush=False)
        until = fields.Datetime.now() + pause
        self.write({"state": PENDING, "postponed_until": until, "attempts": 0})
        self.env.ref("crm_cqrs.ir_cron_run").sudo()._trigger(at=until)
        self.env.cr.commit()  # pylint: disable=invalid-commit

    def _note_progress(self, done: float, step: str):
        with self.env.registry.cursor() as cr:
            cr.execute(
                SQL(
                    "UPDATE cqrs_run SET progress = %s, step = %s WHERE id = %s"
                    " RETURNING cancel_requested",
                    100 * done,
                    step,
                    self.id,
                )
            )
            (cancel_requested,) = cr.fetchone()
        if cancel_requested:
            raise Cancelled

    def _end(self, state: str, **values):
        # The transaction of the work does not see the progress noted meanwhile.
        self.env.cr.rollback()
        self.env.invalidate_all(flush=False)
        self.write({"state": state, "finished_at": fields.Datetime.now(), **values})
        self.env.cr.commit()  # pylint: disable=invalid-commit


def _verify(run, report: Report) -> tuple[int, dict]:
    def work():
        scope = EVERYTHING if run.is_exhaustive else next_scope(run.env)
        return _verify_scope(run.env, scope, report)

    return retrying(work, run.env)


def _verify_scope(
    env, scope: Scope, report: Report = silent, *, has_written: bool = False
) -> tuple[int, dict]:
    """Verify a scope; return the number of findings and the result."""
    findings = verify(env, report, scope, has_written=has_written)
    coverage = scope.coverage(env)
    if not findings:
        delete_backup(env, coverage["whole_since"])
    return len(findings), {
        "findings": [asdict(finding) for finding in findings],
        "coverage": coverage,
        "seals": json.loads(dumps(reach(env))),
    }


def _replay(run, report: Report) -> tuple[int, dict]:
    # A transaction of its own: to make a table anew blocks readers and writers.
    wanted = committed(
        run.env,
        lambda: remake_faulty(run.env, replay_order(run.env, run.projections or None)),
    )

    def work():
        # Writers may meanwhile note records that cannot be applied.
        run.env.ref("crm_cqrs.ir_cron_reconcile").sudo()._trigger()
        return replay(run.env, wanted, report=report)

    replayed = retrying(work, run.env)
    run.env["cqrs.projection"]._heal_all()
    drift = sum(each.drift for each in replayed)
    return drift, {"projections": [asdict(each) for each in replayed]}


def _reconcile(run, report: Report) -> tuple[int, dict]:
    log = run.env["cqrs.event"]
    events, failures = log._look_at_each(log._captured(), report)
    if failures:
        raise UserError("\n".join(failures))
    return events, {"events": events}


def _build(run, report: Report) -> tuple[int, dict]:
    report(0, "cqrs.event")
    events = run.env["cqrs.event"]._build(report)
    return events, {"events": events}


def _archive(run, report: Report) -> tuple[int, dict]:
    before = run.before.replace(tzinfo=timezone.utc)
    events = archive(run.env, before, run.tablespace or None, report)
    return events, {"events": events}


def _prehistory(run, report: Report) -> tuple[int, dict]:
    spans = run.env["cqrs.prehistory"]._remake(report)
    return spans, {"spans": spans}


def _compare(run, report: Report) -> tuple[int, dict]:
    try:
        result = compare_all(run.env, run.is_exhaustive, run.id, report)
    except Unreadable as exc:
        raise UserError(run.env._("A read model is broken: %s.", exc)) from exc
    return result["unexplained"], result


_WORK = {
    VERIFY: _verify,
    REPLAY: _replay,
    RECONCILE: _reconcile,
    BUILD: _build,
    ARCHIVE: _archive,
    PREHISTORY: _prehistory,
    COMPARE: _compare,
}
