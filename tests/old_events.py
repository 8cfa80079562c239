"""Events in the form of an older version."""

from odoo.tools import SQL

from ..models.event_store.chain import COVERED, event_hash
from ..models.event_store.personal import whole
from .common import without_triggers


def write_in_format_1(env, record):
    """Write the events of a record again as 19.0.1.2.0 wrote them."""
    stream = SQL("stream_model = %s AND stream_id = %s", record._name, record.id)
    with without_triggers(env.cr):
        env.cr.execute(
            SQL(
                "UPDATE cqrs_event event SET before = %s, after = %s, hash_format = 1,"
                " personal = NULL, commitment = NULL WHERE %s",
                whole("before"),
                whole("after"),
                stream,
            )
        )
        versions = env.execute_query(
            SQL("SELECT version FROM cqrs_event WHERE %s ORDER BY version", stream)
        )
        for (version,) in versions:
            previous = SQL(
                "(SELECT hash FROM cqrs_event WHERE %s AND version = %s - 1)",
                stream,
                version,
            )
            columns = {name: SQL.identifier(name) for name in COVERED}
            env.cr.execute(
                SQL(
                    "UPDATE cqrs_event SET hash = %s WHERE %s AND version = %s",
                    event_hash(previous, SQL("occurred_at"), columns),
                    stream,
                    version,
                )
            )
    env.cr.execute(
        SQL(
            "UPDATE cqrs_stream SET hash = (SELECT hash FROM cqrs_event WHERE %s"
            " ORDER BY version DESC LIMIT 1) WHERE %s",
            stream,
            stream,
        )
    )
