"""Whether a file is read as a whole or only where it differs from the one before, the outcome is the same."""

import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from state.records import ImportState
from state.staging import Duplicates
from syncd.core.guards import Guard
from syncd.sources.excerpts import Succession

APPLIED, HELD = ImportState.APPLIED, ImportState.HELD
LENIENT = Guard(900_000, 900_000, None, 300_000)

SKUS = ["A", "B", "C", "D", "E", "F", "G", "H"]
QUANTITIES = ["0", "1", "2", "3", "40", "-1"]
KINDS = ["add", "drop", "drop", "move", "change", "change", "change", "odd"]
lines = st.builds("{},{}".format, st.sampled_from(SKUS), st.sampled_from(QUANTITIES))
odd_lines = st.sampled_from(
    [
        "A,",
        ",",
        "",
        "A",
        "B,x",
        '"A",5',
        'A,"5"',
        '"A\nB",5',
        'C,"',
        "D,1.234",
        "  E,3",
        "e,3",
        "F,3\r",
        ",7",
        "pos-1,3",
        "1.5E+11,3",
    ]
)
tables = st.lists(lines, min_size=2, max_size=8, unique_by=lambda line: line.split(",")[0])


@st.composite
def edits(draw, table):
    """Another table, much like this one: some lines gone, moved, changed, new, twice or odd."""
    after = list(table)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(after)))
        match draw(st.sampled_from(KINDS)):
            case "add":
                after.insert(at, draw(lines))
            case "odd":
                after.insert(at, draw(odd_lines))
            case "move" if after:
                after.insert(at - 1, after.pop(draw(st.integers(0, len(after) - 1))))
            case "drop" if at < len(after):
                after.pop(at)
            case "change" if at < len(after):
                after[at] = f"{after[at].split(',')[0]},{draw(st.sampled_from(QUANTITIES))}"
    return after


@st.composite
def series(draw):
    """Some files of a source, each much like the one before."""
    tables_ = [draw(tables)]
    for _ in range(draw(st.integers(2, 5))):
        tables_.append(draw(edits(draw(st.sampled_from(tables_[-2:])))))
    end = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    return [end.join(["sku,quantity", *table, ""]) for table in tables_]


class Reads:
    """Counts how files were read, and lets them be read all the same; as a whole, if `wholly`."""

    def __init__(self, monkeypatch):
        self.excerpts = self.wholes = 0
        self.wholly = False
        really = Succession.excerpt

        def counted(succession, known, moved):
            if self.wholly:
                return None
            found = really(succession, known, moved)
            self.excerpts += found is not None
            self.wholes += found is None
            return found

        monkeypatch.setattr(Succession, "excerpt", counted)


def everything(site):
    """All that is stored of imports, stock and listings, and what lies in the folders."""
    tables_ = [
        site.rows(f"SELECT * FROM {name} ORDER BY 1, 2, 3")
        for name in ("stock", "listing", "import", "import_change", "source", "past_level")
    ]
    reports = [path.read_text() for path in sorted((site.inbox / "rejected").glob("*.txt"))]
    return tables_, reports, site.files("archive"), site.files(".syncd")


@pytest.fixture(scope="session")
def template(site_in, tmp_path_factory):
    """A folder of a site whose other source has claimed a SKU: to make one anew takes long."""
    folder = tmp_path_factory.mktemp("template")
    site = site_in(folder)
    site.tell(**{"pos-1": 4})
    site.look(site.poll)
    site.stop()
    return folder


terms_ = st.fixed_dictionaries(
    {
        "duplicates": st.sampled_from(Duplicates),
        "zero_missing": st.booleans(),
        "guard": st.sampled_from([Guard(None, None, None, None), LENIENT]),
    }
)


@given(files=series(), terms=terms_)
@settings(max_examples=30, deadline=None)
def test_the_outcome_is_the_same(site_in, template, files, terms):
    with (
        tempfile.TemporaryDirectory() as one,
        tempfile.TemporaryDirectory() as other,
        pytest.MonkeyPatch.context() as patch,
    ):
        reads = Reads(patch)
        for folder in (one, other):
            shutil.copytree(template, folder, dirs_exist_ok=True)
        sites = [site_in(Path(one)), site_in(Path(other))]
        for site in sites:
            site.judge_by(**terms)
        for number, text in enumerate(files):
            for reads.wholly, site in enumerate(sites):
                site.drop(text, at=number)
                site.look()
            assert everything(sites[0]) == everything(sites[1])
        event(f"{reads.excerpts} excerpts")
        for site in sites:
            site.stop()


@pytest.fixture
def reads(monkeypatch):
    return Reads(monkeypatch)


def shop(count=100, **changed):
    return "\n".join(["sku,quantity", *(f"S{n:03},{changed.get(f'S{n:03}', 5)}" for n in range(count)), ""])


def test_of_the_next_file_only_what_differs_is_read(site, reads):
    site.drop(shop(), at=1)
    site.look()
    site.drop(shop(99, S007=3), at=2)

    (verdict,) = site.look()

    assert (reads.excerpts, reads.wholes) == (1, 0)
    assert (verdict.state, verdict.report.rows, verdict.comparison.rows) == (APPLIED, 99, 99)
    assert (verdict.comparison.down, verdict.comparison.missing) == (1, 1)
    assert site.levels()["S007"] == 3


def test_what_is_missing_again_goes_to_zero_though_no_line_says_so(site, reads):
    site.judge_by(zero_missing=True)
    for at, text in enumerate([shop(100), shop(99), shop(99, S001=1)]):
        site.drop(text, at=at)
        site.look()

    assert reads.excerpts == 2
    assert site.levels()["S099"] == 0


def test_after_a_start_the_first_file_is_read_as_a_whole(site, reads):
    site.drop(shop(), at=1)
    site.look()
    site.kill()
    site.drop(shop(S001=1), at=2)
    site.look()
    site.drop(shop(S001=2), at=3)
    site.look()

    assert (reads.excerpts, reads.wholes) == (1, 0)


def test_where_a_held_file_lowered_stock_the_next_is_read_as_a_whole(site, reads):
    site.judge_by(guard=LENIENT, lower_on_hold=True)
    site.drop(shop(), at=1)
    site.look()
    site.drop(shop(5, S001=1), at=2)
    assert site.states() == [HELD]
    assert site.levels()["S001"] == 1
    held = reads.excerpts
    site.drop(shop(), at=3)
    site.look()

    assert (held, reads.excerpts) == (1, 1)
    assert site.levels()["S001"] == 5


def test_an_archived_file_that_was_written_on_is_nothing_to_compare_with(site, reads):
    site.drop(shop(), at=1)
    site.look()
    (archived,) = (site.inbox / "archive").iterdir()
    archived.write_text(shop(S001=3))
    site.drop(shop(S001=3), at=2)
    site.look()

    assert (reads.excerpts, reads.wholes) == (0, 1)
    assert site.levels()["S001"] == 3


def test_an_archive_that_is_gone_costs_only_time(site, reads):
    site.drop(shop(), at=1)
    site.look()
    (archived,) = (site.inbox / "archive").iterdir()
    archived.unlink()
    site.drop(shop(S001=3), at=2)

    assert site.states() == [APPLIED]
    assert site.levels()["S001"] == 3
