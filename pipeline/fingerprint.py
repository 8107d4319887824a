"""Names for what published documents are made from besides articles and log: another name, other bytes."""

import hashlib
import importlib.metadata

from pipeline.edges.templates import TEMPLATES
from pipeline.settings import Settings


def of_documents(settings: Settings) -> str:
    """What feeds and pages are made from: version, config and templates."""
    site, publish = settings.site, settings.publish
    parts = hashlib.sha256(importlib.metadata.version("kennisportal").encode())
    placed = {source.name: source.themes for source in settings.source if source.themes}
    made_from = [site, publish.entries, publish.hub, settings.theme, placed, bool(settings.digest)]
    parts.update(repr(made_from).encode())
    for directory in (TEMPLATES, settings.path("templates")):
        for file in sorted(directory.rglob("*")) if directory.is_dir() else ():
            if file.is_file():
                parts.update(file.read_bytes())
    return parts.hexdigest()


def of_archives(settings: Settings) -> str:
    """What archives are made from: less than other documents, so that they seldom change."""
    site, publish = settings.site, settings.publish
    themes = [(theme.slug, theme.name, theme.description, theme.parent) for theme in settings.tree]
    parts = [importlib.metadata.version("kennisportal"), site, publish.hub, themes]
    return hashlib.sha256(repr(parts).encode()).hexdigest()
