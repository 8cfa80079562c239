from . import (
    repair_backup,
    run,
    archive_assistant,
    health,
    company_health,
    company_export_run,
    update,
    sales_oracle,
)

from .. import projections, sources
from ..support.rooms import warn_of_unloaded_files

# The rooms to which others add a file for each thing.
for room in (sources, projections):
    warn_of_unloaded_files(room.__name__)
