"""The stays of opportunities in stages, as a query over their spans.

An opportunity is *open* while it is pending, not archived and no lead. It *stays* in a
stage from the moment at which it enters it until it moves to another one, is won, lost
or deleted. Time in which it is archived, closed or a lead is no part of a stay: an
opportunity that is archived and restored in the same stage goes on with its stay.

A *move* begins a stay, ends one, or does both:

=========== =============================== ================= ===============
kind        the opportunity                 ``from_stage_id`` ``to_stage_id``
=========== =============================== ================= ===============
created     is open for the first time      no                its stage
reopened    is open again, after it closed  no                its stage
moved       is in another stage             the former        the new one
won, lost   is no longer open               its last          no
deleted     is no longer there              its last          no
=========== =============================== ================= ===============

A move belongs to the owner, team and company that the opportunity has then; one that is
deleted, to its last. Whether a move leads on or back follows from the order of the
stages when it is read.
"""

from odoo.tools import SQL

from ..support.readable_values import readable

#: The columns of spans that the pace of an open opportunity repeats
OF_OPEN = (
    "team_id",
    "company_id",
    "currency_id",
    "stage_id",
    "closing_date",
    "value",
)

#: The expression that a row of spans is open
IS_OPEN = SQL("(type = 'opportunity' AND active AND status = 'pending')")


def _steps(spans: SQL) -> SQL:
    """Return the common table expressions that follow opportunities along their spans.

    ``began`` has a row for each span in which an opportunity is open or closed, with
    the ``kind`` of the move that it begins with, if any.
    """
    # An opportunity that is deleted and recorded again under the same id has a second
    # life. A row that is neither open nor closed, of an archived one, is passed over.
    return SQL(
        """
        lived AS MATERIALIZED (
            SELECT *, max(until) OVER life AS ended_at,
                   max(version) OVER life AS last_version
            FROM (
                SELECT *, count(*) FILTER (WHERE begins) OVER (
                           PARTITION BY opportunity_id ORDER BY version) AS life
                FROM (
                    SELECT *, since > lag(until) OVER (
                               PARTITION BY opportunity_id ORDER BY version) AS begins
                    FROM (%(spans)s) span
                ) span
            ) span
            WINDOW life AS (PARTITION BY opportunity_id, life)
        ),
        began AS MATERIALIZED (
            SELECT *, CASE
                    WHEN NOT is_open THEN CASE WHEN was_open THEN status END
                    WHEN was_open IS NULL THEN 'created'
                    WHEN NOT was_open THEN 'reopened'
                    WHEN stage_id IS DISTINCT FROM from_stage_id THEN 'moved'
                END AS kind
            FROM (
                SELECT *, lag(is_open) OVER life AS was_open,
                       lag(stage_id) OVER life AS from_stage_id,
                       lead(version) OVER life IS NULL AS is_last,
                       (sum(open_for) OVER life - open_for)::bigint AS open_before
                FROM (
                    SELECT *, CASE WHEN is_open AND until < 'infinity'
                        THEN (extract(epoch FROM until - since) * 1000000)::bigint
                        ELSE 0 END AS open_for
                    FROM (SELECT *, %(is_open)s AS is_open FROM lived) lived
                    WHERE type = 'opportunity' AND (active OR status <> 'pending')
                ) step
                WINDOW life AS (PARTITION BY opportunity_id, life ORDER BY version)
            ) step
        )
        """,
        spans=spans,
        is_open=IS_OPEN,
    )


def moves(spans: SQL) -> SQL:
    """Return the query of the moves of opportunities, with the columns of ``MOVES``.

    ``stayed`` is how long the stay was that the move ends, ``open_for`` how long the
    opportunity has been open until then, in microseconds.

    :param spans: query of all the spans of some opportunities
    """
    return SQL(
        """
        WITH %(steps)s
        SELECT opportunity_id, version, at, kind, user_id, team_id, company_id,
               currency_id, value, closing_date, from_stage_id, to_stage_id,
               CASE WHEN kind NOT IN ('created', 'reopened')
                    THEN open_before - lag(open_before) OVER (
                        PARTITION BY opportunity_id, life ORDER BY version)
               END AS stayed,
               open_before AS open_for, is_recorded
        FROM (
            SELECT opportunity_id, version, life, since AS at, kind, user_id, team_id,
                   company_id, currency_id, value, closing_date,
                   CASE WHEN was_open THEN from_stage_id END AS from_stage_id,
                   CASE WHEN is_open THEN stage_id END AS to_stage_id, open_before,
                   is_recorded
            FROM began WHERE kind IS NOT NULL
            UNION ALL
            SELECT opportunity_id, last_version + 1, life, ended_at, 'deleted', user_id,
                   team_id, company_id, currency_id, value, closing_date, stage_id,
                   NULL, open_before + open_for, is_recorded
            FROM began WHERE is_last AND is_open AND ended_at < 'infinity'
        ) move
        """,
        steps=_steps(spans),
    )


def paces(spans: SQL, events: SQL) -> SQL:
    """Return the query of the pace of each opportunity, with the columns of ``PACE``.

    :param spans: query of all the spans of some opportunities
    :param events: the relation of all their events, with the columns of ``cqrs_event``
    """
    # The moment from which a stay counts comes later by what it was interrupted for.
    return SQL(
        """
        WITH %(steps)s,
        push AS (
            SELECT opportunity_id, life, count(*)::integer AS pushes,
                   sum(days)::integer AS pushed_days
            FROM (
                SELECT opportunity_id, life,
                       closing_date - lag(closing_date) OVER (
                           PARTITION BY opportunity_id, life ORDER BY version) AS days
                FROM lived WHERE type = 'opportunity' AND closing_date IS NOT NULL
            ) moved
            WHERE days > 0
            GROUP BY opportunity_id, life
        ),
        stay AS (
            SELECT opportunity_id, life,
                   max(open_before) FILTER (WHERE kind IS NOT NULL) AS began_after
            FROM began GROUP BY opportunity_id, life
        ),
        track AS (
            SELECT opportunity_id, life, max(since) AS changed_at
            FROM lived WHERE NOT is_recorded GROUP BY opportunity_id, life
        ),
        told AS (
            SELECT stream_id,
                   max(occurred_at) FILTER (WHERE origin = ANY(%(by_people)s))
                       AS changed_at,
                   (array_agg(after ->> 'create_date' ORDER BY version DESC)
                       FILTER (WHERE jsonb_exists(after, 'create_date'))
                   )[1]::timestamp AS created_at
            FROM %(events)s event GROUP BY stream_id
        )
        SELECT present.opportunity_id AS id, present.user_id,
               CASE WHEN present.is_open THEN %(created_at)s END AS age_since,
               CASE WHEN present.is_open THEN present.since AT TIME ZONE 'UTC'
                   - (open_before - began_after) * interval '1 microsecond'
               END AS stage_since,
               CASE WHEN present.is_open THEN COALESCE(
                   told.changed_at AT TIME ZONE 'UTC', track.changed_at
                   AT TIME ZONE 'UTC', %(created_at)s) END AS idle_since,
               pushes, pushed_days, %(present)s
        FROM (SELECT *, %(is_open)s AS is_open FROM lived
              WHERE until = 'infinity' AND type = 'opportunity') present
        JOIN told ON told.stream_id = present.opportunity_id
        LEFT JOIN push USING (opportunity_id, life)
        LEFT JOIN stay USING (opportunity_id, life)
        LEFT JOIN track USING (opportunity_id, life)
        LEFT JOIN (SELECT opportunity_id, version, open_before FROM began) step
            ON step.opportunity_id = present.opportunity_id
           AND step.version = present.version
        """,
        steps=_steps(spans),
        events=events,
        by_people=["orm", "import"],
        is_open=IS_OPEN,
        present=SQL(", ").join(
            SQL(
                "CASE WHEN present.is_open THEN %(column)s END AS %(name)s",
                column=SQL.identifier("present", name),
                name=SQL.identifier(name),
            )
            for name in OF_OPEN
        ),
        created_at=readable(SQL("told.created_at"), "datetime"),
    )
