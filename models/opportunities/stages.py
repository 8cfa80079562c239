"""The stages of the pipeline, as of the last event of each."""

from odoo.tools import SQL

from ..support.answer_context import question


@question()
def _stages(user):
    return SQL(
        """
        SELECT json_agg(json_build_array(stream_id, state -> 'name')
                        ORDER BY (state -> 'sequence')::integer, stream_id)
        FROM cqrs_stream WHERE stream_model = 'crm.stage'
        """
    )


def stages(env) -> dict[int, str | None]:
    """Return the name of each, by id, in the order of the pipeline."""
    return {
        id_: names and (names.get(env.lang) or names.get("en_US"))
        for id_, names in _stages(env, env.user) or ()
    }
