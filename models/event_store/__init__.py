from . import (
    read_only,
    stream,
    event,
    append_only,
    epoch,
    origin,
    capture,
    reconcile,
    build,
    fold,
    replaced,
    run,
)
