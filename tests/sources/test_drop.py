import contextlib
import hashlib
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rights import as_nobody

from syncd.sources.arrivals import MOST_CANDIDATES, Candidate
from syncd.sources.drop import DropFolder
from syncd.sources.files import ArchivedFile, ClaimedFile, Identity
from syncd.sources.rows import SourceUnreachable

AT = datetime(2026, 3, 1, 7, 5, 0, 123456, tzinfo=UTC)
SHA = "0123456789abcdef" * 4


@pytest.fixture
def inbox(tmp_path):
    folder = DropFolder(tmp_path / "inbox", patterns=["*.csv", "*.TSV"], settle_seconds=2)
    folder.prepare()
    return folder


def put(folder, name, content="sku,quantity\nA,1\n", modified=None):
    path = folder.path / name
    path.write_text(content)
    if modified is not None:
        os.utime(path, ns=(modified, modified))
    return path


def ready(folder, now=0.0):
    folder.scan(now)
    return folder.scan(now + 2).ready


def claim(folder, name="stock.csv", content="sku,quantity\nA,1\n", modified=None):
    put(folder, name, content, modified)
    (candidate,) = ready(folder)
    return folder.claim(candidate)


def content(own_file):
    with own_file.open() as file:
        return file.read()


@pytest.fixture
def open_folder():
    """A folder that somebody else may reach: those of pytest are private."""
    path = Path(tempfile.mkdtemp(prefix="syncd-drop-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def test_prepare_makes_the_folders_and_a_private_one(inbox):
    assert {entry.name for entry in inbox.path.iterdir()} == {"archive", "rejected", ".syncd"}
    assert stat.S_IMODE((inbox.path / ".syncd").stat().st_mode) == 0o700
    inbox.prepare()


def test_a_file_is_ready_once_it_stayed_the_same_for_the_settling_time(inbox):
    put(inbox, "stock.csv")
    assert [file.name for file in inbox.scan(10).settling] == ["stock.csv"]
    assert not inbox.scan(11.9).ready
    assert [file.name for file in inbox.scan(12).ready] == ["stock.csv"]


def test_a_file_that_grows_settles_anew(inbox):
    path = put(inbox, "stock.csv")
    inbox.scan(0)
    with path.open("a") as file:
        file.write("B,2\n")
    assert not inbox.scan(2).ready
    assert not inbox.scan(3.9).ready
    assert inbox.scan(4).ready


def test_a_file_that_is_replaced_settles_anew(inbox):
    path = put(inbox, "stock.csv", modified=10**18)
    inbox.scan(0)
    other = put(inbox, "other.tmp", modified=10**18)
    other.rename(path)
    assert not inbox.scan(2).ready
    assert inbox.scan(4).ready


def test_a_file_that_somebody_still_has_open_for_writing_is_not_ready(inbox):
    path = put(inbox, "stock.csv")
    with path.open("a"):
        inbox.scan(0)
        assert [file.name for file in inbox.scan(100).settling] == ["stock.csv"]
    assert inbox.scan(101).ready


def test_a_file_that_somebody_reads_is_ready(inbox):
    with put(inbox, "stock.csv").open():
        assert ready(inbox)


def test_files_come_in_the_order_of_their_times_and_then_names(inbox):
    put(inbox, "a.csv", modified=3 * 10**9)
    put(inbox, "c.csv", modified=2 * 10**9)
    put(inbox, "b.csv", modified=2 * 10**9)
    assert [file.name for file in ready(inbox)] == ["b.csv", "c.csv", "a.csv"]


def test_patterns_hold_whatever_the_case(inbox):
    put(inbox, "STOCK.CSV")
    put(inbox, "stock.tsv")
    assert len(ready(inbox)) == 2


@pytest.mark.parametrize(
    "name", ["stock.csv.part", "stock.csv.tmp", "stock.filepart", "x.crdownload", ".stock.csv", "~$stock.csv", "stock.csv~", "x.PARTIAL"]
)  # fmt: skip
def test_temporary_names_are_left_alone(inbox, name):
    put(inbox, name)
    scan = inbox.scan(0)
    assert not scan.settling
    assert "temporary" in scan.left_alone[0].reason


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "socket", "folder", "device"])
def test_what_is_not_a_regular_file_is_left_alone(inbox, kind, tmp_path):
    path = inbox.path / "stock.csv"
    if kind == "link":
        path.symlink_to(put(inbox, "../secret"))
    elif kind == "dangling":
        path.symlink_to("nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(path))
    elif kind == "folder":
        path.mkdir()
    else:
        try:
            os.mknod(path, stat.S_IFCHR | 0o666, os.makedev(1, 5))
        except PermissionError:
            pytest.skip("only root with CAP_MKNOD makes devices")
    inbox.scan(0)
    scan = inbox.scan(10)
    assert not scan.ready
    assert not scan.settling
    assert [(one.name, "not a regular file" in one.reason) for one in scan.left_alone] == [
        ("stock.csv", True)
    ]


def test_hard_links_other_names_long_names_and_empty_files_are_left_alone_with_the_reason(inbox, tmp_path):
    os.link(put(inbox, "../secret"), inbox.path / "linked.csv")
    put(inbox, "stock.pdf")
    put(inbox, "n" * 240 + ".csv")
    put(inbox, "empty.csv", "")
    left = {one.name: one.reason for one in inbox.scan(0).left_alone}
    assert "hard link" in left["linked.csv"]
    assert "*.csv, *.TSV" in left["stock.pdf"]
    assert "empty" in left["empty.csv"]
    assert any("longer" in reason for reason in left.values())


def test_a_file_that_may_not_be_read_is_left_alone_and_the_others_go_on(open_folder):
    folder = DropFolder(open_folder, patterns=["*.csv"], settle_seconds=0)
    folder.prepare()
    put(folder, "a.csv").chmod(0)
    put(folder, "b.csv").chmod(0o644)
    with as_nobody():
        scan = folder.scan(0)
    assert [file.name for file in scan.ready] == ["b.csv"]
    assert "may not read" in scan.left_alone[0].reason


def test_a_folder_that_may_not_be_written_is_named_with_the_remedy(open_folder):
    folder = DropFolder(open_folder, patterns=["*.csv"], settle_seconds=0)
    folder.prepare()
    put(folder, "b.csv").chmod(0o644)
    (folder.path / ".syncd").chmod(0o777)
    with as_nobody(), pytest.raises(SourceUnreachable, match="ReadWritePaths"):
        folder.claim(folder.scan(0).ready[0])


def test_a_claimed_file_is_out_of_the_folder_and_readable(inbox):
    claimed = claim(inbox, modified=1_700_000_000 * 10**9)
    assert not (inbox.path / "stock.csv").exists()
    with claimed.open() as file:
        assert file.read() == b"sku,quantity\nA,1\n"
    assert (claimed.name, claimed.size) == ("stock.csv", 17)
    assert claimed.modified_at == datetime.fromtimestamp(1_700_000_000, UTC)
    assert claimed.sha256() == hashlib.sha256(b"sku,quantity\nA,1\n").hexdigest()
    claimed.verify_unchanged()


@pytest.mark.parametrize("change", ["grown", "replaced", "gone", "link", "hard link", "pipe"])
def test_a_candidate_that_is_not_the_same_any_more_is_not_claimed(inbox, change):
    path = put(inbox, "stock.csv")
    (candidate,) = ready(inbox)
    if change == "grown":
        with path.open("a") as file:
            file.write("B,2\n")
    elif change == "hard link":
        (inbox.path.parent / "elsewhere").hardlink_to(path)
    else:
        path.unlink()
    if change == "replaced":
        put(inbox, "stock.csv", "sku,quantity\nA,2\n")
    elif change == "link":
        path.symlink_to("/etc/passwd")
    elif change == "pipe":
        os.mkfifo(path)
    assert inbox.claim(candidate) is None
    assert not inbox.claimed()


PRODUCER = """
import itertools, os, sys
os.chdir(sys.argv[1])
for number in itertools.count():
    with open(".new", "w") as file:
        file.write("x" * (number % 50 + 1))
    os.utime(".new", ns=(5, 5))
    os.replace(".new", "stock.csv")
    if number == 1:
        print(flush=True)
"""


def test_a_file_that_replaces_a_candidate_at_the_last_instant_is_not_taken_for_it(inbox):
    for number in range(3000):  # names that are taken: looking for a free one leaves the producer time
        (inbox.path / ".syncd" / f"{5:020}-{number:04}--stock.csv").touch()
    command = [sys.executable, "-c", PRODUCER, str(inbox.path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as producer:
        producer.stdout.readline()
        claims = [
            (candidate, inbox.claim(candidate))
            for candidate in (candidate_just_now(inbox) for _ in range(30))
        ]
        producer.kill()
    assert any(claimed is None for _, claimed in claims)
    assert all(claimed is None or claimed.identity == candidate.identity for candidate, claimed in claims)


def candidate_just_now(inbox):
    path = inbox.path / "stock.csv"
    while True:
        with contextlib.suppress(FileNotFoundError):
            return Candidate("stock.csv", Identity.of(path.lstat()))


def test_a_newer_file_of_the_same_name_is_a_file_of_its_own(inbox):
    first = claim(inbox, content="sku,quantity\nA,1\n", modified=5)
    second = claim(inbox, content="sku,quantity\nA,2\n", modified=5)
    assert [content(file)[-2:-1] for file in (first, second)] == [b"1", b"2"]
    assert inbox.claimed() == [first, second]


def test_claimed_files_are_found_again_after_a_crash_in_order_of_arrival(inbox):
    put(inbox, "b.csv", modified=5)
    put(inbox, "a.csv", modified=7)
    put(inbox, "c\n.csv", modified=6)
    for candidate in reversed(ready(inbox)):
        inbox.claim(candidate)
    (inbox.path / ".syncd" / "foreign").write_text("x")
    again = DropFolder(inbox.path, patterns=["*.csv"], settle_seconds=2)
    assert [file.name for file in again.claimed()] == ["b.csv", "c\\n.csv", "a.csv"]


def test_a_producer_that_writes_on_makes_what_was_read_void(inbox):
    path = put(inbox, "stock.csv")
    inbox.scan(0)
    (candidate,) = inbox.scan(2).ready
    with path.open("a") as producer:
        claimed = inbox.claim(candidate)
        with claimed.open() as file:
            file.read()
            producer.write("B,2\n")
            producer.flush()
            with pytest.raises(SourceUnreachable, match="changed"):
                claimed.verify_unchanged()
    with pytest.raises(SourceUnreachable, match="rename them into place"):
        claimed.open()


def test_archiving_never_overwrites_and_names_time_hash_and_file(inbox):
    paths = [inbox.archive(claim(inbox, content=text), AT, SHA) for text in ("one", "two", "three")]
    assert [path.name for path in paths] == [
        "20260301T070500.123456Z-01234567-stock.csv",
        "20260301T070500.123456Z-01234567.2-stock.csv",
        "20260301T070500.123456Z-01234567.3-stock.csv",
    ]
    assert [path.read_text() for path in paths] == ["one", "two", "three"]
    assert not inbox.claimed()


def test_the_archive_is_listed_by_the_time_of_the_content(inbox):
    inbox.archive(claim(inbox, "new.csv", modified=9), AT, SHA)
    inbox.archive(claim(inbox, "old.csv", modified=3), AT.replace(year=2027), SHA)
    (inbox.path / "archive" / "readme").write_text("x")
    assert [file.name for file in inbox.archived()] == ["old.csv", "new.csv"]
    newest = inbox.archived()[-1]
    assert isinstance(newest, ArchivedFile)
    assert content(newest) == b"sku,quantity\nA,1\n"


def test_an_empty_archive_lists_nothing(inbox):
    assert inbox.archived() == []


def test_a_rejected_file_lies_beside_its_report(inbox):
    path = inbox.reject(claim(inbox), AT, "Rejected: …\n")
    assert path == inbox.path / "rejected" / "20260301T070500.123456Z-stock.csv"
    assert path.with_name(path.name + ".txt").read_text(encoding="utf-8") == "Rejected: …\n"
    assert not inbox.claimed()


def test_a_report_that_cannot_be_written_leaves_the_file_claimed(inbox):
    claimed = claim(inbox)
    (inbox.path / "rejected" / "20260301T070500.123456Z-stock.csv.txt").mkdir()
    with pytest.raises(SourceUnreachable, match="moved to"):
        inbox.reject(claimed, AT, "text")
    assert inbox.claimed() == [claimed]


@settings(max_examples=30)
@given(st.binary(min_size=1, max_size=100).filter(lambda name: not {0, ord("/")} & set(name)))
def test_any_name_that_a_file_can_have_is_carried_through_and_shown_harmlessly(tmp_path_factory, name):
    inbox = DropFolder(tmp_path_factory.mktemp("inbox"), patterns=["x*"], settle_seconds=0)
    inbox.prepare()
    (inbox.path / f"x{os.fsdecode(name)}.csv").write_text("x")
    (candidate,) = inbox.scan(0).ready
    claimed = inbox.claim(candidate)
    assert claimed.name.isprintable()
    assert inbox.claimed() == [claimed]
    path = inbox.archive(claimed, AT, SHA)
    assert path.read_text() == "x"
    assert path.name.isprintable()
    (archived,) = inbox.archived()
    assert archived.name == claimed.name


def test_a_deleted_folder_is_unreachable_and_works_again_once_it_is_back(inbox):
    for name in (".syncd", "archive", "rejected", ""):
        (inbox.path / name).rmdir()
    with pytest.raises(SourceUnreachable, match="mount"):
        inbox.scan(0)
    inbox.path.mkdir()
    assert isinstance(claim(inbox), ClaimedFile)


def test_a_link_in_the_place_of_a_folder_of_ours_is_not_followed(inbox, tmp_path):
    (inbox.path / "archive").rmdir()
    (tmp_path / "elsewhere").mkdir()
    (inbox.path / "archive").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SourceUnreachable):
        inbox.archive(claim(inbox), AT, SHA)
    with pytest.raises(SourceUnreachable):
        inbox.prepare()


def test_a_file_in_the_place_of_the_folder_is_unreachable(tmp_path):
    (tmp_path / "inbox").write_text("")
    folder = DropFolder(tmp_path / "inbox", patterns=["*"], settle_seconds=2)
    with pytest.raises(SourceUnreachable):
        folder.prepare()
    with pytest.raises(SourceUnreachable):
        folder.scan(0)


def test_a_scan_deals_with_the_oldest_files_and_counts_the_rest(inbox):
    folder = os.open(inbox.path, os.O_RDONLY)
    for number in range(MOST_CANDIDATES + 5):
        descriptor = os.open(f"{number:06}.csv", os.O_WRONLY | os.O_CREAT, dir_fd=folder)
        os.write(descriptor, b"x")
        os.utime(descriptor, ns=(number, number))
        os.close(descriptor)
    os.close(folder)
    scan = inbox.scan(0)
    assert (len(scan.settling), scan.beyond) == (MOST_CANDIDATES, 5)
    assert scan.settling[0].name == "000000.csv"
    assert len(inbox.scan(2).ready) == MOST_CANDIDATES
