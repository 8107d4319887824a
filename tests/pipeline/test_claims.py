"""Claims against real processes: one that lives, one that is killed, one that ends well."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pipeline.edges.claims import FileClaims

WORKER = """
import sys
from pathlib import Path
from pipeline.edges.claims import FileClaims
with FileClaims(Path(sys.argv[1])) as claims:
    print(claims.worker, flush=True)
    WORK
"""
WAIT = "sys.stdin.read()"
START_A_CHILD = """
    import subprocess
    child = "import sys; print('child runs', flush=True); sys.stdin.read()"
    subprocess.run([sys.executable, "-c", child], close_fds=False)
"""
ROOT = Path(__file__).parents[2]


@contextmanager
def worker(directory: Path, work: str = WAIT) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A worker in a process of its own, and its name; it ends when its input does."""
    with subprocess.Popen(
        [sys.executable, "-c", WORKER.replace("WORK", work), str(directory)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield process, process.stdout.readline().strip()
        finally:
            process.kill()


def locks(directory: Path) -> set[str]:
    return {file.name for file in directory.iterdir()}


def test_a_worker_is_alive_until_it_is_killed_and_then_nothing_of_it_is_left(tmp_path: Path) -> None:
    with FileClaims(tmp_path) as ours, worker(tmp_path) as (process, theirs):
        assert not ours.is_dead(theirs)
        assert not ours.is_dead(theirs), "asking must not take the lock away"
        assert locks(tmp_path) == {f"{ours.worker}.lock", f"{theirs}.lock"}
        process.kill()
        process.wait()
        assert f"{theirs}.lock" in locks(tmp_path), "a killed process cleans nothing up itself"
        assert ours.is_dead(theirs)
        assert locks(tmp_path) == {f"{ours.worker}.lock"}
        assert ours.is_dead(theirs)


def test_a_stopped_process_is_slow_and_not_dead(tmp_path: Path) -> None:
    with FileClaims(tmp_path) as ours, worker(tmp_path) as (process, theirs):
        process.send_signal(signal.SIGSTOP)
        assert not ours.is_dead(theirs)


def test_a_worker_that_ends_well_takes_its_file_with_it(tmp_path: Path) -> None:
    with FileClaims(tmp_path) as ours, worker(tmp_path) as (process, theirs):
        process.communicate()
        assert process.returncode == 0
        assert locks(tmp_path) == {f"{ours.worker}.lock"}
        assert ours.is_dead(theirs)
    assert locks(tmp_path) == set()


def test_the_dead_are_seen_by_every_other_worker(tmp_path: Path) -> None:
    with FileClaims(tmp_path) as one, FileClaims(tmp_path) as other, worker(tmp_path) as (process, theirs):
        process.kill()
        process.wait()
        assert one.is_dead(theirs)
        assert other.is_dead(theirs)
        assert not one.is_dead(other.worker)
        assert not other.is_dead(one.worker)


def test_a_worker_nobody_has_heard_of_is_dead(tmp_path: Path) -> None:
    with FileClaims(tmp_path) as claims:
        assert claims.is_dead("0" * 32)
        assert locks(tmp_path) == {f"{claims.worker}.lock"}


def test_nobody_takes_itself_for_dead_and_no_two_workers_are_one(tmp_path: Path) -> None:
    with FileClaims(tmp_path) as one, FileClaims(tmp_path) as other:
        assert not one.is_dead(one.worker)
        assert one.worker != other.worker


def test_a_claim_ends_with_its_block_also_when_that_fails(tmp_path: Path) -> None:
    directory = tmp_path / "var" / "claims"
    failed = FileClaims(directory)
    with pytest.raises(RuntimeError), failed:
        raise RuntimeError
    with FileClaims(directory) as claims:
        assert claims.is_dead(failed.worker)
        assert locks(directory) == {f"{claims.worker}.lock"}


def test_a_child_process_does_not_inherit_the_claim(tmp_path: Path) -> None:
    """What a worker starts may outlive it; its claim must not."""
    with FileClaims(tmp_path) as ours, worker(tmp_path, START_A_CHILD) as (process, theirs):
        assert process.stdout is not None
        assert process.stdout.readline() == "child runs\n"
        process.kill()
        process.wait()
        assert ours.is_dead(theirs)
