"""A past of five years for the opportunities of a database, in its log.

Each opportunity gets the events that led to what it is now: a creation, and up to four
changes of stage, owner, amount, closing date and outcome. They are dated between its
creation and its last change, and hashed as the addon's own are. Odoo's tracking values
say the same, as far as Odoo tracks it.

It is run in Odoo's shell, with ``env``.
"""

from odoo.tools import SQL

from odoo.addons.crm_cqrs.models.event_store.chain import COVERED, event_hash
from odoo.addons.crm_cqrs.models.event_store.personal import commitment
from odoo.addons.crm_cqrs.models.support.indexes import drop_indexes

#: Changes after the creation
CHANGES = 4

# What an opportunity was after each change; the last one is what it is now.
_STATES = SQL(
    """
    CREATE UNLOGGED TABLE bench_state AS
    WITH stage AS (
        SELECT array_agg(id ORDER BY sequence, id)
                   FILTER (WHERE NOT COALESCE(is_won, false)) AS ids
        FROM crm_stage
        WHERE id NOT IN (SELECT crm_stage_id FROM crm_stage_crm_team_rel)
    ),
    deal AS (
        SELECT lead.*, COALESCE(array_position(ids, stage_id) - 1,
                                cardinality(ids)) AS place,
               COALESCE(lag(user_id, 3) OVER company, user_id) AS former_user_id,
               COALESCE(lag(team_id, 3) OVER company, team_id) AS former_team_id,
               GREATEST(write_date, create_date + interval '1 hour') AS ended, ids
        FROM crm_lead lead CROSS JOIN stage
        WINDOW company AS (PARTITION BY company_id ORDER BY id)
    )
    SELECT id, step, (create_date + (ended - create_date) * (step::float / %(last)s))
               AT TIME ZONE 'UTC' AS at,
           jsonb_build_object(
               'user_id', CASE WHEN step < 1 AND id %% 5 = 0 THEN former_user_id
                               ELSE user_id END,
               'team_id', CASE WHEN step < 1 AND id %% 5 = 0 THEN former_team_id
                               ELSE team_id END,
               'stage_id', CASE WHEN step < %(last)s AND type = 'opportunity'
                   THEN ids[1 + LEAST(place, cardinality(ids) - 1) * step / %(last)s]
                   ELSE stage_id END,
               'expected_revenue', CASE WHEN step < 2
                   THEN round(expected_revenue * (80 + id %% 50) / 100, 2)
                   ELSE expected_revenue END,
               'date_deadline', date_deadline
                   - CASE WHEN step < 3 THEN 30 * (id %% 3)::integer ELSE 0 END,
               'probability', CASE WHEN step < %(last)s
                   THEN round((probability * step / %(last)s)::numeric, 2)
                   ELSE probability END,
               'won_status', CASE WHEN step < %(last)s THEN 'pending'
                                  ELSE won_status END,
               'active', step < %(last)s OR active,
               'lost_reason_id', CASE WHEN step = %(last)s THEN lost_reason_id END,
               'date_closed', CASE WHEN step = %(last)s
                   THEN to_char(date_closed, 'YYYY-MM-DD"T"HH24:MI:SS"Z"') END,
               'priority', CASE WHEN step < 3 THEN '0' ELSE priority END
           ) AS state
    FROM deal CROSS JOIN generate_series(0, %(last)s) step;
    CREATE UNIQUE INDEX ON bench_state (id, step);
    ANALYZE bench_state
    """,
    last=CHANGES,
)

# One event for each state that differs from the one before.
_EVENTS = SQL(
    """
    CREATE UNLOGGED TABLE bench_event AS
    SELECT recorded.*, version AS number FROM cqrs_event recorded WHERE false;
    CREATE UNLOGGED TABLE bench_change AS
    SELECT id AS stream_id, step, at,
           row_number() OVER (PARTITION BY id ORDER BY step)::integer AS version,
           former, state
    FROM (SELECT *, lag(state) OVER (PARTITION BY id ORDER BY step) AS former
          FROM bench_state) change
    WHERE former IS DISTINCT FROM state;
    CREATE INDEX ON bench_change (version, stream_id);
    ANALYZE bench_change
    """
)


def _columns(first: bool) -> dict[str, SQL]:
    return {
        "hash_format": SQL("2::smallint"),
        "event_id": SQL("event_id"),
        "stream_model": SQL("'crm.lead'::text"),
        "stream_id": SQL("stream_id"),
        "version": SQL("version"),
        "type": SQL("type"),
        "schema_version": SQL("schema_version::integer"),
        "before": SQL("before"),
        "after": SQL("after"),
        "details": SQL("NULL::jsonb"),
        "company_id": SQL("company_id"),
        "user_id": SQL("user_id"),
        "acting_user_id": SQL("user_id"),
        "origin": SQL("'orm'::text"),
        "correlation_id": SQL("NULL::text"),
        "module_version": SQL("module_version"),
        "commitment": commitment(SQL("personal")) if first else SQL("NULL::bytea"),
    }


def _insert(version: int) -> SQL:
    """Return the statement that makes the events of a version."""
    first = version == 1
    columns = _columns(first)
    personal = SQL("personal") if first else SQL("NULL::jsonb")
    names = [*columns, "personal", "occurred_at", "txid", "epoch", "hash"]
    source = SQL(
        """
        SELECT gen_random_uuid() AS event_id, change.stream_id, change.version,
               split_part(recorded.type, 'Created', 1)
               || CASE WHEN %(first)s THEN 'Created' ELSE 'Updated' END AS type,
               recorded.schema_version, recorded.module_version, recorded.company_id,
               (change.state ->> 'user_id')::integer AS user_id,
               CASE WHEN %(first)s THEN NULL ELSE side.before END AS before,
               CASE WHEN %(first)s
                    THEN jsonb_strip_nulls(recorded.after || change.state)
                    ELSE side.after END AS after,
               recorded.personal, change.at AS occurred_at, previous.hash AS previous
        FROM bench_change change
        JOIN bench_first recorded ON recorded.stream_id = change.stream_id
        LEFT JOIN bench_event previous
          ON previous.stream_id = change.stream_id
         AND previous.version = change.version - 1
        CROSS JOIN LATERAL (
            SELECT jsonb_object_agg(key, change.former -> key) AS before,
                   jsonb_object_agg(key, value) AS after
            FROM jsonb_each(change.state)
            WHERE change.former -> key IS DISTINCT FROM value
        ) side
        WHERE change.version = %(version)s OFFSET 0
        """,
        first=first,
        version=version,
    )
    values = [*columns.values(), personal, SQL("occurred_at")]
    values += [SQL("pg_current_xact_id()"), SQL("1")]
    values.append(event_hash(SQL("previous"), SQL("occurred_at"), columns))
    return SQL(
        "INSERT INTO bench_event (%s) SELECT %s FROM (%s) described",
        SQL(", ").join(map(SQL.identifier, names)),
        SQL(", ").join(values),
        source,
    )


_LOG = """
    TRUNCATE cqrs_event;
    INSERT INTO cqrs_event (%(columns)s)
    SELECT %(columns)s FROM (
        SELECT %(columns)s, position AS place FROM bench_other
        UNION ALL
        SELECT %(columns)s, NULL FROM bench_event
    ) event ORDER BY occurred_at, stream_id, version;
    UPDATE cqrs_stream SET version = event.version, hash = event.hash
    FROM (SELECT DISTINCT ON (stream_id) stream_id, version, hash FROM bench_event
          ORDER BY stream_id, version DESC) event
    WHERE stream_model = 'crm.lead' AND cqrs_stream.stream_id = event.stream_id
"""

# What Odoo tracks of these: owner, team, stage, amount, outcome, archived.
_TRACKING = """
    INSERT INTO mail_message (
        id, model, res_id, message_type, date, create_date, write_date, subtype_id,
        is_internal)
    SELECT nextval('mail_message_id_seq'), 'crm.lead', stream_id, 'notification',
           at AT TIME ZONE 'UTC', at AT TIME ZONE 'UTC', at AT TIME ZONE 'UTC',
           (SELECT res_id FROM ir_model_data
            WHERE module = 'mail' AND name = 'mt_note'), true
    FROM bench_change WHERE version > 1;
    INSERT INTO mail_tracking_value (
        field_id, mail_message_id, old_value_integer, new_value_integer,
        old_value_float, new_value_float, old_value_char, new_value_char,
        create_date, write_date)
    SELECT field.id, message.id, (change.former ->> key)::integer,
           (change.state ->> key)::integer,
           NULL, NULL, NULL, NULL, message.date, message.date
    FROM bench_change change
    JOIN mail_message message ON message.model = 'crm.lead'
     AND message.res_id = stream_id AND message.date = at AT TIME ZONE 'UTC'
    CROSS JOIN unnest(ARRAY['user_id', 'team_id', 'stage_id']) key
    JOIN ir_model_fields field ON field.model = 'crm.lead' AND field.name = key
    WHERE version > 1 AND change.former -> key IS DISTINCT FROM change.state -> key
    UNION ALL
    SELECT field.id, message.id, NULL, NULL,
           (change.former ->> 'expected_revenue')::float,
           (change.state ->> 'expected_revenue')::float, NULL, NULL, message.date,
           message.date
    FROM bench_change change
    JOIN mail_message message ON message.model = 'crm.lead'
     AND message.res_id = stream_id AND message.date = at AT TIME ZONE 'UTC'
    JOIN ir_model_fields field
      ON field.model = 'crm.lead' AND field.name = 'expected_revenue'
    WHERE version > 1
      AND change.former -> 'expected_revenue'
          IS DISTINCT FROM change.state -> 'expected_revenue';
    ANALYZE mail_message;
    ANALYZE mail_tracking_value
"""


def make(env, with_tracking: bool) -> int:
    """Write the past of all leads into the log; return the number of its events.

    The read models that follow from the whole log are then made anew.
    """
    cr = env.cr
    cr.execute("SET LOCAL work_mem = '256MB'")
    cr.execute("SET LOCAL maintenance_work_mem = '512MB'")
    cr.execute("SET LOCAL jit = off")
    cr.execute(_STATES)
    cr.execute(_EVENTS)
    cr.execute(
        """
        CREATE UNLOGGED TABLE bench_first AS
        SELECT * FROM cqrs_event WHERE stream_model = 'crm.lead' AND version = 1;
        CREATE UNIQUE INDEX ON bench_first (stream_id);
        CREATE UNLOGGED TABLE bench_other AS
        SELECT * FROM cqrs_event WHERE stream_model <> 'crm.lead';
        CREATE UNIQUE INDEX ON bench_event (stream_id, version);
        ANALYZE bench_first
        """
    )
    for version in range(1, CHANGES + 2):
        cr.execute(_insert(version))
    cr.execute("ANALYZE bench_event")
    if with_tracking:
        cr.execute(_TRACKING)
    # The log has all of it now: what was reconstructed would be there twice.
    cr.execute("TRUNCATE cqrs_prehistory")
    cr.execute("ALTER TABLE cqrs_event DISABLE TRIGGER USER")
    indexes = drop_indexes(cr, ["cqrs_event"])
    names = [*COVERED, "commitment", "personal", "occurred_at", "txid", "epoch", "hash"]
    cr.execute(SQL(_LOG, columns=SQL(", ").join(map(SQL.identifier, names))))
    for index in indexes:
        cr.execute(index)
    cr.execute("ALTER TABLE cqrs_event ENABLE TRIGGER USER")
    cr.execute(
        "DROP TABLE bench_state, bench_change, bench_event, bench_first, bench_other"
    )
    cr.execute("ANALYZE cqrs_event")
    cr.execute("SELECT count(*) FROM cqrs_event")
    ((events,),) = cr.fetchall()
    return events
