from . import (
    access,
    options,
    calendars,
    viewers,
    past_hierarchy,
    owner_scopes,
    people,
    delegation,
    explanation,
    record_rules,
    document_rules,
)
