"""What can go wrong through no fault of the program."""


class KennisportalError(Exception):
    """Its text names the thing and says what to do; whoever gave the command needs nothing else."""
