from . import usage, step, reader, comparison
