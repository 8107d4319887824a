import os
import resource
import signal
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pipeline.edges.live import LiveDirectory
from pipeline.ports_publishing import PublishError

PATHS = ("feeds/cloud.rss", "feeds/cloud.atom", "feeds/cloud.json", "themes/cloud.html")


def generation(number: int) -> dict[str, bytes]:
    return {path: f"{path} {number}\n".encode() * 50 for path in PATHS}


def public(directory: Path) -> dict[str, bytes]:
    """What a web server would serve."""
    found = [path for path in directory.glob("[!.]*/*") if not path.is_dir()]
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}


def state(directory: Path) -> dict[str, tuple[int, int, int]]:
    """Every entry by its inode and times: equal only where nothing was written."""
    found = [directory, *directory.rglob("*")]
    stats = {path.relative_to(directory).as_posix(): path.lstat() for path in found}
    return {name: (each.st_ino, each.st_mtime_ns, each.st_ctime_ns) for name, each in stats.items()}


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "var" / "public"


@pytest.fixture
def live(directory: Path) -> LiveDirectory:
    return LiveDirectory(directory)


def test_documents_are_at_their_public_paths(live: LiveDirectory, directory: Path) -> None:
    assert not live.stands("cloud")
    assert live.switch("cloud", generation(1)) is True
    assert live.stands("cloud")
    assert public(directory) == generation(1)
    assert str((directory / "feeds/cloud.atom").readlink()) == "../.live/cloud/feeds/cloud.atom"
    assert live.switch("cloud", generation(2)) is True
    assert public(directory) == generation(2)


def test_a_document_at_the_top_has_a_link_that_leads_to_it(live: LiveDirectory, directory: Path) -> None:
    live.switch("all", {"index.html": b"voorpagina", "feeds/all.atom": b"alles"})
    assert (directory / "index.html").read_bytes() == b"voorpagina"
    assert live.stands("all")


def test_a_web_server_of_another_user_can_read_them(live: LiveDirectory, directory: Path) -> None:
    mask = os.umask(0o022)
    try:
        live.switch("cloud", generation(1))
        live.write("feeds/index.opml", b"x")
    finally:
        os.umask(mask)
    for path in directory.rglob("*"):
        needed = 0o755 if path.is_dir() else 0o644
        assert stat.S_IMODE(path.stat().st_mode) == needed, path


def test_the_same_content_writes_nothing(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud", generation(1))
    live.switch("cloud", generation(2))
    live.write("feeds/index.opml", b"x")
    before = state(directory)
    assert live.switch("cloud", generation(2)) is False
    assert live.write("feeds/index.opml", b"x") is False
    assert live.stands("cloud")
    assert state(directory) == before


def test_the_same_content_opens_no_file_for_writing(live: LiveDirectory) -> None:
    live.switch("cloud", generation(1))
    flags: list[int] = []
    watching = True

    def watch(
        event: str, arguments: tuple[object, ...]
    ) -> None:  # an audit hook stays, so it is switched off
        if watching and event == "open":
            flags.append(int(str(arguments[2])))

    sys.addaudithook(watch)
    try:
        live.switch("cloud", generation(1))
    finally:
        watching = False
    assert flags
    assert not any(flag & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) for flag in flags)


def test_a_reader_stays_in_the_generation_it_is_in(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud", generation(1))
    build = (directory / ".live" / "cloud").resolve()
    live.switch("cloud", generation(2))
    assert {path: (build / path).read_bytes() for path in PATHS} == generation(1)


def test_builds_of_another_publisher_are_removed_too(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud", generation(0))
    for number in (1, 2, 3):
        LiveDirectory(directory).switch("cloud", generation(number))
    live.switch("cloud", generation(4))
    contents = {(build / PATHS[0]).read_bytes() for build in (directory / ".builds").iterdir()}
    assert contents == {generation(number)[PATHS[0]] for number in (3, 4)}


def test_older_builds_are_removed_and_the_last_one_kept(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud-kosten", generation(0))
    for number in (1, 2, 3, 2, 3, 4):
        live.switch("cloud", generation(number))
        live.switch("cloud", generation(number))
    builds = list((directory / ".builds").glob("cloud.*"))
    contents = {(build / PATHS[0]).read_bytes() for build in builds}
    assert contents == {generation(number)[PATHS[0]] for number in (3, 4)}
    assert len(list((directory / ".builds").glob("cloud-kosten.*"))) == 1


def test_readers_never_see_two_generations_at_once(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud", generation(0))
    wanted, seen = 200, []
    failures: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        link = directory / ".live" / "cloud"
        try:
            while len(seen) < wanted or seen[-1] == seen[0]:
                build = link.resolve(strict=True)
                try:
                    found = {path: (build / path).read_bytes() for path in PATHS}
                except FileNotFoundError:
                    continue  # two generations went by meanwhile
                seen.append(found)
        except BaseException as error:
            failures.append(error)
        finally:
            done.set()

    reader = threading.Thread(target=read)
    reader.start()
    number = 0
    while not done.is_set():
        number += 1
        live.switch("cloud", generation(number))
    reader.join()
    assert not failures
    numbers = [int(found[PATHS[0]].split()[1]) for found in seen]
    assert all(found == generation(number) for found, number in zip(seen, numbers, strict=True))
    assert numbers == sorted(numbers)
    assert len(set(numbers)) > 1


def test_a_path_that_a_theme_has_no_longer_is_gone(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud", generation(1) | {"feeds/cloud.xml": b"oud"})
    live.write("feeds/index.opml", b"x")
    live.switch("cloud", generation(2))
    assert public(directory) == generation(2) | {"feeds/index.opml": b"x"}
    assert not os.path.lexists(directory / "feeds/cloud.xml")


@pytest.mark.parametrize(
    "damage", ["public", "elsewhere", "file", "live", "dangling", "document", "text", "build"]
)
def test_what_is_broken_is_mended(live: LiveDirectory, directory: Path, damage: str) -> None:
    live.switch("cloud", generation(1))
    place, link = directory / "feeds/cloud.rss", directory / ".live/cloud"
    build = link.resolve()
    if damage == "public":
        place.unlink()
    elif damage == "elsewhere":
        place.unlink()
        place.symlink_to("../../../secret")
    elif damage == "file":
        place.unlink()
        place.write_bytes(b"by hand")
    elif damage == "live":
        link.unlink()
    elif damage == "dangling":
        link.unlink()
        link.symlink_to("../.builds/gone")
    elif damage == "document":
        (build / PATHS[1]).unlink()
    elif damage == "text":
        (build / PATHS[1]).write_bytes(b"half")
    else:
        build.rename(directory / ".builds/gone")
    assert live.stands("cloud") is (damage in ("document", "text"))
    assert live.switch("cloud", generation(1)) is True
    assert public(directory) == generation(1)
    assert live.stands("cloud")
    assert live.switch("cloud", generation(1)) is False


def test_what_stands_is_known_without_a_look_and_what_is_gone_is_missed(
    live: LiveDirectory, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = {"feeds/recht.rss": b"recht", "themes/recht.html": b"recht"}
    assert live.missing(["cloud", "recht"]) == {"cloud", "recht"}
    live.switch("cloud", generation(1))
    live.switch("recht", other)
    assert live.missing(["cloud", "recht"]) == set()
    looks: list[str] = []
    look = live._watch._look
    monkeypatch.setattr(live._watch, "_look", lambda unit: looks.append(unit) or look(unit))
    live.switch("cloud", generation(2))
    assert live.missing(["cloud", "recht"]) == set()
    assert looks == []
    for gone in (directory / "themes/cloud.html", directory / "feeds/cloud.rss", directory / ".live/cloud"):
        time.sleep(0.05)  # a folder's time moves in steps
        gone.unlink()
        assert live.missing(["cloud", "recht"]) == {"cloud"}
        live.switch("cloud", generation(2))
        assert live.missing(["cloud", "recht"]) == set()
    live.remove("cloud")
    assert live.missing(["cloud", "recht"]) == {"cloud"}


def test_another_publishers_switch_is_seen_and_after_a_while_everything_is_looked_at(
    live: LiveDirectory, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    live.switch("cloud", generation(1))
    assert live.missing(["cloud"]) == set()
    time.sleep(0.05)
    LiveDirectory(directory).remove("cloud")
    assert live.missing(["cloud"]) == {"cloud"}
    live.switch("cloud", generation(2))
    assert live.missing(["cloud"]) == set()
    later = time.monotonic() + 301
    looks: list[str] = []
    look = live._watch._look
    monkeypatch.setattr(live._watch, "_look", lambda unit: looks.append(unit) or look(unit))
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert live.missing(["cloud"]) == set()
    assert looks == ["cloud"]


def test_a_removed_theme_leaves_nothing(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud", generation(1))
    live.switch("cloud", generation(2) | {"feeds/cloud.xml": b"nieuw"})
    other = {"feeds/cloud-kosten.rss": b"blijft"}
    live.switch("cloud-kosten", other)
    live.write("feeds/index.opml", b"x")
    live.remove("cloud")
    live.remove("cloud")
    assert public(directory) == other | {"feeds/index.opml": b"x"}
    assert not live.stands("cloud")
    assert not [
        path for path in directory.rglob("*") if path.name == "cloud" or path.name.startswith("cloud.")
    ]


def test_a_single_document_is_replaced_in_one_step(live: LiveDirectory, directory: Path) -> None:
    assert live.write("feeds/index.opml", b"een") is True
    place = directory / "feeds/index.opml"
    with place.open("rb") as reading:
        assert live.write("feeds/index.opml", b"twee") is True
        assert reading.read() == b"een"
    assert place.read_bytes() == b"twee"


HOSTILE = [
    "", "/", "/etc/passwd", "..", "../x", "feeds/../x", "feeds/..", "./x", "feeds/./x", ".live/cloud", ".new",
    "feeds/.htaccess", "feeds//x", "feeds/", "feeds\\x", "feeds/x\n", "feeds/\x00", "feeds/é", "~/x",
    "feeds/a b",
]  # fmt: skip


@pytest.mark.parametrize("path", HOSTILE)
def test_paths_that_lead_elsewhere_are_refused(live: LiveDirectory, directory: Path, path: str) -> None:
    with pytest.raises(ValueError, match="no path"):
        live.write(path, b"x")
    with pytest.raises(ValueError, match="no path"):
        live.switch("cloud", generation(1) | {path: b"x"})
    assert not directory.exists()


@pytest.mark.parametrize("slug", [*HOSTILE, "Cloud", "cloud.x", "cloud/x", "-cloud", "cloud-", "*"])
def test_slugs_that_are_none_are_refused(live: LiveDirectory, directory: Path, slug: str) -> None:
    for attempt in (
        lambda: live.switch(slug, generation(1)),
        lambda: live.remove(slug),
        lambda: live.stands(slug),
    ):
        with pytest.raises(ValueError, match="no slug"):
            attempt()
    assert not directory.exists()


@pytest.fixture
def small_files() -> Iterator[None]:
    """No file may grow beyond 1 MB: the disk is as good as full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.usefixtures("small_files")
def test_a_write_that_fails_leaves_what_was_live(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud", generation(1))
    live.write("feeds/index.opml", b"x")
    builds = list((directory / ".builds").iterdir())
    large = generation(2) | {"feeds/cloud.json": bytes(2_000_000)}
    with pytest.raises(PublishError, match=r"feeds/cloud\.json can't be published .*check the disk"):
        live.switch("cloud", large)
    with pytest.raises(PublishError, match=r"feeds/index\.opml can't be published"):
        live.write("feeds/index.opml", bytes(2_000_000))
    assert public(directory) == generation(1) | {"feeds/index.opml": b"x"}
    assert live.stands("cloud")
    assert list((directory / ".builds").iterdir()) == builds
    assert not (directory / ".new").exists()


@pytest.mark.parametrize("number", [1, 2])
def test_what_is_refused_while_it_is_written_does_not_go_live(
    live: LiveDirectory, directory: Path, number: int
) -> None:
    live.switch("cloud", generation(1))
    builds = list((directory / ".builds").iterdir())

    def refuse() -> None:
        raise RuntimeError("not this one")

    with pytest.raises(RuntimeError, match="not this one"):
        live.switch("cloud", generation(number), 0, refuse)
    assert public(directory) == generation(1)
    assert live.stands("cloud")
    assert list((directory / ".builds").iterdir()) == builds


def test_something_in_the_way_is_named_and_nothing_goes_live(live: LiveDirectory, directory: Path) -> None:
    live.switch("cloud", generation(1))
    (directory / "extra").write_bytes(b"no folder")
    (directory / "themes/cloud.xml").mkdir()
    for path, advice in (("extra/cloud.xml", "where a folder should be"), ("themes/cloud.xml", "the folder")):
        with pytest.raises(PublishError, match=rf"{path} can't be published .*move away .*{advice}"):
            live.switch("cloud", generation(2) | {path: b"x"})
        assert public(directory) == generation(1)
    assert live.switch("cloud", generation(1)) is False
    assert live.switch("cloud", generation(2)) is True


def test_a_disk_that_refuses_is_said_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "var").write_bytes(b"a file where the directory should be")
    with pytest.raises(PublishError, match=r"var/public can't be published .*; move away the file"):
        LiveDirectory(tmp_path / "var" / "public").switch("cloud", generation(1))


STEPS = ("open", "fsync", "replace", "symlink", "unlink", "rmdir", "mkdir")


def switch(live: LiveDirectory) -> object:
    return live.switch("cloud", generation(2))


def killed_at(step: int, directory: Path, act: Callable[[LiveDirectory], object] = switch) -> bool:
    """Act in another process, and kill it before its nth call that changes the disk; False for no nth."""
    child = os.fork()
    if child == 0:  # nothing of the test run may go on in here
        try:
            left = step

            def watched(call: Callable[..., object]) -> Callable[..., object]:
                def counted(*arguments: object, **options: object) -> object:
                    nonlocal left
                    left -= 1
                    if left < 0:
                        os.kill(os.getpid(), signal.SIGKILL)
                    return call(*arguments, **options)

                return counted

            for name in STEPS:
                setattr(os, name, watched(getattr(os, name)))
            act(LiveDirectory(directory))
            os._exit(0)
        finally:
            os._exit(1)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, -signal.SIGKILL)
    return status != 0


def test_a_crash_at_any_step_leaves_one_whole_generation(tmp_path: Path) -> None:
    left = []
    crashed = True
    while crashed:
        directory = tmp_path / str(len(left))
        live = LiveDirectory(directory)
        live.switch("cloud", generation(0))
        live.switch("cloud", generation(1))
        crashed = killed_at(len(left), directory)
        left.append(public(directory))
        assert left[-1] in (generation(1), generation(2))
        live.switch("cloud", generation(3))
        assert public(directory) == generation(3)
        assert live.stands("cloud")
        assert not (directory / ".new").exists()
        assert len(list((directory / ".builds").iterdir())) == 2
    assert len(left) > 2 * len(PATHS)
    assert left[0] == generation(1)
    assert left[-2] == left[-1] == generation(2)


def test_a_crash_in_a_first_publication_is_mended_by_the_next(tmp_path: Path) -> None:
    crashed, step = True, 0
    while crashed:
        directory = tmp_path / str(step)
        crashed = killed_at(step, directory)
        live = LiveDirectory(directory)
        assert not crashed or not live.stands("cloud") or public(directory) == generation(2)
        live.switch("cloud", generation(2))
        assert public(directory) == generation(2)
        step += 1
    assert step > 3 * len(PATHS)


def test_a_crash_while_a_theme_is_removed_is_mended_by_the_next(tmp_path: Path) -> None:
    crashed, step = True, 0
    while crashed:
        directory = tmp_path / str(step)
        live = LiveDirectory(directory)
        for number in (0, 1):
            live.switch("cloud", generation(number))
            live.switch("cloud", {"feeds/cloud/1.rss": b"%d" % number}, 1)
        crashed = killed_at(step, directory, lambda live: live.remove("cloud"))
        live.remove("cloud")
        assert [path for path in directory.rglob("*") if path.is_symlink() or not path.is_dir()] == []
        assert list((directory / ".builds").iterdir()) == []
        step += 1
    assert step > 3 * len(PATHS)
