from . import (
    access,
    options,
    viewers,
    owner_scopes,
    people,
    delegation,
    explanation,
    record_rules,
)
