"""Handing seals out as they are made: to a file, and to somebody's mailbox."""

import fcntl
import logging
import os
from functools import partial

from markupsafe import Markup

from odoo import fields, models
from odoo.tools import SQL, config

from ..support.transactions import committed
from .document import SealDocument
from .sealing import DATABASE_UUID

_logger = logging.getLogger(__name__)

#: Option of Odoo's configuration: the path of the file that seals are appended to
FILE_OPTION = "cqrs_seal_file"
#: Parameter: the address that seals are sent to
EMAIL = "crm_cqrs.seal_email"
#: Minutes between two mails; the last seal covers those before
MAIL_MINUTES = 60


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    cqrs_seal_email = fields.Char("Send Seals To", config_parameter=EMAIL)


class CqrsSeal(models.Model):
    _inherit = "cqrs.seal"

    def _hand_out(self):
        """Hand out the seals that were not yet; commits.

        A seal may be handed out twice where the server stops in between, never not.
        """
        address = self.env["ir.config_parameter"].sudo().get_param(EMAIL)
        path = config.get(FILE_OPTION)
        for destination, hand_out in (
            (path, self._append_to_file),
            (address and f"mailto:{address}", self._send),
        ):
            if destination:
                try:
                    committed(self.env, partial(hand_out, destination))
                except OSError:
                    _logger.exception("Seals cannot be handed out to %s", destination)

    def _append_to_file(self, path: str):
        handed_out = self._lock_destination(path, 0)
        seals = [seal for page in self._pages(handed_out) for seal in page]
        if not seals:
            return
        with open(path, "ab+") as file:
            # Servers of several databases may share the file.
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            if end and os.pread(file.fileno(), 1, end - 1) != b"\n":
                # A server was stopped while it wrote.
                file.write(b"\n")
            file.writelines(f"{seal.line()}\n".encode() for seal in seals)
            file.flush()
            os.fsync(file.fileno())
        self._note_handed_out(path, seals)

    def _send(self, destination: str):
        last = self._last_seal()
        if not last:
            return
        # A new recipient gets no seals of years; the last one covers them.
        handed_out = self._lock_destination(destination, last.content["number"] - 1)
        if not self._is_due(destination):
            return
        seals = [seal for page in self._pages(handed_out) for seal in page]
        if not seals:
            return
        database = last.content["database"]
        name = f"seals-{last.content['number']}.jsonl"
        raw = "".join(f"{seal.line()}\n" for seal in seals).encode()
        body = self.env._(
            "The attached seals cover the event log up to event %(total)s. Keep them "
            "outside the server. To check the log: odoo-bin cqrs verify --seal "
            "%(name)s",
            total=last.content["total"],
            name=name,
        )
        mail = self.env["mail.mail"].create(
            {
                "subject": self.env._("Seals of the event log of %s", database),
                "email_to": destination.removeprefix("mailto:"),
                "body_html": Markup("<p>%s</p>") % body,
                "auto_delete": True,
            }
        )
        mail.attachment_ids = self.env["ir.attachment"].create(
            {"name": name, "raw": raw, "res_model": mail._name, "res_id": mail.id}
        )
        self._note_handed_out(destination, seals)

    def _lock_destination(self, destination: str, start: int) -> int:
        """Return the number of the last seal that a destination has.

        :param start: that of a new destination
        """
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO cqrs_seal_handed_out (destination, number, handed_out_at)
                VALUES (%s, %s, '-infinity') ON CONFLICT DO NOTHING
                """,
                destination,
                start,
            )
        )
        [(number,)] = self.env.execute_query(
            SQL(
                "SELECT number FROM cqrs_seal_handed_out WHERE destination = %s"
                " FOR UPDATE",
                destination,
            )
        )
        return number

    def _is_due(self, destination: str) -> bool:
        return bool(
            self.env.execute_query(
                SQL(
                    "SELECT FROM cqrs_seal_handed_out WHERE destination = %s"
                    " AND handed_out_at < now() - interval '1 minute' * %s",
                    destination,
                    MAIL_MINUTES,
                )
            )
        )

    def _note_handed_out(self, destination: str, seals: list[SealDocument]):
        self.env.cr.execute(
            SQL(
                "UPDATE cqrs_seal_handed_out SET number = %s, handed_out_at = now()"
                " WHERE destination = %s",
                seals[-1].content["number"],
                destination,
            )
        )


def read_seals(path: str) -> list[SealDocument]:
    """Return the seals in a file.

    :raise ValueError: it cannot be read, or a line of it is no seal
    """
    try:
        with open(path, encoding="utf-8") as file:
            return [SealDocument.parse(line) for line in file if line.strip()]
    except OSError as error:
        raise ValueError(str(error)) from error


def handed_out_to_file(env) -> list[SealDocument]:
    """Return the seals of this database in the file that the configuration names."""
    path = config.get(FILE_OPTION)
    if not path or not os.path.exists(path):
        return []
    seals = []
    with open(path, encoding="utf-8") as file:
        for line in filter(str.strip, file):
            try:
                seals.append(SealDocument.parse(line))
            except ValueError as error:
                # The end of a line that was not written whole; it follows once more.
                _logger.warning("%s: %s", path, error)
    database = env["ir.config_parameter"].sudo().get_param(DATABASE_UUID)
    return [seal for seal in seals if seal.content["database"] == database]
