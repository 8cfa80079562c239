from . import (
    sums,
    groupings,
    group_rows,
    groups,
    group_pages,
    reader,
    series,
    user_snapshot,
    fold,
)
