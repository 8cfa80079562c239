"""Exports of a company in the background, to be downloaded for some days."""

import gzip
import hashlib
import os
import shutil
import tempfile
from datetime import timedelta
from functools import partial

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools.misc import formatLang

from ..support.bound_companies import within_bounds
from ..support.progress import Report
from ..support.transactions import committed
from .company_export import export_lines

EXPORT = "export"

#: The group of those who administer companies
GROUP = "crm_cqrs.group_company_event_store"


class CqrsRun(models.Model):
    _inherit = "cqrs.run"

    #: Days for which a file can be downloaded
    _DAYS = 7

    kind = fields.Selection(
        selection_add=[(EXPORT, "Export")], ondelete={EXPORT: "cascade"}
    )
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    file_url = fields.Char("File", compute="_compute_file_url")

    @api.depends("state")
    def _compute_file_url(self):
        """Compute where the export can be downloaded; it is kept for ``_DAYS`` days."""
        files = self.env["ir.attachment"].sudo().search(self._files())
        by_run = {file.res_id: file.id for file in files}
        for run in self:
            file_id = by_run.get(run.id)
            run.file_url = file_id and f"/web/content/{file_id}?download=true"

    def _files(self) -> list:
        return [("res_model", "=", self._name), ("res_id", "in", self.ids)]

    def action_cancel(self):
        is_export = self and all(run.kind == EXPORT for run in self)
        if is_export and not self.env.is_system():
            # The record rule leaves whoever exports their own.
            self.check_access("read")
            return super(CqrsRun, self.sudo()).action_cancel()
        return super().action_cancel()

    @api.model
    def _request_export(self, company_ids):
        """Request exports of some companies; return the action that shows them."""
        runs = [
            {"kind": EXPORT, "user_id": self.env.uid, "company_id": company_id}
            for company_id in company_ids
        ]
        self.sudo().create(runs)
        self.env.ref("crm_cqrs.ir_cron_run").sudo()._trigger()
        actions = self.env["ir.actions.act_window"].sudo()
        return actions._for_xml_id("crm_cqrs.cqrs_company_export_action")

    def _outcome(self):
        if self.kind != EXPORT or self.state not in ("done", "cancelled"):
            return super()._outcome()
        if self.state == "cancelled":
            return self.env._("Cancelled. There is no file.")
        count = formatLang(self.env, self.findings, digits=0)
        return self.env._("Events exported: %s.", count)

    def _work(self, report: Report) -> tuple[int, dict]:
        if self.kind != EXPORT:
            return super()._work(report)
        env = self._exporting()
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "export")
            with gzip.open(path, "wt", encoding="utf-8") as file:
                counts = write_export(env, self.company_id, file, report)
            name = f"events-of-company-{self.company_id.id}-{self.id}.ndjson.gz"
            committed(self.env, partial(self._keep, path, name, "application/gzip"))
        return counts["events"], counts

    def _exporting(self):
        """Return the environment of whoever asked, with the rights of now.

        :raise UserError: the user may not export the company any more
        """
        user, company = self.user_id, self.company_id
        env = self.env(
            user=user.id, su=False, context={"allowed_company_ids": company.ids}
        )
        if not (user.active and may_export(env, company.id)):
            raise UserError(
                self.env._(
                    "%(user)s may not export %(company)s any more.",
                    user=user.name,
                    company=company.name,
                )
            )
        return env

    def _keep(self, path: str, name: str, mimetype: str):
        """Keep a file as the run's, without having all of it in the memory."""
        file = self.env["ir.attachment"].create(
            {
                "name": name,
                "res_model": self._name,
                "res_id": self.id,
                "mimetype": mimetype,
                "raw": b"",
            }
        )
        if file._storage() != "file":
            with open(path, "rb") as content:
                file.raw = content.read()
            return
        digest = hashlib.sha1(usedforsecurity=False)  # as Odoo names its files
        with open(path, "rb") as content:
            while block := content.read(2**20):
                digest.update(block)
        checksum = digest.hexdigest()
        name = f"{checksum[:2]}/{checksum}"
        full = file._full_path(name)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        shutil.copyfile(path, full)
        file.flush_recordset()
        self.env.cr.execute(
            "UPDATE ir_attachment SET store_fname = %s, checksum = %s, file_size = %s"
            " WHERE id = %s",
            [name, checksum, os.path.getsize(path), file.id],
        )
        file.invalidate_recordset()

    @api.autovacuum
    def _remove_old_exports(self):
        """Remove the files of exports that are too old."""
        before = fields.Datetime.now() - timedelta(days=self._DAYS)
        runs = self.search([("kind", "=", EXPORT), ("create_date", "<", before)])
        if runs:
            self.env["ir.attachment"].search(runs._files()).unlink()


def write_export(env, company, file, report: Report) -> dict:
    """Write a company's export; return ``{events, hashes}``, the numbers of these.

    :param file: open for text
    """
    counts = {"events": 0, "hashes": 0}
    for line in export_lines(env, company, report, counts):
        file.write(line)
    return counts


def may_export(env, company_id: int) -> bool:
    """Return whether the user may export a company: by administering it, or all."""
    if env.is_system():
        return True
    is_own = company_id in env.user._get_company_ids()
    return is_own and env.user.has_group(GROUP)


class CqrsCompanyHealth(models.Model):
    _inherit = "cqrs.company.health"

    def action_export(self):
        """Request an export of these companies.

        :raise AccessError: the user may not export one of them
        """
        self.check_access("read")
        company_ids = within_bounds(self.env, self._ids)
        known = set(self.search([("id", "in", self.ids)])._ids)
        if not known.issuperset(self._ids) or not all(
            may_export(self.env, id_) for id_ in company_ids
        ):
            raise AccessError(
                self.env._("Only those who administer a company can export it.")
            )
        return self.env["cqrs.run"]._request_export(company_ids)
