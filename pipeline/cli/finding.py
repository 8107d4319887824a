"""Finding the article that somebody means."""

from feeds.article import Article
from pipeline.app import App
from pipeline.cli.failure import Failure


def find(app: App, named: str) -> tuple[int, Article]:
    """The article somebody means, by number, ``tag:`` id or address."""
    with app.store.read() as work:
        id = work.articles.look_up(named)
        if id is None:
            raise Failure(f"{named!r} is no article we know; 'kennisportal articles list' has them")
        return id, work.articles.get([id])[id]
