from . import (
    access,
    options,
    calendars,
    viewers,
    owner_scopes,
    people,
    delegation,
    explanation,
    record_rules,
)
