"""``kennisportal doctor``: whether everything around a portal is as it must be. A file per part.

A part looks and judges; what it can't find out is "not known", and is never a fault.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from pipeline.app import App
from pipeline.doctor.house import house
from pipeline.doctor.mail import mail
from pipeline.doctor.names import names
from pipeline.doctor.outside import Outside
from pipeline.doctor.site import site
from subscribers.senderdns import Finding, Verdict

PARTS: Sequence[Callable[[App, Outside], Iterable[Finding]]] = (house, mail, names, site)


def examine(app: App, outside: Outside) -> Iterator[Finding]:
    """What was found, as it is found. A part that breaks is one finding more, and the others go on."""
    for part in PARTS:
        try:
            yield from part(app, outside)
        except Exception as error:
            yield Finding(
                part.__name__, Verdict.WRONG, " ".join(str(error).split()), "mend that, and look again"
            )
