from . import usage, reader
