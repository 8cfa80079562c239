from . import sums, groupings, reader, series, user_snapshot, fold
