"""A list as CSV, sent as it is read."""

import json
import logging

from odoo.api import Environment
from odoo.exceptions import UserError
from odoo.http import Controller, Response, content_disposition, request, route
from odoo.tools.osutil import clean_filename

from ..models.exports import csv_lines
from ..models.exports.past_rows import rows_of
from ..models.exports.question import ListQuestion
from ..models.exports.reader import reader
from ..models.support.bound_companies import bound_company_ids, within_bounds

_logger = logging.getLogger(__name__)

#: Characters that are sent at a time, about
_BLOCK = 2**16


class Lists(Controller):
    @route(
        "/crm_cqrs/list.csv",
        type="http",
        auth="user",
        methods=["POST"],
        readonly=True,
        save_session=False,
    )
    def csv(self, question: str, company_ids: str):
        """Answer with all rows of a list, as CSV.

        :param question: JSON, as of ``ListQuestion``
        :param company_ids: JSON, the companies switched on
        """
        env = request.env
        try:
            values, ids = json.loads(question), json.loads(company_ids)
            ids = within_bounds(env, tuple(map(int, ids)))
        except (TypeError, ValueError) as exc:
            raise UserError(
                env._("The list to export cannot be read: %s.", exc)
            ) from exc
        env = reader(env, env.user, ids, bound_company_ids(env))
        asked = ListQuestion.of(env, values)
        # What can be refused is refused before the first row is sent. What takes too
        # long by then breaks off, which a client notices.
        rows_of(env, asked).check()
        name = clean_filename(f"{asked.title or env._('Opportunities')}.csv")
        lines = _lines(env, asked)
        response = Response(
            lines,
            content_type="text/csv; charset=utf-8",
            headers={
                "Content-Disposition": content_disposition(name),
                "Cache-Control": "no-store",
                "X-Accel-Buffering": "no",
            },
            direct_passthrough=True,
        )
        response.call_on_close(lines.close)
        return response


def _lines(env, asked: ListQuestion):
    """Yield blocks of the file; they are read while they are sent."""
    # The request's own transaction has ended by then.
    with env.registry.cursor(readonly=True) as cr:
        rows = rows_of(Environment(cr, env.uid, env.context), asked)
        block = [csv_lines.MARK, csv_lines.line([each.label for each in rows.columns])]
        size = count = 0
        for row in rows:
            block.append(csv_lines.line(row))
            count += 1
            size += len(block[-1])
            if size >= _BLOCK:
                yield "".join(block).encode()
                block, size = [], 0
        yield "".join(block).encode()
        _logger.info(
            "User %s exported %s opportunities to CSV: %s", env.uid, count, asked.domain
        )
