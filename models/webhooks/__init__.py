from . import (
    webhook,
    secret,
    rotation,
    message,
    log,
    health,
    retention,
    trial,
    resumption,
    resending,
    notice,
)
