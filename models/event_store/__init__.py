from . import (
    stream,
    event,
    append_only,
    epoch,
    metadata,
    watches,
    record,
    capture,
    reconciliation,
    reconcile,
    first_build,
    fold,
)
