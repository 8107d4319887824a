"""Mail providers by domain, and the buckets that set the pace to them."""

from collections.abc import Collection, Iterable
from dataclasses import asdict

from sqlmodel import Session, col, select

from pipeline.store.tables import DomainRow, PaceRow
from pipeline.store.upsert import upsert
from subscribers.pace import Bucket
from subscribers.provider import Provider


class Providers:
    """The providers of one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def of(self, domains: Collection[str]) -> dict[str, Provider]:
        """Where we stand with these, also where nothing is known yet; theirs until this transaction ends."""
        rows = self._session.exec(
            select(DomainRow)
            .where(col(DomainRow.name).in_(sorted(domains)))
            .order_by(DomainRow.name)
            .with_for_update()
        )
        known = {row.name: _provider(row) for row in rows}
        return {domain: known.get(domain) or Provider(domain) for domain in domains}

    def known(self) -> list[Provider]:
        """All that were ever mailed, by name."""
        return [_provider(row) for row in self._session.exec(select(DomainRow).order_by(DomainRow.name))]

    def put(self, providers: Iterable[Provider]) -> None:
        """Keep where we stand with these. In the order of their names, so that two senders can't deadlock."""
        rows = [asdict(provider) for provider in sorted(providers, key=lambda one: one.domain)]
        upsert(self._session, DomainRow, [row | {"name": row.pop("domain")} for row in rows])

    def bucket(self, name: str) -> Bucket | None:
        """A bucket, kept from other senders until this transaction ends."""
        row = self._session.get(PaceRow, name, with_for_update=True)
        return Bucket(row.tokens, row.at) if row else None

    def put_bucket(self, name: str, bucket: Bucket) -> None:
        upsert(self._session, PaceRow, [{"name": name, "tokens": bucket.tokens, "at": bucket.at}])


def _provider(row: DomainRow) -> Provider:
    values = row.model_dump()
    return Provider(domain=values.pop("name"), **values)
