from . import changed, channel, quiet
