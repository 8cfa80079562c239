from . import feed, leaving
