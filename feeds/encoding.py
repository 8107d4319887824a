"""What encoding bytes from outside are in, where nobody says so or what is said is not true."""


def text_of(document: bytes) -> str:
    """A document that should be UTF-8, as JSON is; where it is something else, that is Windows-1252 here."""
    try:
        return document.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = document.decode("utf-8-sig", "replace")
    return text if is_mostly_utf_8(text) else document.decode("cp1252", "replace")


def is_mostly_utf_8(text: str) -> bool:
    """Whether a text that was read as UTF-8 is that but for some characters which were cut in two."""
    faults = text.count("\ufffd")
    others = len(text) - len(text.encode("ascii", "ignore"))
    return 0 < faults < others - faults
