from . import (
    webhook,
    secret,
    rotation,
    message,
    log,
    companies,
    health,
    retention,
    trial,
    resumption,
    resending,
    notice,
)
