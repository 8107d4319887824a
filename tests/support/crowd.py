"""So many readers that signing them up one by one would take longer than the test."""

from sqlalchemy import insert

from pipeline.store.tables import SubscriberRow
from subscribers.subscriber import State, Subscriber, address_key, domain_of


def address(number: int) -> str:
    return f"lezer{number}@d{number % 7}.example"


def enrol(portal, number: int) -> None:
    """So many readers of one theme, without the ceremony of a roster."""
    with portal.open() as app, app.store.write() as work:
        shared = work.subscribers.interest_set(["cloud"])
        key = app.secrets.suppression
        rows = []
        for one in range(number):
            subscriber = Subscriber(
                email=address(one),
                frequency="weekly",
                state=State.ACTIVE,
                created_at=portal.now,
                confirmed_at=portal.now,
            )
            rows.append(
                subscriber.model_dump()
                | {
                    "address_key": address_key(subscriber.email, key),
                    "domain": domain_of(subscriber.email),
                    "interest_set_id": shared,
                }
            )
        work.session.execute(insert(SubscriberRow), rows)
