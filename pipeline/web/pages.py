"""Pages made for one visitor, as opposed to those that are published."""

from collections.abc import Mapping

from jinja2 import Environment
from starlette.responses import HTMLResponse

from pipeline.settings import SiteSettings


class WebPages:
    """The templates in ``web/``, in every language."""

    def __init__(self, environments: Mapping[str, Environment], site: SiteSettings) -> None:
        self._environments = environments
        self._site = site

    @property
    def language(self) -> str:
        """The site's own language."""
        return self._site.language

    def show(self, name: str, *, language: str = "", status: int = 200, **context: object) -> HTMLResponse:
        """A page in a language (the site's own where none is given), which nobody may keep a copy of."""
        environment = self._environments[language or self._site.language]
        page = environment.get_template(f"web/{name}.html.j2").render(site=self._site, **context)
        return HTMLResponse(page, status, {"Cache-Control": "no-store"})

    def line(self, name: str, language: str) -> str:
        """A line of plain text in a language."""
        template = self._environments[language].get_template(f"web/{name}.txt.j2")
        return " ".join(template.render(site=self._site).split())
