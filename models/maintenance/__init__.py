from . import repair_backup, run, health, update
