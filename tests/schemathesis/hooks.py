"""What schemathesis cannot know of the API."""

import schemathesis


@schemathesis.hook
def before_call(context, case, kwargs):
    query = case.query or {}
    is_positive = case.meta and case.meta.generation.mode.is_positive
    # A cursor cannot be made up. What is made up is to be refused, which only the
    # cases that are wrong on purpose expect.
    if is_positive:
        query.pop("cursor", None)
    # A company that one does not work in is not found, which is an answer. A currency
    # that is not active is refused.
    if isinstance(query.get("currency"), str) and is_positive:
        query["currency"] = "USD"
    # Of most positions there is no event: each would be waited for.
    position = query.get("min_position")
    if isinstance(position, int) and position > 1:
        query["min_position"] = 1
