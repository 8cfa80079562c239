from . import pages, drill_down
