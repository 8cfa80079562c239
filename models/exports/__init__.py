from . import excel_run
