from . import (
    sums,
    closings,
    dated,
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
