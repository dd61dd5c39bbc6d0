"""Files that cannot be put away, and files that their producers write on after that."""

import os

from state.records import ImportState


def test_where_the_archive_cannot_be_written_each_file_applies_once_and_the_others_go_on(site):
    site.drop("A,5")
    site.look()
    archive, kept = site.inbox / "archive", site.inbox / "kept"
    archive.rename(kept)
    archive.write_text("in the way")

    site.drop("A,4", at=1)
    site.look()
    assert "archive" in site.feed.failure
    site.drop("A,3", at=2, name="next.csv")
    for _ in range(3):
        site.look()

    assert site.recorded() == [(1, "applied"), (2, "applied"), (3, "applied")]
    assert site.levels() == {"A": 3}
    assert "archive" in site.feed.failure, "a person must hear of it"

    archive.unlink()
    kept.rename(archive)
    site.look()

    assert site.feed.failure is None
    assert (len(site.files("archive")), site.files(".syncd")) == (3, [])
    assert site.recorded() == [(1, "applied"), (2, "applied"), (3, "applied")]


def test_a_file_that_is_written_on_after_it_was_put_away_comes_in_again(site):
    site.drop("A,5")
    site.look()
    (entry,) = site.files("archive")
    archived = site.inbox / "archive" / entry
    modified = archived.stat().st_mtime_ns
    with archived.open("a") as producer:
        producer.write("B,2\n")
    os.utime(archived, ns=(modified + 10**9, modified + 10**9))

    (verdict,) = site.look()

    assert verdict.state is ImportState.APPLIED
    assert site.levels() == {"A": 5, "B": 2}
    assert len(site.files("archive")) == 1
