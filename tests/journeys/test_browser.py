"""What a reader sees: mails and pages of the demo, looked at in a real browser.

In light and dark, wide and narrow, by keyboard and without scripts (WCAG 2.2 AA).
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Locator, Page, sync_playwright
from smtp_server import mails_taken

from pipeline.app import App
from pipeline.demo import play
from pipeline.settings import CONFIG_NAME
from subscribers.notice import FRESH
from subscribers.subscriber import Reader, State
from subscribers.token import ACCOUNT

pytestmark = pytest.mark.browser

SCHEMES = ["light", "dark"]
SUPPORT = Path(__file__).parents[1] / "support"

# Every piece of text that is to be seen: what it says, how large it is, and how it stands out from
# the first background behind it that lets nothing through (WCAG 2.2, relative luminance).
TEXTS = """
() => {
  const channels = css => css.match(/[\\d.]+/g).map(Number);
  const luminance = css => channels(css).slice(0, 3)
    .map(value => value / 255)
    .map(value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4)
    .reduce((sum, value, place) => sum + value * [0.2126, 0.7152, 0.0722][place], 0);
  const opaque = css => css.startsWith('rgb') && (channels(css)[3] ?? 1) === 1;
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (opaque(color)) return color;
    }
    return null;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility({opacityProperty: true, visibilityProperty: true})) continue;
    const style = getComputedStyle(element), background = behind(element);
    found.push({
      text,
      where: element.className || element.tagName,
      size: parseFloat(style.fontSize),
      contrast: background && opaque(style.color) ? contrast(style.color, background) : 0,
    });
  }
  return found;
}
"""

# The element that has the focus, and the ring around it.
FOCUS = """
() => {
  const element = document.activeElement, style = getComputedStyle(element);
  const box = element.getBoundingClientRect();
  return {
    tag: element.tagName,
    href: element.getAttribute('href'),
    id: element.id,
    ring: style.outlineStyle === 'none' ? 0 : parseFloat(style.outlineWidth),
    ringColor: style.outlineColor,
    background: getComputedStyle(document.body).backgroundColor,
    seen: box.top >= 0 && box.bottom <= innerHeight && box.left >= 0 && box.right <= innerWidth,
  };
}
"""


AXE = Axe().axe_script
VIOLATIONS = """
options => axe.run({...options, resultTypes: ['violations']}).then(({violations}) => violations.map(
  ({help, nodes}) => [help, ...nodes.map(node => node.target.join(' '))]))
"""
WCAG = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}


@dataclass(frozen=True)
class Demo:
    """A portal with mails delivered, and its web server at ``url``, whose mails go to ``inbox``."""

    config: Path
    mails: list[EmailMessage]
    url: str
    inbox: Path

    def mail(self, number: int, week: int) -> EmailMessage:
        """What one of the readers got in one of the two weeks."""
        to = f"lezer{number}@voorbeeld.example"
        theirs = [mail for mail in self.mails if mail["To"] == to]
        return sorted(theirs, key=lambda mail: mail["Date"].datetime)[week - 1]

    def next_mail(self, to: str, number: int) -> EmailMessage:
        """The mail of this number that the mail server got for somebody, once it is there."""
        deadline = time.monotonic() + 20
        while True:
            theirs = [
                message_from_bytes(one.content, policy=policy.default)
                for one in mails_taken(self.inbox)
                if one.recipients == [to]
            ]
            if len(theirs) >= number:
                return theirs[number - 1]
            assert time.monotonic() < deadline, f"no mail {number} to {to}"
            time.sleep(0.05)

    def leave(self, number: int) -> str:
        """The link in a reader's mail, on this server."""
        return self.url + urlsplit(self.mail(number, 1)["List-Unsubscribe"].strip("<>")).path

    def link(self, number: int, kind: str) -> str:
        """Where a link in a reader's mail leads, on this server: to ``preferences``, or ``editions``."""
        html = self.mail(number, 1).get_body(("html",)).get_content()
        return self.url + re.search(rf'href="https?://[^/"]+(/{kind}/[^"#]+)"', html)[1]

    def reader(self, number: int) -> Reader:
        with App.open(self.config) as app, app.store.read() as work:
            return work.subscribers.by_email(f"lezer{number}@voorbeeld.example")

    def state(self, number: int) -> State:
        return self.reader(number).subscriber.state


@pytest.fixture(scope="module")
def demo(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    root = tmp_path_factory.mktemp("demo")
    play(root)
    config = root / CONFIG_NAME
    mails = [
        message_from_bytes(path.read_bytes(), policy=policy.default)
        for path in (root / "var" / "mail" / "new").iterdir()
    ]
    inbox = root / "inbox"
    inbox.touch()
    command = "from pipeline.cli import main; main()"
    with ExitStack() as stack:

        def started(*words: object, **more: str) -> str:
            """What a process says first; it ends with this fixture."""
            environment = os.environ | {"PYTHONUNBUFFERED": "1"} | more
            process = subprocess.Popen(
                [sys.executable, *words], stdout=subprocess.PIPE, env=environment, text=True
            )
            stack.enter_context(process)
            stack.callback(process.terminate)
            return process.stdout.readline()

        port = int(started(SUPPORT / "smtp_server.py", inbox))
        to = {"KENNISPORTAL_MAIL__TRANSPORT": f"smtp://127.0.0.1:{port}"}
        said = re.search(
            r"http://[\d.:]+", started("-c", command, "web", "--config", config, "--port", "0", **to)
        )
        assert said, "the server did not start"
        yield Demo(config, mails, said[0], inbox)


@pytest.fixture(scope="module")
def browser(chromium: str, demo: Demo) -> Iterator[Browser]:
    """After the demo, which runs event loops of its own: Playwright's holds this thread."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(
    browser: Browser,
    width: int = 1200,
    scheme: str = "light",
    scripts: bool = True,
    complains: tuple[str, ...] = (),
) -> Iterator[Page]:
    """A new window, in which nothing else may go wrong and nothing may be fetched from elsewhere."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, java_script_enabled=scripts
    )
    page = context.new_page()
    complaints: list[str] = []
    requests: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: requests.append(request.url))
    yield page
    assert len(complaints) == len(complains), complaints
    assert all(part in complaint for part, complaint in zip(complains, complaints, strict=True))
    assert {urlsplit(url).netloc for url in requests} <= {urlsplit(page.url).netloc}
    context.close()


def look_over(page: Page) -> None:
    """What must hold of everything that is shown, in light and in dark."""
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    assert page.locator("img:not([alt])").count() == 0
    assert page.locator("h1").count() == 1
    levels = [
        int(tag[1]) for tag in page.locator("h1, h2, h3, h4").evaluate_all("all => all.map(e => e.tagName)")
    ]
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels)), levels
    assert page.title()
    page.evaluate(AXE)
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        texts = page.evaluate(TEXTS)
        assert len(texts) > 3
        assert [text for text in texts if text["size"] < 14] == []
        assert [text for text in texts if text["contrast"] < 4.5] == [], scheme
        # A mail stands within the page of a mail program, which has the landmarks. And only what is wrong
        # comes over here: all that is right would take longer than finding it does.
        assert page.evaluate(VIOLATIONS, WCAG if page.url == "about:blank" else {}) == [], scheme


# -- mails --------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [600, 320])
@pytest.mark.parametrize(
    ("number", "week", "language"), [(4, 1, "nl"), (4, 2, "nl"), (8, 1, "en"), (9, 2, "nl")]
)
def test_a_mail_can_be_read_on_any_screen(
    browser: Browser, demo: Demo, number: int, week: int, language: str, width: int
) -> None:
    html = demo.mail(number, week).get_body(("html",)).get_content()
    with opened(browser, width) as page:
        page.set_content(html)
        look_over(page)
        assert page.locator("html").get_attribute("lang") == language
        links = page.locator("a").evaluate_all("all => all.map(a => a.getAttribute('href'))")
        assert len(links) >= 4
        assert all(re.match(r"https?://[^/]+/", link) for link in links), links
        shown = page.locator("body").inner_text()
        assert f"lezer{number}@voorbeeld.example" in shown
        assert "Voorbeeldstraat 1" in shown


def test_on_a_phone_the_name_of_the_site_stays_on_one_line(browser: Browser, demo: Demo) -> None:
    with opened(browser, 320) as page:
        page.set_content(demo.mail(4, 1).get_body(("html",)).get_content())
        assert page.locator(".wordmark").bounding_box()["height"] < 30
        tops = page.locator(".leave a").evaluate_all("all => all.map(a => a.getBoundingClientRect().top)")
        assert len(tops) == 2
        assert tops[0] == tops[1]


def test_a_theme_with_a_long_name_fits_on_a_phone(browser: Browser, demo: Demo) -> None:
    html = demo.mail(4, 2).get_body(("html",)).get_content()
    long = "Informatiebeveiliging, privacybescherming en bedrijfscontinuïteit"
    with opened(browser, 320) as page:
        page.set_content(html.replace("Overheid", long))
        assert page.get_by_role("link", name=f"{long} niet meer volgen").is_visible()
        look_over(page)


def test_the_links_at_the_top_of_a_mail_are_large_enough_to_hit(browser: Browser, demo: Demo) -> None:
    for width in (600, 320):
        with opened(browser, width) as page:
            page.set_content(demo.mail(4, 1).get_body(("html",)).get_content())
            links = page.locator(".quiet-link, .foot-link")
            assert links.count() == 6 + page.locator(".section").count()
            heights = links.evaluate_all("all => all.map(a => a.getBoundingClientRect().height)")
            assert min(heights) >= 24


def test_in_the_dark_a_mail_is_dark(browser: Browser, demo: Demo) -> None:
    html = demo.mail(4, 2).get_body(("html",)).get_content()
    backgrounds = []
    for scheme in SCHEMES:
        with opened(browser, 600, scheme) as page:
            page.set_content(html)
            sheet = page.locator(".sheet")
            backgrounds.append(sheet.evaluate("element => getComputedStyle(element).backgroundColor"))
    light, dark = (sum(map(int, re.findall(r"\d+", color))) for color in backgrounds)
    assert light > 600
    assert dark < 150


def test_the_inbox_line_of_a_mail_is_not_shown_again_inside(browser: Browser, demo: Demo) -> None:
    with opened(browser, 600) as page:
        page.set_content(demo.mail(4, 1).get_body(("html",)).get_content())
        assert page.locator(".preheader").text_content()
        assert not page.locator(".preheader").is_visible()


# -- pages --------------------------------------------------------------------------------------

PAGES = ["/", "/themes/gemeenten", "/themes/overheid", "/artikelen/datalek-eerste-72-uur"]


@pytest.mark.parametrize("width", [1200, 600, 320])
@pytest.mark.parametrize("path", PAGES)
def test_a_page_can_be_read_on_any_screen(browser: Browser, demo: Demo, path: str, width: int) -> None:
    with opened(browser, width) as page:
        page.goto(demo.url + path)
        look_over(page)
        assert page.locator("html").get_attribute("lang") == "nl"
        for landmark in ("banner", "main", "contentinfo"):
            assert page.get_by_role(landmark).count() == 1, landmark
        targets = page.locator("header a, h3 a, nav a, .feeds a, .themes a")
        heights = targets.evaluate_all("all => all.map(a => a.getBoundingClientRect().height)")
        assert min(heights) >= 24


def test_long_words_in_the_names_of_the_site_and_its_themes_are_broken_on_a_phone(
    browser: Browser, demo: Demo
) -> None:
    with opened(browser, 320) as page:
        page.goto(demo.url)
        names = {
            "Kennisportal": "Arbeidsongeschiktheidsverzekeraars",
            "Gemeenten": "Aansprakelijkheidsverzekeringen",
        }
        html = page.content()
        for short, long in names.items():
            html = html.replace(f">{short}<", f">{long}<")
            assert long in html
        page.set_content(html)
        look_over(page)


@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("path", ["/", "/themes/gemeenten"])
def test_the_keyboard_reaches_every_link_and_field_and_shows_where_it_is(
    browser: Browser, demo: Demo, path: str, scheme: str
) -> None:
    with opened(browser, 1200, scheme) as page:
        page.goto(demo.url + path)
        stops = page.locator("a, input, button").evaluate_all(
            "all => all.filter(it => it.checkVisibility()).map(it => [it.tagName, it.getAttribute('href')])"
        )
        reached = []
        for _ in stops:
            page.keyboard.press("Tab")
            focus = page.evaluate(FOCUS)
            reached.append([focus["tag"], focus["href"]])
            assert focus["seen"], focus
            assert focus["ring"] >= 2, focus
            assert luminance_ratio(focus["ringColor"], focus["background"]) >= 3, focus
        assert reached == stops


@pytest.mark.parametrize("path", PAGES[:3])
def test_on_a_phone_links_lead_past_the_articles_to_what_one_can_follow(
    browser: Browser, demo: Demo, path: str
) -> None:
    with opened(browser, 320, "light") as page:
        page.goto(demo.url + path)
        links = page.locator(".jump a")
        assert links.count() == 2
        for link in links.all():
            link.click()
            heading = page.locator(str(link.get_attribute("href")))
            assert heading.evaluate("it => 0 <= it.getBoundingClientRect().top")
            assert heading.evaluate("it => it.getBoundingClientRect().bottom <= innerHeight")
        page.set_viewport_size({"width": 1280, "height": 900})
        assert not links.first.is_visible()


@pytest.mark.parametrize("path", PAGES)
def test_the_first_key_offers_to_skip_to_the_content(browser: Browser, demo: Demo, path: str) -> None:
    with opened(browser) as page:
        page.goto(demo.url + path)
        assert page.locator(".skip").bounding_box()["y"] < 0
        page.keyboard.press("Tab")
        focus = page.evaluate(FOCUS)
        assert (focus["href"], focus["seen"]) == ("#content", True)
        page.keyboard.press("Enter")
        assert page.evaluate(FOCUS)["id"] == "content"
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main, footer, body').tagName") != "HEADER"


# -- on the web ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 600, 320])
@pytest.mark.parametrize(("number", "language"), [(4, "nl"), (8, "en")])
def test_the_web_edition_can_be_read_on_any_screen(
    browser: Browser, demo: Demo, number: int, language: str, width: int
) -> None:
    with opened(browser, width) as page:
        page.goto(demo.link(number, "editions"))
        look_over(page)
        assert page.locator("html").get_attribute("lang") == language
        for landmark in ("banner", "main", "contentinfo"):
            assert page.get_by_role(landmark).count() == 1, landmark
        targets = page.locator("header a, h3 a, nav a, .onwards")
        heights = targets.evaluate_all("all => all.map(a => a.getBoundingClientRect().height)")
        assert min(heights) >= 24


def test_the_web_edition_holds_what_the_mail_holds_and_one_line_for_what_was_withdrawn(
    browser: Browser, demo: Demo
) -> None:
    with opened(browser) as page:
        page.set_content(demo.mail(4, 1).get_body(("html",)).get_content())
        mailed = page.locator("h2, h3").all_inner_texts()
        page.goto(demo.link(4, "editions"))
        shown = page.locator("section h2, section h3").all_inner_texts()
        assert page.get_by_text("Dit artikel is ingetrokken.").count() == 1
    assert len(mailed) > 20
    assert len(set(mailed) - set(shown)) == 1
    assert [text for text in mailed if text in shown] == shown


@pytest.mark.parametrize("width", [1280, 320])
def test_the_table_of_contents_leads_to_each_section(browser: Browser, demo: Demo, width: int) -> None:
    with opened(browser, width) as page:
        page.goto(demo.link(4, "editions"))
        links = page.locator("nav a")
        assert links.count() == page.locator("section").count() > 3
        for place in range(links.count()):
            name = links.nth(place).inner_text()
            links.nth(place).press("Enter")
            section = page.locator(":target")
            assert section.locator("h2").inner_text() == name
            assert section.locator("h2").evaluate("h => h.getBoundingClientRect().top >= 0")


# -- preferences --------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("wrong", [False, True])
def test_the_preferences_can_be_read_on_any_screen(
    browser: Browser, demo: Demo, wrong: bool, width: int
) -> None:
    with opened(browser, width, complains=("422",) if wrong else ()) as page:
        page.goto(demo.link(4, "preferences"))
        if wrong:
            for box in page.get_by_role("checkbox").all():
                box.uncheck()
            with page.expect_navigation():
                page.get_by_role("button", name="Opslaan").click()
            page.get_by_role("alert").get_by_role("link").press("Enter")
            assert page.locator(":target legend").evaluate("e => e.getBoundingClientRect().top >= 0")
            themes = page.get_by_role("group", name="Over welke thema’s wilt u lezen?")
            described = themes.get_attribute("aria-describedby").split()[0]
            assert page.locator(f"#{described}").inner_text().startswith("Kies minstens één thema.")
        look_over(page)
    assert demo.reader(4).interests


@pytest.mark.parametrize("scheme", SCHEMES)
def test_preferences_are_changed_by_keyboard_alone(browser: Browser, demo: Demo, scheme: str) -> None:
    number = {"light": 10, "dark": 12}[scheme]
    with opened(browser, 320, scheme) as page:
        page.goto(demo.link(number, "preferences"))
        for name, key in (
            ("Security", "Space"),
            ("Elke week", "ArrowUp"),  # to every day
            ("Nederlands", "ArrowDown"),  # to English
        ):
            control = page.get_by_label(name, exact=True)
            reach(page, control)
            page.keyboard.press(key)
        for field in ("timezone", "pause"):
            page.keyboard.press("Tab")
            assert page.evaluate("document.activeElement.id") == field
        reach(page, page.get_by_role("button", name="Opslaan"))
        before = demo.reader(number).interests
        with page.expect_navigation():
            page.keyboard.press("Enter")
        look_over(page)
        said = page.get_by_role("status").inner_text()
        assert "Your preferences have been saved." in said
        assert "You receive a digest every day." in said
        assert page.locator("html").get_attribute("lang") == "en"
    after = demo.reader(number)
    assert set(after.interests) == {*before, "security"}
    assert (after.subscriber.frequency, after.subscriber.language) == ("daily", "en")


def test_a_pause_is_set_and_ended_without_scripts(browser: Browser, demo: Demo) -> None:
    with opened(browser, 320, scripts=False) as page:
        page.goto(demo.link(11, "preferences"))
        until = page.get_by_label("No mail until").get_attribute("min")
        for day, state in ((until, State.PAUSED), ("", State.ACTIVE)):
            page.get_by_label("No mail until").fill(day)
            with page.expect_navigation():
                page.get_by_role("button", name="Save").click()
            assert page.get_by_label("No mail until").input_value() == day
            assert demo.state(11) is state


@pytest.mark.parametrize("width", [1280, 320])
def test_what_can_be_chosen_is_large_enough_to_hit(browser: Browser, demo: Demo, width: int) -> None:
    with opened(browser, width) as page:
        page.goto(demo.link(4, "preferences"))
        for box in page.locator("form label:has(input), [type=date], button").all():
            assert box.bounding_box()["height"] >= 24


def reach(page: Page, control: Locator) -> None:
    """Tab on to a control, which then shows that it has the focus."""
    for _ in range(40):
        page.keyboard.press("Tab")
        if control.evaluate("element => element === document.activeElement"):
            break
    focus = page.evaluate(FOCUS)
    assert control.evaluate("element => element === document.activeElement")
    assert focus["seen"], focus
    assert focus["ring"] >= 2, focus
    assert luminance_ratio(focus["ringColor"], focus["background"]) >= 3, focus


# -- leaving ------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1200, 320])
def test_the_pages_for_one_visitor_can_be_read_on_any_screen(
    browser: Browser, demo: Demo, width: int
) -> None:
    with opened(browser, width) as page:
        page.goto(demo.leave(4))
        look_over(page)
        buttons = [button.inner_text() for button in page.get_by_role("button").all()]
        assert buttons == ["Ja, meld mij af", "Elke maand"]
        assert all(button.bounding_box()["height"] >= 44 for button in page.get_by_role("button").all())


@pytest.mark.parametrize(("number", "scripts"), [(1, True), (2, False)])
def test_the_link_in_a_mail_and_one_key_unsubscribe(
    browser: Browser, demo: Demo, number: int, scripts: bool
) -> None:
    with opened(browser, 320, scripts=scripts) as page:
        page.goto(demo.leave(number))
        assert page.locator("h1").inner_text() == "Wilt u zich afmelden?"
        assert demo.state(number) is State.ACTIVE
        for _ in ("skip link", "site", "button"):
            page.keyboard.press("Tab")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.locator("h1").inner_text() == "U bent afgemeld"
        assert page.url == demo.leave(number)
    assert demo.state(number) is State.UNSUBSCRIBED


def test_an_english_reader_leaves_in_english(browser: Browser, demo: Demo) -> None:
    with opened(browser) as page:
        page.goto(demo.leave(5))
        with page.expect_navigation():
            page.get_by_role("button", name="Yes, unsubscribe me").click()
        look_over(page)
        assert page.locator("html").get_attribute("lang") == "en"
        assert page.locator("h1").inner_text() == "You are unsubscribed"
    assert demo.state(5) is State.UNSUBSCRIBED


# -- signing up ---------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [1280, 320])
@pytest.mark.parametrize("wrong", [False, True])
def test_the_sign_up_form_can_be_read_on_any_screen(
    browser: Browser, demo: Demo, wrong: bool, width: int
) -> None:
    with opened(browser, width, complains=("422",) if wrong else ()) as page:
        page.goto(f"{demo.url}/themes/gemeenten")
        link = page.get_by_role("link", name="Meer thema’s kiezen")
        page.goto(demo.url + urlsplit(link.get_attribute("href")).path)
        if wrong:
            page.get_by_label("Wat is uw e-mailadres?").fill("lezer@voorbeeld")
            with page.expect_navigation():
                page.get_by_role("button", name="Aanmelden").click()
            page.get_by_role("alert").get_by_role("link").last.press("Enter")
            assert page.locator(":target legend").evaluate("e => e.getBoundingClientRect().top >= 0")
            described = page.get_by_label("Wat is uw e-mailadres?").get_attribute("aria-describedby").split()
            assert page.locator(f"#{described[0]}").inner_text().startswith("Naar dit e-mailadres")
        look_over(page)
        for box in page.locator("form label:has(input), [type=email], button").all():
            assert box.bounding_box()["height"] >= 24


def test_somebody_signs_up_by_keyboard_and_without_scripts_from_form_to_welcome(
    browser: Browser, demo: Demo
) -> None:
    email = "nieuw@voorbeeld.example"
    with opened(browser, 320, scripts=False) as page:
        page.goto(f"{demo.url}/subscribe?theme=gemeenten")
        page.get_by_label("Wat is uw e-mailadres?").focus()
        page.keyboard.type(email)
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.locator("h1").inner_text() == "Kijk nu in uw mailbox"
        assert email in page.locator("main").inner_text()
        mail = demo.next_mail(email, 1)
        assert mail["From"] == "Kennisportal <post@kennisportal.example>"
        text = mail.get_body(("plain",)).get_content()
        page.goto(demo.url + re.search(r"https?://[^/]+(/confirm/\S+)", text)[1])
        assert page.locator("h1").inner_text() == "Nog één klik"
        for _ in ("skip link", "site", "button"):
            page.keyboard.press("Tab")
        with page.expect_navigation():
            page.keyboard.press("Enter")
        assert page.locator("h1").inner_text() == "Welkom"
    welcome = demo.next_mail(email, 2)
    assert welcome["Subject"] == "Welkom bij Kennisportal"
    with opened(browser, 320) as page:
        for part in (mail, welcome):
            page.set_content(part.get_body(("html",)).get_content())
            look_over(page)
    with App.open(demo.config) as app, app.store.read() as work:
        found = work.subscribers.by_email(email)
    assert found.subscriber.state is State.ACTIVE
    assert found.interests == ("gemeenten",)


@pytest.mark.parametrize("width", [1280, 320])
def test_the_page_with_ones_data_can_be_read_on_any_screen(browser: Browser, demo: Demo, width: int) -> None:
    with App.open(demo.config) as app:
        token = app.tokens.sign_until(ACCOUNT, demo.reader(4).id, datetime.now(UTC) + FRESH)
    with opened(browser, width, complains=("422",)) as page:
        page.goto(f"{demo.url}/account/{token}")
        with page.expect_navigation():
            page.get_by_role("button", name="Link maken").or_(
                page.get_by_role("button", name="Nieuwe link maken")
            ).click()
        look_over(page)
        assert "/feeds/me/" in page.locator("code").inner_text()
        with page.expect_navigation():
            page.get_by_role("button", name="Mijn gegevens wissen").click()
        look_over(page)
        page.get_by_role("alert").get_by_role("link").press("Enter")
        assert page.locator(":target").get_attribute("type") == "checkbox"
    assert demo.state(4) is State.ACTIVE


def luminance_ratio(one: str, other: str) -> float:
    """The contrast between two opaque CSS colours, as WCAG 2.2 has it."""

    def luminance(css: str) -> float:
        values = [int(value) / 255 for value in re.findall(r"\d+", css)[:3]]
        linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in values]
        return sum(value * weight for value, weight in zip(linear, (0.2126, 0.7152, 0.0722), strict=True))

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)
