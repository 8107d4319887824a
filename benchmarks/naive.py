"""The way most would write it: a template, its CSS inlined, a message, one after another."""

import smtplib
import time
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

from premailer import transform

from benchmarks.seed import NOW
from pipeline.app import App
from subscribers.edition import EditionName

EDITION = "weekly/2026-12-07"


def sending(directory: str, port: int, messages: int) -> float:
    """Messages a second, each with the articles of an edition's first segment."""
    with App.open(Path(directory, "kennisportal.toml")) as app, app.store.read() as work:
        edition = work.editions.get(EditionName.parse(EDITION))
        assert edition is not None
        segment, language, _ = work.deliveries.segments(edition.id)[0]
        articles = work.articles.get([item.article for item in work.deliveries.segment(segment)[1]])
        environment = app.templates[language]
        style = environment.get_template("email/digest/style.css.j2").render()
        item = environment.get_template("email/digest/item.html.j2")
        site = app.settings.site
        with smtplib.SMTP("127.0.0.1", port) as connection:
            began = time.perf_counter()
            for number in range(messages):
                items = "".join(
                    item.render(
                        title=article.title,
                        url=article.url,
                        summary=article.summary,
                        author=article.author,
                        change="",
                        published=article.published,
                        tag=article.language,
                        updated=False,
                        featured=False,
                        also=[],
                        site=site,
                    )
                    for article in articles.values()
                )
                html = f"<html><head><style>{style}</style></head><body>Beste {number},{items}</body></html>"
                message = EmailMessage()
                message["From"] = "overzicht@portaal.example"
                message["To"] = f"lezer{number}@provider.example"
                message["Subject"] = "Uw weekoverzicht"
                message["Date"] = format_datetime(NOW)
                message["Message-ID"] = make_msgid(domain="portaal.example")
                message.set_content("\n\n".join(f"{one.title}\n{one.summary}" for one in articles.values()))
                message.add_alternative(transform(html, disable_validation=True), subtype="html")
                connection.send_message(message)
            return messages / (time.perf_counter() - began)
