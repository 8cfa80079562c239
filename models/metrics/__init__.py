from . import (
    sums,
    groupings,
    group_rows,
    groups,
    group_pages,
    reader,
    people,
    series,
    user_snapshot,
    fold,
)
