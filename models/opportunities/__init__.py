from . import (
    pages,
    converted_values,
    drill_down,
    deal_form,
    deal_sheet,
    searched_fields,
    pace_columns,
)
