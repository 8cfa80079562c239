from . import pages, converted_values, drill_down
