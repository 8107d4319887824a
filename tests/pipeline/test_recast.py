"""Themes get other names, go together, apart or away; their readers get everything once all the same."""

import json
import re
from datetime import timedelta
from email import message_from_bytes, policy
from functools import partial

import pytest
from lxml.etree import fromstring

from pipeline import jobs
from pipeline.ports import StoreError
from subscribers.frequency import Frequency
from subscribers.preferences import Preferences
from subscribers.signup import Wish
from subscribers.subscriber import State

pytestmark = pytest.mark.each_database


def run(portal, *words: str) -> str:
    result = portal.run(*words)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def row_of(name: str, interests: str) -> dict[str, str]:
    return {"email": f"{name}@voorbeeld.example", "interests": interests, "language": "nl"}


def join(portal, name: str, interests: str) -> None:
    with portal.open() as app:
        app.enroller().add(row_of(name, interests), "op papier")


def interests(portal, name: str) -> tuple[str, ...]:
    with portal.open() as app, app.store.read() as work:
        return work.subscribers.by_email(f"{name}@voorbeeld.example").interests


def write(portal, *titles: str) -> None:
    for title in titles:
        portal.write(title.lower().replace(" ", "-"), title)
    run(portal, "collect", "--force")


def sent(portal) -> dict[str, str]:
    """The texts of the mails of the next weekly digest, by reader."""
    before = set((portal.root / "mail" / "new").glob("*"))
    portal.wait(days=7)
    run(portal, "digest", "send", "weekly", "--yes")
    after = set((portal.root / "mail" / "new").glob("*")) - before
    found = [message_from_bytes(path.read_bytes(), policy=policy.default) for path in after]
    return {mail["To"].partition("@")[0]: mail.get_body(("plain",)).get_content() for mail in found}


def config(portal) -> str:
    return str(portal.config.read_text(encoding="utf-8"))


def comment(portal) -> None:
    portal.config.write_text(config(portal).replace('name = "Cloud"', 'name = "Cloud"  # onze wolk'))


def test_a_theme_with_another_slug_keeps_its_readers_its_articles_and_its_addresses(portal) -> None:
    comment(portal)
    join(portal, "lezer", "cloud")
    write(portal, "Een cloud")
    assert "Een cloud" in sent(portal)["lezer"]
    write(portal, "Nog een cloud")
    run(portal, "articles", "retheme", "1", "--remove", "cloud")
    run(portal, "digest", "plan", "weekly")
    run(portal, "feeds", "build")
    assert "1 readers follow cloud, 1 of them nothing else." in run(
        portal, "themes", "rename", "cloud", "wolken", "--yes", "--as", "redactie"
    )
    assert 'name = "Cloud"  # onze wolk' in config(portal)
    assert 'formerly = ["cloud"]' in config(portal)
    assert interests(portal, "lezer") == ("wolken",)
    run(portal, "collect")
    run(portal, "feeds", "build")
    assert (portal.root / "public" / "themes" / "wolken.html").exists()
    assert not (portal.root / "public" / "themes" / "cloud.html").exists()
    feed = json.loads((portal.root / "public" / "feeds" / "wolken.json").read_text())
    assert [item["title"] for item in feed["items"]] == ["Nog een cloud"], "an editor's word still holds"
    (mail,) = sent(portal).values()
    assert "Nog een cloud" in mail
    assert "Cloud" in mail
    assert sent(portal) == {}, "nothing comes again under the new name"
    assert "rename" in run(portal, "audit")


def test_who_followed_either_of_two_themes_gets_each_article_of_both_once(portal) -> None:
    for name, chosen in (("wolk", "cloud"), ("raad", "gemeenten"), ("beide", "cloud;gemeenten")):
        join(portal, name, chosen)
    write(portal, "Oude cloud", "Oude gemeente")
    assert set(sent(portal)) == {"wolk", "raad", "beide"}
    write(portal, "Nieuwe cloud", "Nieuwe gemeente")
    run(portal, "digest", "plan", "weekly")
    said = run(portal, "themes", "merge", "cloud", "gemeenten", "--yes")
    assert "2 readers follow cloud, 1 of them nothing else." in said
    assert "2 mails are planned for them" in said
    for name in ("wolk", "raad", "beide"):
        assert interests(portal, name) == ("gemeenten",)
    mails = [sent(portal), sent(portal)]
    for name in ("wolk", "raad", "beide"):
        got = [mail[name] for mail in mails if name in mail]
        assert sum("Nieuwe gemeente" in text for text in got) == 1
        assert sum("Nieuwe cloud" in text for text in got) == 1
        assert not any("Oude" in text for text in got)
    run(portal, "collect")
    write(portal, "Weer een cloud")
    assert {name for name, text in sent(portal).items() if "Weer een cloud" in text} == {
        "wolk",
        "raad",
        "beide",
    }
    run(portal, "feeds", "build")
    assert "Oude cloud" in (portal.root / "public" / "feeds" / "overheid.atom").read_text(), "also above it"


def history(portal, slug: str) -> list[list[str]]:
    """The titles in a theme's documents, the newest document first, by their links to the one before."""
    documents = []
    path = f"feeds/{slug}.json"
    while path:
        found = json.loads((portal.root / "public" / path).read_text())
        documents.append([item["title"] for item in found["items"]])
        path = found.get("next_url", "").removeprefix("https://portaal.example/")
    return documents


def write_many(portal, word: str, first: int, last: int) -> None:
    for number in range(first, last):
        day = portal.now - timedelta(days=200, hours=-number)
        portal.write(f"{word}{number}", f"De {word}, deel {number}", date=day)
    portal.wait(hours=1)
    run(portal, "collect", "--force")
    run(portal, "feeds", "build")


def test_a_theme_that_takes_in_another_has_the_whole_history_of_both(portal) -> None:
    for word, first, last in (("cloud", 0, 110), ("gemeente", 0, 60), ("cloud", 110, 160)):
        write_many(portal, word, first, last)
    run(portal, "themes", "merge", "gemeenten", "cloud", "--yes")
    run(portal, "feeds", "build")
    run(portal, "feeds", "check")
    current, *archives = history(portal, "cloud")
    assert [len(titles) for titles in archives] == [100, 100]
    assert len({title for titles in archives for title in titles}) == 200
    assert {title for titles in (current, *archives) for title in titles} == {
        *(f"De cloud, deel {number}" for number in range(160)),
        *(f"De gemeente, deel {number}" for number in range(60)),
    }


def test_a_theme_can_have_its_old_slug_back(portal) -> None:
    write(portal, "Een cloud")
    run(portal, "feeds", "build")
    for old, new in (("cloud", "wolken"), ("wolken", "cloud")):
        run(portal, "themes", "rename", old, new, "--yes")
        run(portal, "feeds", "build")
    assert 'formerly = ["wolken"]' in config(portal)
    assert history(portal, "cloud") == [["Een cloud"]]


def test_several_themes_take_the_place_of_one(portal) -> None:
    join(portal, "lezer", "gemeenten")
    write(portal, "Een gemeente met geld", "Een gemeente met privacy")
    assert set(sent(portal)) == {"lezer"}
    write(portal, "Een gemeente zonder geld", "Een gemeente zonder privacy", "De gemeente")
    portal.config.write_text(
        config(portal)
        + '[[theme]]\nslug = "geld"\nname = "Geld"\nkeywords = ["geld"]\n'
        + '[[theme]]\nslug = "privacy"\nname = "Privacy"\nkeywords = ["privacy"]\n'
    )
    run(portal, "collect")
    run(portal, "themes", "split", "gemeenten", "--into", "geld,privacy", "--yes")
    assert interests(portal, "lezer") == ("geld", "privacy")
    assert 'slug = "gemeenten"' not in config(portal)
    run(portal, "collect")
    (text,) = sent(portal).values()
    assert "zonder geld" in text
    assert "zonder privacy" in text
    assert "met" not in text.split("zonder")[0]
    assert sent(portal) == {}


def test_a_theme_that_is_taken_out_leaves_its_readers_the_rest(portal) -> None:
    join(portal, "een", "cloud")
    join(portal, "twee", "cloud;gemeenten")
    write(portal, "Een cloud", "Een gemeente")
    run(portal, "feeds", "build")
    assert "2 readers follow cloud, 1 of them nothing else." in run(
        portal, "themes", "retire", "cloud", "--yes"
    )
    assert interests(portal, "een") == ()
    assert interests(portal, "twee") == ("gemeenten",)
    texts = sent(portal)
    assert set(texts) == {"twee"}
    assert "Een cloud" not in texts["twee"]
    run(portal, "feeds", "build")
    with portal.open() as app, app.store.read() as work:
        assert work.publication.retired() == {"cloud"}
        assert work.subscribers.by_email("een@voorbeeld.example").subscriber.state is State.ACTIVE


def test_what_the_owner_of_the_config_has_begun_can_be_settled(portal) -> None:
    join(portal, "lezer", "cloud")
    portal.config.write_text(config(portal).replace('slug = "cloud"', 'slug = "wolken"'))
    refused = portal.run("status")
    assert refused.exit_code == 1
    assert "kennisportal themes rename cloud NEW" in refused.stderr
    before = config(portal)
    run(portal, "themes", "rename", "cloud", "wolken", "--yes")
    assert config(portal) == before
    assert interests(portal, "lezer") == ("wolken",)
    run(portal, "status")


def test_which_rules_are_left_behind_is_said_before_a_theme_is_taken_in(portal) -> None:
    rules = (
        'keywords = ["cloud", "gemeente"]\nweights = { gemeente = 4 }\nexclude = ["regen"]\nthreshold = 6\n'
    )
    portal.config.write_text(config(portal).replace('keywords = ["cloud"]\n', rules))
    said = portal.run("themes", "merge", "cloud", "gemeenten").stdout
    assert "gemeenten keeps its threshold of 3; that of cloud is 6." in said
    assert "What cloud excludes is not excluded from gemeenten: 'regen'." in said
    assert "'gemeente' keeps its weight of 1 in gemeenten; in cloud it is 4." in said
    assert 'slug = "cloud"' in config(portal), "nobody was asked yet"
    assert "keeps" not in run(portal, "themes", "merge", "gemeenten", "overheid", "--yes")


def test_words_that_differ_in_capitals_alone_are_taken_in_once(portal) -> None:
    ours, theirs = 'keywords = ["gemeente"]\n', 'keywords = ["cloud"]\n'
    portal.config.write_text(
        config(portal)
        .replace(ours, 'keywords = ["Azure", "Raad"]\ncategories = ["ICT"]\nweights = { Azure = 2 }\n')
        .replace(
            theirs,
            'keywords = ["azure", "wolk", "Wolk"]\ncategories = ["ict", "Ict", "cloud"]\n'
            "weights = { azure = 4, Wolk = 5 }\n",
        )
    )
    said = run(portal, "themes", "merge", "cloud", "gemeenten", "--yes")
    assert "'azure' keeps its weight of 2 in gemeenten; in cloud it is 4." in said
    with portal.open() as app:
        theme = app.tree["gemeenten"]
    assert (theme.keywords, theme.categories) == (["Azure", "Raad", "wolk"], ["ICT", "cloud"])
    assert theme.weights == {"Azure": 2, "wolk": 5}


@pytest.mark.parametrize("name", ["theme", "source"])
@pytest.mark.parametrize(
    "words", ["rename cloud wolken", "merge cloud gemeenten", "split cloud --into gemeenten", "retire cloud"]
)
def test_themes_in_a_config_without_tables_are_left_as_they_are(portal, name: str, words: str) -> None:
    themes = [{"slug": "cloud", "name": "Cloud"}, {"slug": "gemeenten", "name": "Gemeenten"}]
    sources = [
        {
            "name": "map",
            "kind": "folder",
            "path": "artikelen",
            "url": "https://x.example/",
            "themes": ["cloud"],
        }
    ]
    begin, tables = config(portal).split("[[theme]]", 1)
    inline = {"theme": themes, "source": sources}.pop(name)
    listed = ", ".join(
        "{ " + ", ".join(f"{key} = {json.dumps(value)}" for key, value in one.items()) + " }"
        for one in inline
    )
    others = re.split(r"(?m)^(?=\[\[)", f"[[theme]]{tables}")
    kept = [other for other in others if not other.startswith(f"[[{name}]]")]
    portal.config.write_text(f"{name} = [{listed}]\n{begin}{''.join(kept)}")
    before = config(portal)
    result = portal.run("themes", *words.split(), "--yes")
    assert result.exit_code == 1
    assert f"{name} is no list of [[{name}]] tables; write it so, and try again" in result.stderr
    assert result.stderr.count("\n") == 1
    assert config(portal) == before


@pytest.mark.parametrize(
    "words, why",
    [
        (("rename", "cloud", "gemeenten"), "themes merge cloud gemeenten"),
        (("rename", "cloud", "Niet Zo"), "slug"),
        (("rename", "niets", "iets"), "neither 'niets' nor 'iets'"),
        (("merge", "cloud", "niets"), "theme 'niets' does not exist"),
        (("merge", "cloud", "cloud"), "can't take its own place"),
        (("split", "cloud", "--into", "cloud,gemeenten"), "can't take its own place"),
        (("retire", "niets"), "there is no theme 'niets'"),
    ],
)
def test_what_makes_no_sense_is_refused_and_changes_nothing(portal, words: tuple[str, ...], why: str) -> None:
    join(portal, "lezer", "cloud")
    before = config(portal)
    result = portal.run("themes", *words, "--yes")
    assert result.exit_code == 1
    assert why in result.stderr
    assert config(portal) == before
    assert interests(portal, "lezer") == ("cloud",)


def test_a_feed_keeps_its_id_under_another_slug_and_no_other_feed_gets_it(portal) -> None:
    def id_of(slug: str) -> str:
        run(portal, "feeds", "build")
        document = fromstring((portal.root / "public" / "feeds" / f"{slug}.atom").read_bytes())
        return str(document.findtext("{http://www.w3.org/2005/Atom}id"))

    write(portal, "Een cloud")
    first = id_of("cloud")
    run(portal, "themes", "rename", "cloud", "wolken", "--yes")
    assert id_of("wolken") == first
    before = config(portal)
    portal.config.write_text(
        before.replace('formerly = ["cloud"]', "") + '\n[[theme]]\nslug = "cloud"\nname = "Een andere"\n'
    )
    assert id_of("cloud") not in (first, id_of("gemeenten"))
    portal.config.write_text(before)
    run(portal, "themes", "rename", "wolken", "luchten", "--yes")
    assert id_of("luchten") == first
    run(portal, "themes", "rename", "luchten", "cloud", "--yes")
    assert id_of("cloud") == first


def test_whoever_changes_themes_under_what_runs_is_told_to_start_it_again(portal) -> None:
    join(portal, "lezer", "cloud")
    with portal.open() as running, running.backend.alone("scheduler") as leads:
        assert leads
        said = portal.run("themes", "rename", "cloud", "wolken").stdout
    assert "nothing more until it is started again" in said
    assert "until it is started again" not in run(portal, "themes", "rename", "cloud", "wolken", "--yes")


@pytest.mark.parametrize(
    "words", ["rename cloud wolken", "merge cloud gemeenten", "split cloud --into gemeenten"]
)
def test_what_still_runs_by_the_old_themes_keeps_no_article_from_anybody(portal, words: str) -> None:
    join(portal, "lezer", "cloud")
    write(portal, "De gemeente in de cloud")
    with portal.open() as running:
        edition = jobs.plan_by_hand(running, Frequency.WEEKLY).edition
        run(portal, "themes", *words.split(), "--yes")
        portal.write("later", "Nog een gemeente in de cloud")
        for job in (
            jobs.collect,
            jobs.publish,
            jobs.plan,
            partial(jobs.plan_by_hand, frequency=Frequency.WEEKLY),
        ):
            with pytest.raises(StoreError, match="start it again"):
                job(running)
        jobs.send(running, running.desk().ready(edition))  # which needs no themes
    run(portal, "collect", "--force")
    assert "Nog een gemeente in de cloud" in sent(portal)["lezer"]


def test_what_still_runs_by_the_old_themes_lets_nobody_choose_them(portal) -> None:
    join(portal, "lezer", "cloud")
    wish = Wish("nieuw@voorbeeld.example", ("cloud",), Frequency.WEEKLY, "nl")
    choice = Preferences(("cloud", "gemeenten"), Frequency.DAILY, "nl", "Europe/Amsterdam", None)
    with portal.open() as running:
        assert running.signing_up().ask(wish, text="Ja.", source="formulier", network="192.0.2.1")
        run(portal, "themes", "rename", "cloud", "wolken", "--yes")
        for choose in (
            lambda: running.signing_up().ask(wish, text="Ja.", source="formulier", network="192.0.2.1"),
            lambda: running.signing_up().confirm(1),
            lambda: running.enroller().prefer(1, choice, "Ja."),
            lambda: running.enroller().add(row_of("ander", "cloud"), "op papier"),
            lambda: running.enroller().edit("lezer@voorbeeld.example", {"interests": "cloud"}),
            lambda: running.enroller().take([(2, row_of("ander", "cloud"))], "op papier"),
        ):
            with pytest.raises(StoreError, match="start it again"):
                choose()
        left = running.enroller().unsubscribe(1, "link in a mail")
        assert left is not None
    assert interests(portal, "lezer") == ("wolken",)
    with portal.open() as again:
        confirmed = again.signing_up().confirm(1)
    assert confirmed is not None
    assert confirmed.reader.interests == ("wolken",)
    run(portal, "collect")


def test_nothing_is_done_unasked(portal) -> None:
    join(portal, "lezer", "cloud")
    result = portal.run("themes", "retire", "cloud")
    assert result.exit_code == 2
    assert "1 readers follow cloud" in result.stdout
    assert interests(portal, "lezer") == ("cloud",)


def test_a_parent_is_merged_into_its_child_and_children_follow(portal) -> None:
    join(portal, "lezer", "overheid")
    write(portal, "Een gemeente")
    run(portal, "themes", "merge", "overheid", "gemeenten", "--yes")
    assert interests(portal, "lezer") == ("gemeenten",)
    assert "parent" not in config(portal) or 'parent = ""' in config(portal)
    assert "Een gemeente" in sent(portal)["lezer"]
