from . import (
    read_only,
    stream,
    event,
    append_only,
    epoch,
    capture,
    reconcile,
    build,
    fold,
    replaced,
    run,
)
