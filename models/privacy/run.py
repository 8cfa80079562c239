"""Runs that forget: a person, or the leads that the rule of retention names."""

import re
import uuid
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import UserError

from ..support.json_field import PortableJson
from ..support.progress import Postponed, Report
from ..support.transactions import committed
from . import kept_values
from .again import due, forget_again
from .finder import find
from .forget import forget
from .forgetting import MODES
from .removal import DELETE
from .subject import Subject
from .sweep import autocommit, older_transactions, sweep

FORGET = "forget"

#: Time that the clean-up waits for older transactions before it goes on beside them
PATIENCE = timedelta(hours=1)
#: Time between two looks at them
PAUSE = timedelta(seconds=20)


class CqrsRun(models.Model):
    """Forgets in a transaction, and cleans up once no older transaction is open.

    ``request`` is JSON without personal values: ``{"subject": ids, "key": file of
    ``kept_values``}`` and, once the erasure is committed, ``{"txid", "tables",
    "since"}``.
    """

    _inherit = "cqrs.run"

    kind = fields.Selection(
        selection_add=[(FORGET, "Forget")], ondelete={FORGET: "cascade"}
    )
    reason = fields.Char(readonly=True)
    mode = fields.Selection(MODES, "Records in Odoo", readonly=True)
    is_full = fields.Boolean("Rewrite Tables", readonly=True)
    request = PortableJson(readonly=True)
    erasure = fields.Text("Outcome of the Erasure", compute="_compute_erasure")

    @api.model
    def _request_to_forget(
        self, subject: Subject, reason: str, mode: str = DELETE, is_full: bool = False
    ) -> dict:
        """Request a run that forgets a person; return the action that shows it."""
        self._check_administrator()
        return self._request(
            FORGET, **self._forget_values(subject, reason, mode, is_full)
        )

    @api.model
    def _forget_values(
        self, subject: Subject, reason: str, mode: str = DELETE, is_full: bool = False
    ) -> dict:
        if not (reason or "").strip():
            raise UserError(self.env._("Enter the reason. It stays on record."))
        key = str(uuid.uuid4())
        kept_values.keep(self.env.cr.dbname, key, {"emails": subject.emails})
        document = {**subject.as_json(), "emails": []}
        return {
            "reason": reason.strip(),
            "mode": mode,
            "is_full": is_full,
            "request": {"subject": document, "key": key},
        }

    @api.depends("result", "request")
    @api.depends_context("lang")
    def _compute_erasure(self):
        for run in self:
            run.erasure = run.kind == FORGET and "\n".join(run._erasure_lines())

    def _erasure_lines(self) -> list[str]:
        """Return sentences on what an erasure has done, has kept and has left."""
        request, result = self.request or {}, self.result or {}
        lines = []
        if counts := request.get("counts"):
            lines.append(self.env["cqrs.forgetting"]._summary(counts))
        for kept in request.get("kept", ()):
            lines.append(
                self.env._(
                    "Kept: %(model)s #%(id)s. %(reason)s",
                    model=self.env["ir.model"].sudo()._get(kept["model"]).name,
                    id=kept["id"],
                    reason=kept["reason"],
                )
            )
        for left in result.get("left", ()):
            lines.append(
                self.env._(
                    "Left: %(place)s (%(rows)s) %(columns)s %(examples)s",
                    place=left["place"],
                    rows=left["rows"],
                    columns=", ".join(left["columns"]),
                    examples=", ".join(map(str, left["examples"])),
                )
            )
        if tables := result.get("not_vacuumed"):
            lines.append(
                self.env._("Locked by others, not cleaned: %s", ", ".join(tables))
            )
        return lines

    def _outcome(self):
        if self.kind != FORGET or self.state not in ("done", "cancelled"):
            return super()._outcome()
        if not (self.request or {}).get("txid"):
            return self.env._("Cancelled. Nothing was changed.")
        if self.state == "cancelled":
            return self.env._("The data is erased. The clean-up was cancelled.")
        if not self.result.get("searched"):
            return self.env._("Forgotten. Nothing was left to search for.")
        if self.findings:
            return self.env._(
                "Forgotten, but values are left in places: %s.", self.findings
            )
        return self.env._("Forgotten. A search found nothing left.")

    def action_cancel(self):
        result = super().action_cancel()
        for run in self.sudo():
            if run.kind == FORGET and run.state == "cancelled":
                kept_values.drop(self.env.cr.dbname, run.request["key"])
        return result

    def _work(self, report: Report) -> tuple[int, dict]:
        if self.kind != FORGET:
            return super()._work(report)
        if not self.request.get("txid"):
            report(0, "res.partner")
            # The erasure writes this run, too: it must see the progress noted above.
            self.env.cr.commit()  # pylint: disable=invalid-commit
            committed(self.env, self._erase)
        self._wait_for_older_transactions(report)
        database, key = self.env.cr.dbname, self.request["key"]
        result = sweep(
            self.env,
            self.request["tables"],
            kept_values.kept(database, key).get("values", []),
            full=self.is_full,
            report=lambda done, step: report(0.3 + 0.7 * done, step),
        )
        result["forgotten"] = self.request["counts"]
        return len(result["left"]), result

    @api.model
    def action_forget_again(self):
        """Request a run that repeats the erasures that a restored dump has undone."""
        self._check_administrator()
        return self._request(FORGET, **self._again_values())

    @api.model
    def _again_values(self) -> dict:
        reason = self.env._("Erasures that a restored backup has undone")
        request = {"again": True, "key": str(uuid.uuid4())}
        return {"reason": reason, "mode": DELETE, "request": request}

    def _erase(self):
        """Forget the person, and note what the clean-up needs; to be committed."""
        env = self.with_user(self.user_id or self.env.user).sudo().env
        kept = []
        if self.request.get("again"):
            done = [forget_again(env, line, self.reason) for line in due(env)]
        else:
            found = self._found(env)
            done = [forget(env, found, self.reason, self.mode, self.request["key"])]
            kept = [
                {"model": model, "id": id_, "reason": reason}
                for model, each in found.kept.items()
                for id_, reason in each.items()
            ]
        values = sorted({value for each in done for value in each.values})
        key, database = self.request["key"], self.env.cr.dbname
        document = {**kept_values.kept(database, key), "values": values}
        kept_values.keep(database, key, document)
        self.request = {
            **self.request,
            "txid": max((each.txid for each in done), default=1),
            "tables": sorted({table for each in done for table in each.tables}),
            "counts": done[0].counts if len(done) == 1 else {},
            "kept": kept,
            "since": fields.Datetime.to_string(fields.Datetime.now()),
        }
        self.flush_recordset()

    def _found(self, env):
        key = self.request["key"]
        kept = kept_values.kept(self.env.cr.dbname, key)
        subject = Subject.from_json(
            {**self.request["subject"], "emails": kept.get("emails", [])}
        )
        found = find(env, subject)
        self._check_reason(found.emails)
        return found

    def _check_reason(self, emails):
        if any(email in self.reason.lower() for email in emails):
            raise UserError(
                self.env._("The reason stays on record: leave the address out of it.")
            )

    def _wait_for_older_transactions(self, report: Report):
        """Postpone the run while a transaction sees what has been erased.

        The scheduler's own is one, for as long as its job runs.
        """
        report(0.3, "VACUUM")
        since = fields.Datetime.to_datetime(self.request["since"])
        with autocommit(self.env.cr.dbname) as cr:
            older = older_transactions(cr, self.request["txid"])
        if older and fields.Datetime.now() - since < PATIENCE:
            raise Postponed(PAUSE)

    def _end(self, state: str, **values):
        if self.kind == FORGET:
            database, key = self.env.cr.dbname, self.request["key"]
            if error := values.get("error"):
                values["error"] = _without_values(
                    error, kept_values.kept(database, key)
                )
            kept_values.drop(database, key)
        return super()._end(state, **values)


def _without_values(error: str, kept: dict[str, list[str]]) -> str:
    """Return the first line of an error, which stays on record, without values."""
    # PostgreSQL tells of a row in the lines that follow.
    line = error.strip().partition("\n")[0]
    for value in [*kept.get("emails", ()), *kept.get("values", ())]:
        line = re.sub(re.escape(value), "…", line, flags=re.IGNORECASE)
    return line
