"""A document at hand in its parts: what one of its items becomes is made once, and is looked at once."""

from collections.abc import Iterable


class Written(bytes):
    """A feed's document, as the bytes that are published: ``head``, then the ``items``, then ``tail``.

    ``between`` separates the items. Head and tail by themselves are the document of a feed without items.
    """

    head: bytes
    items: tuple[bytes, ...]
    tail: bytes

    def __new__(cls, head: bytes, items: Iterable[bytes], tail: bytes, between: bytes = b"") -> "Written":
        parts = tuple(items)
        made = super().__new__(cls, b"".join((head, between.join(parts), tail)))
        made.head, made.items, made.tail = head, parts, tail
        return made
