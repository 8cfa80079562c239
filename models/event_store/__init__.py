from . import (
    stream,
    event,
    append_only,
    epoch,
    origin,
    capture,
    reconcile,
    first_build,
    fold,
)
