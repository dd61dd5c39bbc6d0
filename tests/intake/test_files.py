import asyncio
import os
import shutil

import pytest

from state.records import ImportState
from syncd.core.guards import Guard
from syncd.core.slices import FIRST_SLICE
from syncd.intake import Incoming, Intake
from syncd.sources.rows import SourceUnreachable

APPLIED, HELD, REJECTED = ImportState.APPLIED, ImportState.HELD, ImportState.REJECTED
SUPERSEDED, UNCHANGED = ImportState.SUPERSEDED, ImportState.UNCHANGED


def table(quantity: int, count: int, *more: str) -> str:
    return "\n".join(["sku,quantity", *(f"S{number:05},{quantity}" for number in range(count)), *more, ""])


SHOP = table(5, 100)
STRICT = Guard(200_000, 100_000, 500_000, 50_000)
EMPTIED = table(0, 100)


@pytest.mark.parametrize("threads", [False, True])
def test_a_complete_file_is_taken_in_and_archived(site, threads):
    if threads:
        site.blocking = asyncio.to_thread
    site.drop("A,5 B,0")

    (verdict,) = site.look()

    assert (verdict.state, verdict.report.rows, verdict.comparison.new) == (APPLIED, 2, 2)
    assert site.levels() == site.desired() == {"A": 5, "B": 0}
    assert site.files("") == site.files(".syncd") == site.files("rejected") == []
    assert len(site.files("archive")) == 1
    row = site.rows("SELECT id, name, state, rows, changed, bad, claimed, format <> '' FROM import")
    assert row == [(verdict.import_id, "stock.csv", "applied", 2, 2, 0, "", 1)]


def test_nothing_new_is_no_work(site):
    site.drop("A,5")
    site.look()

    assert site.look() == []
    assert site.recorded() == [(1, "applied")]


def test_the_same_content_again_is_unchanged(site):
    site.drop("A,5", at=1)
    site.look()
    site.drop("A,5", at=2)

    (verdict,) = site.look()

    assert (verdict.state, verdict.reason) == (UNCHANGED, "the same content as import 1, the last applied")
    assert site.recorded() == [(1, "applied"), (2, "unchanged")]
    assert (len(site.files("archive")), site.slices) == (2, 1)


def test_an_older_snapshot_is_superseded(site):
    site.drop("A,5", at=10)
    site.look()
    site.drop("A,9 B,1", at=9)

    (verdict,) = site.look()

    assert (verdict.state, verdict.reason) == (SUPERSEDED, "older than import 1, the last applied")
    assert site.levels() == {"A": 5}


def test_an_old_copy_of_the_same_content_makes_nothing_older_acceptable(site):
    site.drop("A,5", at=20)
    site.look()
    site.drop("A,5", at=5)
    assert site.states() == [UNCHANGED]

    site.drop("A,9", at=10)

    assert site.states() == [SUPERSEDED]
    assert site.levels() == {"A": 5}


def test_of_several_snapshots_only_the_newest_is_read(site):
    for at in (3, 1, 2):
        site.drop(f"A,{at}", at=at, name=f"{at}.csv")

    assert site.states() == [APPLIED, SUPERSEDED, SUPERSEDED]
    assert (site.levels(), site.slices) == ({"A": 3}, 1)


def test_a_file_with_wrong_columns_is_rejected_beside_a_report(site):
    site.drop("A,5")
    site.look()
    site.drop("sku,colour\nA,red\n", at=1)

    (verdict,) = site.look()

    assert verdict.state is REJECTED
    assert site.levels() == {"A": 5}
    assert (site.files(""), site.files(".syncd"), len(site.files("rejected"))) == ([], [], 2)
    assert verdict.reason in site.report()
    assert site.rows("SELECT state, reason, changed, claimed FROM import WHERE id = 2") == [
        ("rejected", verdict.reason, 0, "")
    ]


def test_too_many_bad_rows_reject_a_file_and_the_report_names_each(guarded):
    guarded.drop("A,5 B,many C,-")

    (verdict,) = guarded.look()

    assert verdict.state is REJECTED
    assert guarded.levels() == {}
    report = guarded.report()
    assert "2 of 3 rows are bad, more than max_bad_rows allows (5%)" in report
    assert 'line 3, column "quantity": "many"' in report
    assert "line 4" in report


def test_a_few_bad_rows_cost_only_themselves(guarded):
    guarded.drop(table(5, 50, "X,many"))
    (verdict,) = guarded.look()

    assert (verdict.state, verdict.report.bad) == (APPLIED, 1)
    assert verdict.report.bad_rows[0].line == 52
    assert len(guarded.levels()) == 50


def test_a_bad_row_leaves_its_stock_as_it_was(site):
    site.drop("A,5 B,5")
    site.look()
    site.drop("A,many B,4", at=1)
    site.look()

    assert site.levels() == {"A": 5, "B": 4}


def test_a_file_that_would_empty_the_shop_is_held_and_nothing_of_it_applies(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=1)

    (verdict,) = guarded.look()

    assert verdict.state is HELD
    assert "100 of 100 SKUs above zero go to zero" in verdict.reason
    assert set(guarded.levels().values()) == set(guarded.desired().values()) == {5}
    assert len(guarded.files(".syncd")) == 1
    assert guarded.look() == []
    assert guarded.recorded() == [(1, "applied"), (2, "held")]


def test_a_hold_survives_a_restart_and_an_approval_lets_it_through(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=1)
    guarded.look()
    guarded.kill()
    assert guarded.look() == []

    guarded.imports.approve(2, guarded.now())
    (verdict,) = guarded.look()

    assert (verdict.state, verdict.import_id) == (APPLIED, 2)
    assert set(guarded.levels().values()) == {0}
    assert guarded.recorded() == [(1, "applied"), (2, "applied")]
    assert (len(guarded.files("archive")), guarded.files(".syncd")) == (2, [])


def test_what_a_person_rejects_goes_to_the_rejected_with_the_reason(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=1)
    guarded.look()

    guarded.imports.close(2, REJECTED, reason="rejected by hand: all zero")

    assert guarded.look() == []
    assert "rejected by hand: all zero" in guarded.report()
    assert guarded.files(".syncd") == []
    assert set(guarded.levels().values()) == {5}


def test_a_plausible_successor_replaces_what_is_held(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=1)
    guarded.look()
    guarded.drop(table(4, 100), at=2)

    assert guarded.states() == [APPLIED]
    assert guarded.rows("SELECT state, reason FROM import WHERE id = 2") == [
        ("superseded", "replaced by import 3")
    ]
    guarded.look()
    assert guarded.files(".syncd") == []


def test_the_content_last_applied_replaces_what_is_held_if_it_is_newer(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=2)
    guarded.look()
    guarded.drop(SHOP, at=1)
    assert guarded.states() == [UNCHANGED]
    assert guarded.recorded()[1] == (2, "held")

    guarded.drop(SHOP, at=3)

    assert guarded.states() == [UNCHANGED]
    assert guarded.rows("SELECT state, reason FROM import WHERE id = 2") == [
        ("superseded", "replaced by import 4")
    ]
    guarded.look()
    assert guarded.files(".syncd") == []


def test_an_older_file_does_not_replace_a_newer_one_that_is_held(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=9, name="new.csv")
    guarded.drop(table(4, 100), at=8, name="old.csv")

    assert guarded.states() == [HELD, APPLIED]
    assert guarded.recorded() == [(1, "applied"), (2, "held"), (3, "applied")]

    guarded.imports.approve(2, guarded.now())
    assert guarded.states() == [APPLIED]
    assert set(guarded.levels().values()) == {0}


def test_what_is_approved_too_late_would_turn_back_time_and_is_not_applied(guarded):
    guarded.judge_by(contents="changes")
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=1)
    guarded.look()
    guarded.drop("S00001,3", at=2)
    assert guarded.states() == [APPLIED]

    guarded.imports.approve(2, guarded.now())
    (verdict,) = guarded.look()

    assert verdict.state is SUPERSEDED
    assert "import 3 is newer" in verdict.reason
    assert guarded.levels()["S00002"] == 5
    assert guarded.files(".syncd") == []


def test_a_first_snapshot_that_shows_nothing_is_held(guarded):
    guarded.drop(EMPTIED)

    assert guarded.states() == [HELD]
    assert guarded.levels() == {}


def test_changes_that_go_back_and_forth_all_apply(site):
    site.judge_by(contents="changes")
    for at, quantity in enumerate((0, 5, 0)):
        site.drop(f"A,{quantity}", at=at)
        assert site.states() == [APPLIED]
        assert site.levels() == {"A": quantity}


def test_changes_apply_in_the_order_of_their_times(site):
    site.judge_by(contents="changes")
    for at in (2, 3, 1):
        site.drop(f"A,{at} B{at},1", at=at, name=f"{4 - at}.csv")

    assert site.states() == [APPLIED] * 3
    assert site.levels() == {"A": 3, "B1": 1, "B2": 1, "B3": 1}


def test_changes_touch_nothing_that_they_do_not_list(site):
    site.judge_by(contents="changes", zero_missing=True)
    site.drop("A,1 B,2")
    site.look()
    for at in (1, 2, 3):
        site.drop(f"A,{at + 5}", at=at)
        site.look()

    assert site.levels() == {"A": 8, "B": 2}


def test_two_files_without_a_sku_zero_it_where_the_policy_says_so(site):
    site.judge_by(zero_missing=True)
    for at, text in enumerate(("A,1 B,2", "A,2", "A,3")):
        site.drop(text, at=at)
        site.look()

    assert site.levels() == {"A": 3, "B": 0}


def test_nothing_is_zeroed_where_an_unreadable_row_may_be_the_missing_one(site):
    site.judge_by(zero_missing=True)
    for at, text in enumerate(("A,1 B,2", "A,2", "A,3 ,7")):
        site.drop(text, at=at)
        site.look()

    assert site.levels() == {"A": 3, "B": 2}


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_crash_between_two_slices_resumes_the_same_import(site, power_cut, cut):
    site.drop(table(5, 2 * FIRST_SLICE + 1))
    site.cut_after = cut
    with pytest.raises(power_cut):
        site.look()
    assert len(site.levels()) == min(cut * FIRST_SLICE, 2 * FIRST_SLICE + 1)

    site.kill()
    (verdict,) = site.look()

    assert (verdict.state, verdict.import_id) == (APPLIED, 1)
    assert site.recorded() == [(1, "applied")]
    assert len(site.desired()) == 2 * FIRST_SLICE + 1
    assert (site.files(".syncd"), len(site.files("archive"))) == ([], 1)


def test_an_import_that_began_is_ended_whatever_the_guards_say_of_its_rest(guarded, power_cut):
    count = FIRST_SLICE + 500
    guarded.drop(table(5, count))
    guarded.look()
    guarded.drop(table(0, count), at=1)
    guarded.look()
    guarded.imports.approve(2, guarded.now())
    guarded.cut_after = guarded.slices + 1
    with pytest.raises(power_cut):
        guarded.look()

    guarded.kill()

    assert guarded.states() == [APPLIED]
    assert set(guarded.levels().values()) == {0}


def test_a_resumed_import_does_not_count_as_the_second_that_misses_a_sku(site, power_cut):
    site.judge_by(zero_missing=True)
    site.drop(table(5, FIRST_SLICE, "gone,7"))
    site.look()
    site.drop(table(6, FIRST_SLICE), at=1)
    site.cut_after = site.slices + 1
    with pytest.raises(power_cut):
        site.look()
    assert site.rows("SELECT missed FROM stock WHERE sku = 'gone'") == [(1,)]

    site.kill()
    site.look()
    assert site.levels()["gone"] == 7

    site.drop(table(7, FIRST_SLICE), at=2)
    site.look()
    assert site.levels()["gone"] == 0


def test_a_crash_after_the_claim_reads_the_claimed_file(site, power_cut):
    async def cut(function):
        result = function()
        if getattr(result, "entry", None) and "--" in result.entry:
            raise power_cut
        return result

    site.drop("A,5")
    usual, site.blocking = site.blocking, cut
    with pytest.raises(power_cut):
        site.look()
    assert (len(site.files(".syncd")), site.recorded()) == (1, [])
    site.blocking = usual
    site.kill()

    assert site.states() == [APPLIED]
    assert site.levels() == {"A": 5}


def test_a_crash_before_the_file_is_archived_applies_nothing_twice(site, power_cut):
    async def cut(function):
        if getattr(getattr(function, "func", None), "__name__", "") == "archive":
            raise power_cut
        return function()

    usual, site.blocking = site.blocking, cut
    site.drop("A,5")
    with pytest.raises(power_cut):
        site.look()
    assert site.recorded() == [(1, "applied")]
    site.blocking = usual
    site.kill()

    assert site.look() == []
    assert (site.recorded(), site.slices) == ([(1, "applied")], 1)
    assert (len(site.files("archive")), site.files(".syncd")) == (1, [])


def test_the_second_source_that_claims_a_sku_is_refused_with_both_names(site):
    site.drop("A,5")
    site.look()
    site.drop("A,9 B,1", folder="pos")

    (verdict,) = site.look(site.folder_feed("pos"))

    assert verdict.state is APPLIED
    (bad,) = verdict.report.bad_rows
    assert (bad.line, bad.value) == (2, "A")
    assert bad.reason == 'this SKU and location belong to source "erp", not to "pos"'
    assert site.levels() == {"A": 5, "B": 1}


def test_a_folder_that_is_gone_is_unknown_and_not_empty(site):
    site.drop("A,5")
    site.look()
    shutil.rmtree(site.inbox)

    assert site.look() == []
    assert "cannot be opened" in site.feed.failure
    assert (site.source().failing_since, site.levels()) == (site.now(), {"A": 5})

    site.drop("A,6", at=1)
    assert site.states() == [APPLIED]
    assert (site.feed.failure, site.source().failing_since) == (None, None)


def test_a_file_that_changes_while_it_is_read_is_read_anew(site):
    async def written_to(function):
        for path in (site.inbox / ".syncd").glob("*stock.csv"):
            if function.__name__ == "<lambda>" and not site.levels():
                with path.open("a") as file:
                    file.write("B,2\n")
                site.blocking = usual
        return function()

    usual, site.blocking = site.blocking, written_to
    site.drop("A,5")
    assert site.look() == []
    assert "changed while it was being read" in site.feed.failure
    assert (site.recorded(), site.levels()) == ([], {})

    assert site.states() == [APPLIED]
    assert site.levels() == {"A": 5, "B": 2}


def test_what_was_read_of_a_file_that_changed_meanwhile_is_void(site):
    path = site.drop("A,5")

    def rows(_known, report):
        yield "A", "", 5, 2
        path.write_text("sku,quantity\nA,0\n")

    def verify():
        if path.read_text() != "sku,quantity\nA,5\n":
            raise SourceUnreachable("it changed")

    incoming = Incoming("stock.csv", site.now(), rows, verify, sha256="ab" * 32)
    with pytest.raises(SourceUnreachable):
        asyncio.run(Intake(site.source_terms("erp"), site.parts).take(incoming))

    assert (site.levels(), site.recorded()) == ({}, [])


def test_the_age_of_the_data_is_that_of_the_last_file_that_was_taken(guarded):
    guarded.drop(SHOP, at=3)
    guarded.look()
    assert guarded.source().data_at == (1_800_000_000 + 3) * 1000

    guarded.drop(EMPTIED, at=4)
    guarded.look()
    assert guarded.source().data_at == (1_800_000_000 + 3) * 1000, "a held file is not taken"


def test_a_lost_state_is_made_again_from_the_newest_snapshot_in_the_archive(site):
    site.drop("A,1 B,1", at=1)
    site.look()
    site.drop("A,2", at=2)
    site.look()
    archived = site.files("archive")

    site.lose_the_state()

    assert site.states() == [APPLIED]
    assert site.levels() == site.desired() == {"A": 2}
    assert site.files("archive") == archived
    assert site.look() == []


def test_a_lost_state_is_made_again_from_all_changes_in_order(site):
    site.judge_by(contents="changes")
    for at, text in enumerate(("A,1 B,1", "A,0", "B,7", "A,4")):
        site.drop(text, at=at)
        site.look()

    site.lose_the_state()
    site.look()

    assert site.levels() == {"A": 4, "B": 7}


@pytest.mark.parametrize("contents", ["changes", "snapshot"])
def test_a_restart_takes_nothing_from_the_archive_that_has_had_its_effect(site, contents):
    """Changes apply in the order of their arrival, and a producer's clock may have been ahead for a while."""
    site.judge_by(contents=contents)
    for at, text in ((10_000, "A,5"), (5, "A,0")):
        site.drop(text, at=at)
        assert site.states() == [APPLIED]

    site.kill()

    assert site.look() == []
    assert site.levels() == {"A": 0}


def test_what_was_accepted_once_is_not_held_when_it_is_read_again(guarded):
    """Nobody could approve it: its file is not among the claimed any more."""
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=1)
    guarded.look()
    guarded.imports.approve(2, guarded.now())
    guarded.look()

    guarded.lose_the_state()

    assert guarded.states() == [APPLIED]
    assert set(guarded.levels().values()) == {0}


def test_what_was_never_accepted_is_not_read_again(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(EMPTIED, at=1)
    guarded.look()
    guarded.drop(table(0, 90), at=2)
    assert guarded.states() == [HELD]
    guarded.imports.close(3, REJECTED, reason="rejected by hand")
    guarded.look()
    assert guarded.recorded() == [(1, "applied"), (2, "superseded"), (3, "rejected")]

    guarded.lose_the_state()
    guarded.look()

    assert set(guarded.levels().values()) == {5}


def test_a_making_again_that_was_interrupted_is_begun_anew(site, power_cut):
    site.drop(table(5, FIRST_SLICE + 1))
    site.look()
    site.lose_the_state()
    site.cut_after = site.slices + 1
    with pytest.raises(power_cut):
        site.look()

    site.kill()
    site.look()

    assert len(site.levels()) == FIRST_SLICE + 1
    assert site.recorded() == [(1, "applied")]


def test_a_rehearsal_takes_in_what_is_there_and_moves_nothing(site):
    site.drop("A,5", at=1)
    site.drop("A,4", at=0, name="older.csv")

    assert site.states(site.folder_feed(rehearsal=True)) == [APPLIED, SUPERSEDED]
    assert site.levels() == {"A": 5}
    assert site.files("") == ["older.csv", "stock.csv"]
    assert sorted(path.name for path in site.inbox.iterdir()) == ["older.csv", "stock.csv"]


def test_an_empty_file_is_left_alone(site):
    os.utime(site.drop("sku"), (0, 0))
    (site.inbox / "stock.csv").write_text("")

    assert site.look() == []
    assert site.files("") == ["stock.csv"]


def test_small_losses_add_up_within_an_hour_and_not_beyond(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.seconds += 4000
    zeroed = "\n".join(["sku,quantity", *(f"S{n:05},{0 if n < 10 else 5}" for n in range(1000)), ""])
    guarded.drop(table(5, 1000), at=1)
    assert guarded.states() == [APPLIED]
    guarded.seconds += 4000
    for at, upto in ((2, 80), (3, 100)):
        rows = "\n".join(["sku,quantity", *(f"S{n:05},{0 if n < upto else 5}" for n in range(1000)), ""])
        guarded.drop(rows, at=at)
        assert guarded.states() == [APPLIED]
    rows = "\n".join(["sku,quantity", *(f"S{n:05},{0 if n < 130 else 5}" for n in range(1000)), ""])
    guarded.drop(rows, at=4)

    (verdict,) = guarded.look()

    assert verdict.state is HELD
    assert verdict.reason == "130 of 1,000 SKUs above zero go to zero within an hour (max_zeroed = 10%)"
    guarded.drop(zeroed, at=5)
    assert guarded.states() == [APPLIED], "what comes back is not lost"
    guarded.seconds += 3601
    guarded.drop(rows.replace("S00100,0", "S00100,5"), at=6)
    assert guarded.states() == [HELD], "119 at once"


def test_what_a_person_let_through_does_not_count_within_the_hour(guarded):
    guarded.drop(SHOP)
    guarded.look()
    guarded.drop(table(5, 70), at=1)
    assert guarded.states() == [HELD]
    guarded.imports.approve(2, guarded.now())
    assert guarded.states() == [APPLIED]
    guarded.drop(table(5, 69), at=2)

    assert guarded.states() == [APPLIED]


def test_what_a_crash_cut_off_was_let_through_by_nobody_and_counts_within_the_hour(guarded, power_cut):
    def without(zeroed: int) -> str:
        return "\n".join(["sku,quantity", *(f"S{n:05},{0 if n < zeroed else 5}" for n in range(1000)), ""])

    guarded.drop(without(0))
    guarded.look()
    guarded.seconds += 4000
    guarded.drop(without(80), at=1)
    guarded.cut_after = guarded.slices + 1
    with pytest.raises(power_cut):
        guarded.look()
    guarded.kill()
    assert guarded.states() == [APPLIED]

    guarded.drop(without(130), at=2)

    assert guarded.states() == [HELD]


def test_an_unreadable_sku_is_no_word_on_what_is_missing(site):
    site.judge_by(zero_missing=True)
    for at, text in enumerate(("A,1 B,2", "A,2 ,7", "A,3")):
        site.drop(text, at=at)
        site.look()
    assert site.levels() == {"A": 3, "B": 2}, "one word only"

    site.drop("A,4", at=3)
    site.look()
    assert site.levels() == {"A": 4, "B": 0}


def test_decreases_of_what_is_held_apply_where_that_is_asked_for(site, power_cut):
    site.judge_by(guard=STRICT, lower_on_hold=True)
    site.drop(table(5, 100))
    site.look()
    site.drop("sku,quantity\nS00000,4\nS00001,0\nS00002,9\nnew,7\n", at=1)
    site.cut_after = site.slices + 1
    with pytest.raises(power_cut):
        site.look()

    site.kill()
    (verdict,) = site.look()

    assert (verdict.state, verdict.import_id) == (HELD, 2)
    levels = site.levels()
    assert (levels["S00000"], levels["S00001"], levels["S00002"], levels["S00003"]) == (4, 0, 5, 5)
    assert "new" not in levels
    ((reason, decreased),) = site.rows("SELECT reason, decreased FROM import WHERE id = 2")
    assert (decreased, reason.endswith("; 2 decreases applied meanwhile")) == (2, True)
    assert site.rows("SELECT sku, before, after, missing FROM import_change LIMIT 3")[0] == (
        "new",
        None,
        7,
        0,
    )

    site.imports.approve(2, site.now())
    assert site.states() == [APPLIED]
    assert site.levels()["new"] == 7


def test_to_be_stopped_while_a_staging_is_closed_is_a_stop_and_no_fault(site):
    site.drop(table(5, 3))

    async def closing(function):
        result = function()
        if getattr(function, "__name__", "") == "close":
            asyncio.current_task().get_loop().call_soon(looking.cancel)
            await asyncio.sleep(0)
            await asyncio.sleep(0)
        return result

    site.blocking = closing

    async def stopped():
        nonlocal looking
        looking = asyncio.ensure_future(site.feed.look())
        await looking

    looking = None
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(stopped())

    site.kill()
    assert [verdict.state for verdict in site.look()] == [APPLIED]
    assert len(site.desired()) == 3
