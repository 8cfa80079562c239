from . import reader, series, user_snapshot, fold
