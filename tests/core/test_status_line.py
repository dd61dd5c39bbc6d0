from syncd.core.status_line import ChannelState, SourceState, status_line


def test_all_is_well():
    assert status_line([ChannelState("a", 0), ChannelState("b", 0)], [SourceState("erp")]) == (
        "2 channels: nothing due"
    )


def test_what_is_due_is_added_up_and_grouped():
    assert status_line([ChannelState("a", 1_200), ChannelState("b", 4)], []) == "2 channels: 1,204 due"


def test_everything_that_is_wrong_is_said_the_gravest_first():
    line = status_line(
        [ChannelState("toco-main", 3, "the token is refused")],
        [SourceState("erp", is_stale=True, imports_held=2), SourceState("pos", "no such file", True)],
        ["configuration refused"],
    )

    assert line == (
        "1 channel: 3 due; configuration refused; toco-main held: the token is refused; 2 imports held;"
        " source erp stale; source pos cannot be read: no such file"
    )


def test_one_held_import_is_one():
    assert status_line([], [SourceState("erp", imports_held=1)]).endswith("; 1 import held")
