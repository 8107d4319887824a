"""Nothing of ours runs scripts, sits in a frame or is guessed at, whatever the answer."""

from email.utils import parsedate_to_datetime

from subscribers.token import EDITION, PREFERENCES


def test_every_answer_bears_the_safe_headers(site) -> None:
    leave = site.join("lezer1@voorbeeld.example")
    prefer = f"/preferences/{site.app.tokens.sign(PREFERENCES, 1)}"
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert site.plan() == 1
    tag = site.ask("/feeds/all.rss").headers["etag"]
    answers = {
        "file": site.ask("/feeds/all.rss"),
        "part of a file": site.ask("/feeds/all.rss", headers={"Range": "bytes=0-9"}),
        "impossible part": site.ask("/feeds/all.rss", headers={"Range": "bytes=99999999-"}),
        "not modified": site.ask("/feeds/all.rss", headers={"If-None-Match": tag}),
        "page": site.ask("/"),
        "head": site.ask("/", "HEAD"),
        "not found": site.ask("/.live/all"),
        "refused": site.ask("/", "DELETE"),
        "asks": site.ask(leave),
        "prefers": site.ask(prefer),
        "incomplete": site.ask(prefer, "POST", form, b""),
        "of another site": site.ask(prefer, "POST", form | {"Sec-Fetch-Site": "cross-site"}, b""),
        "edition": site.ask(f"/editions/{site.app.tokens.sign(EDITION, 1)}"),
        "left": site.ask(leave, "POST"),
        "forged": site.ask(f"{leave}x", "POST"),
        "alive": site.ask("/healthz"),
        "ready": site.ask("/readyz"),
    }
    with site.app.database.engine.connect() as connection, connection.begin():
        for table in ("log_theme", "log", "consent", "delivery", "subscriber"):
            connection.exec_driver_sql(f"DROP TABLE {table}")
    answers |= {"not ready": site.ask("/readyz"), "failed": site.ask(leave)}
    assert sorted({answer.status for answer in answers.values()}) == [
        200,
        206,
        304,
        403,
        404,
        405,
        416,
        422,
        500,
        503,
    ]
    for name, answer in answers.items():
        policy = dict(
            part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";")
        )
        assert policy["default-src"] == "'none'", name
        assert policy["frame-ancestors"] == policy["base-uri"] == "'none'", name
        assert policy["form-action"] == "'self'", name
        assert "script-src" not in policy, name
        assert answer.headers["x-content-type-options"] == "nosniff", name
        assert answer.headers["referrer-policy"] == "same-origin", name
        assert len(answer.headers.get_all("content-security-policy")) == 1, name


def test_no_answer_sets_a_cookie_or_sends_anybody_elsewhere(site) -> None:
    leave = site.join("lezer1@voorbeeld.example")
    for path, method in (("/", "GET"), (leave, "GET"), (f"{leave}/", "GET"), (leave, "POST"), ("/x/", "GET")):
        answer = site.ask(path, method)
        assert answer.headers["set-cookie"] is None
        assert answer.headers["location"] is None


def test_last_modified_is_a_date_that_has_been(site) -> None:
    answer = site.ask("/feeds/all.rss")
    assert parsedate_to_datetime(answer.headers["last-modified"]) <= parsedate_to_datetime(
        answer.headers["date"]
    )
