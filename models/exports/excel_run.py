"""Lists as Excel files, written in the background for whoever asks."""

import logging
import os
import tempfile
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools.misc import formatLang
from odoo.tools.osutil import clean_filename

from ..support.bound_companies import bound_company_ids, within_bounds
from ..support.json_field import PortableJson
from ..support.progress import Report, seldom
from ..support.transactions import committed
from .definitions import Totals, definitions
from .past_rows import rows_of
from .question import MODEL, ListQuestion
from .reader import check_export, reader
from .workbook import ExcelList, excel_file

_logger = logging.getLogger(__name__)

EXCEL = "excel"
MIMETYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

#: The scheduled action that writes them: nothing else holds it up
JOB = "ir_cron_excel"

#: Files that somebody may have under way at a time
MOST = 3

#: The longest that a statement may take: nobody waits for it
SECONDS = 600

#: Part of the progress at which all rows are written; the rest packs them
_WRITTEN = 0.9

#: The type of the messages on Odoo's bus that an Excel file has made progress
NOTIFICATION = "crm_cqrs/export"


class CqrsRun(models.Model):
    """Writes the list of ``question`` (``ListQuestion``, JSON) with the rights of now.

    ``question`` also has ``company_ids``, the companies switched on when it was asked
    for, and ``bound_ids``, those that bound the caller. ``findings`` counts the rows.
    """

    _inherit = "cqrs.run"

    kind = fields.Selection(
        selection_add=[(EXCEL, "Excel")], ondelete={EXCEL: "cascade"}
    )
    question = PortableJson(readonly=True)
    title = fields.Char(compute="_compute_title")

    @api.depends("question")
    def _compute_title(self):
        for run in self:
            run.title = (run.question or {}).get("title")

    def _job(self, kind):
        return JOB if kind == EXCEL else super()._job(kind)

    def action_cancel(self):
        if self and all(run.kind == EXCEL for run in self):
            # The record rule leaves everybody their own.
            self.check_access("read")
            return self.sudo()._cancel()
        return super().action_cancel()

    def _outcome(self):
        if self.kind != EXCEL or self.state not in ("done", "cancelled"):
            return super()._outcome()
        if self.state == "cancelled":
            return self.env._("Cancelled. There is no file.")
        return self.env._(
            "Opportunities: %s.", formatLang(self.env, self.findings, digits=0)
        )

    def _work(self, report: Report) -> tuple[int, dict]:
        if self.kind != EXCEL:
            return super()._work(report)
        env, question = self._reader()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "list.xlsx")
            totals = write_list(env, question, path, folder, report)
            name = clean_filename(f"{question.title or env._('Opportunities')}.xlsx")
            # To pack it may have taken a while: what was cancelled leaves nothing.
            report(_WRITTEN, MODEL)
            committed(self.env, partial(self._keep, path, name, MIMETYPE))
        _logger.info(
            "User %s exported %s opportunities to Excel: %s",
            env.uid,
            totals.count,
            question.domain,
        )
        return totals.count, {
            "rows": totals.count,
            "totals": [
                {
                    "label": label,
                    "amount": str(total.value),
                    "currency": total.currency.name,
                }
                for label, total in totals.amounts
            ],
        }

    def _reader(self):
        """Return the environment of whoever asked, with the rights of now, and what.

        :raise UserError: the user has left
        :raise AccessError: the user may not export any more
        """
        values = dict(self.question)
        companies = values.pop("company_ids"), values.pop("bound_ids")
        env = reader(self.env, self.user_id, *companies)
        return env, ListQuestion.of(env, values)

    def _end(self, state, **values):
        result = super()._end(state, **values)
        if self.kind == EXCEL:
            self.user_id._bus_send(NOTIFICATION, {"run_id": self.id, "state": state})
            self.env.cr.commit()  # pylint: disable=invalid-commit
        return result

    def _forget_lists(self):
        """Remove all Excel files, which no search for a person's values looks into.

        What they were asked for goes too, and those under way end: they may have read
        what is to be forgotten.
        """
        runs = self.search([("kind", "=", EXCEL)])
        self.env["ir.attachment"].search(runs._files()).unlink()
        runs._cancel()
        runs.question = False

    @api.autovacuum
    def _remove_old_files(self):
        """Remove Excel files, and what they were asked for, when they are too old."""
        before = fields.Datetime.now() - timedelta(days=self._DAYS)
        runs = self.search([("kind", "=", EXCEL), ("create_date", "<", before)])
        if runs:
            self.env["ir.attachment"].search(runs._files()).unlink()
            runs.filtered(lambda run: run.state not in ("pending", "running")).unlink()


class CqrsOpportunityView(models.Model):
    _inherit = MODEL

    @api.model
    def request_excel(self, question: dict) -> int:
        """Request an Excel file of a list; return the id of the run.

        :param question: as of ``ListQuestion``
        :raise AccessError: the user may not export, or may read no opportunities
        :raise UserError: it is no list, or too many files are under way
        """
        asked = self._asked(question)
        runs = self.env["cqrs.run"].sudo()
        under_way = runs.search_count(
            [
                ("kind", "=", EXCEL),
                ("user_id", "=", self.env.uid),
                ("state", "in", ("pending", "running")),
            ]
        )
        if under_way >= MOST:
            raise UserError(
                self.env._(
                    "%s Excel files are under way for you. Wait for one, or cancel it.",
                    under_way,
                )
            )
        bound = bound_company_ids(self.env)
        run = runs.create(
            {
                "kind": EXCEL,
                "user_id": self.env.uid,
                "question": asked.as_json()
                | {
                    "company_ids": within_bounds(self.env, self.env.companies._ids),
                    "bound_ids": bound,
                },
            }
        )
        self.env.ref(f"crm_cqrs.{JOB}").sudo()._trigger()
        return run.id

    @api.model
    def check_list(self, question: dict) -> bool:
        """Check that a list can be sent as it is read: an error says why not.

        :param question: as of ``ListQuestion``
        """
        asked = self._asked(question)
        # Its first rows are there in time.
        next(iter(rows_of(self.env, asked)), None)
        return True

    def _asked(self, question: dict) -> ListQuestion:
        check_export(self.env)
        asked = ListQuestion.of(self.env, question)
        # Now, where the user can still mend it.
        rows_of(self.env, asked).check()
        return asked


def write_list(
    env, question: ListQuestion, path: str, folder: str, report: Report, **options
) -> Totals:
    """Write the Excel file of a list.

    :param env: of the reader
    :param folder: for what is written meanwhile
    :param options: of ``ExcelList``
    :return: what was added up
    """
    rows = rows_of(env, question, SECONDS)
    count = rows.count()
    report(0, MODEL)
    totals = Totals(rows)
    is_rtl = env["res.lang"]._get_data(code=env.lang or "en_US").direction == "rtl"
    with excel_file(path, folder) as workbook:
        excel = ExcelList(workbook, is_rtl, **options)
        excel.write_rows(
            env._("Opportunities"),
            [(column.label, column.width) for column in rows.columns],
            _reported(env, totals, count, report),
        )
        report(_WRITTEN, env._("Packing the file"))
        excel.write_definitions(env._("Definitions"), definitions(rows, totals))
    return totals


def _reported(env, totals: Totals, count: int, report: Report):
    """Yield the rows, and report how many have passed."""
    note = seldom(report)
    of = formatLang(env, count, digits=0)
    for row in totals:
        if totals.count % 500 == 0:
            done = formatLang(env, totals.count, digits=0)
            note(_WRITTEN * min(totals.count / max(count, 1), 1), f"{done} / {of}")
        yield row
