from . import stream, event, epoch, capture, reconcile, build, fold
