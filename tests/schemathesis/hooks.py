"""What schemathesis cannot know of the API."""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    query = case.query or {}
    # A cursor cannot be made up. What is made up is to be refused, which only the
    # cases that are wrong on purpose expect.
    if case.meta and case.meta.generation.mode.is_positive:
        query.pop("cursor", None)
    # Of most positions there is no event: each would be waited for.
    position = query.get("min_position")
    if isinstance(position, int) and position > 1:
        query["min_position"] = 1
