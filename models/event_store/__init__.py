from . import read_only, stream, event, epoch, capture, reconcile, build, fold, run
