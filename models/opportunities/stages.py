"""The stages of the pipeline, as of the last event of each."""

from ..access.answer_context import AnswerContext


def stages(env) -> dict[int, str | None]:
    """Return the name of each, by id, in the order of the pipeline."""
    return {
        id_: names and (names.get(env.lang) or names.get("en_US"))
        for id_, names in AnswerContext.of(env).stages or ()
    }
