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
    # Next to no currency is active, and of others there is nothing.
    if isinstance(query.get("currency"), str) and is_positive:
        query["currency"] = "USD"
    # Few texts are a time zone.
    if isinstance(query.get("tz"), str) and is_positive:
        query["tz"] = "Asia/Kolkata"
    # Of most positions there is no event: each would be waited for. What is none by
    # the contract stays wrong.
    position = query.get("min_position")
    if isinstance(position, int) and 1 < position < 10**18:
        query["min_position"] = 1
