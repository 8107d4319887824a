"""What the config and the templates say about publishing, put into one value."""

from jinja2 import Environment

from pipeline import fingerprint
from pipeline.settings import Settings
from pipeline.steps.select import Imprint


def imprint_of(settings: Settings, templates: Environment) -> Imprint:
    """The imprint of a portal; ``templates`` are those of the site's language."""
    site, publish = settings.site, settings.publish
    return Imprint(
        name=site.name,
        base_url=site.base_url,
        host=site.host,
        language=site.language,
        entries=publish.entries,
        hub=publish.hub,
        changed=templates.from_string("{% trans %}What changed:{% endtrans %}").render(),
        made_from=fingerprint.of_documents(settings),
        archives_from=fingerprint.of_archives(settings),
    )
