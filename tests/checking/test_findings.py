import pytest

from syncd.checking.findings import Finding, Kind, Weight, note, problem, problem_in_words


@pytest.mark.parametrize("weight", [Weight.NOTE, Weight.PROBLEM])
def test_what_is_wrong_never_comes_without_what_to_do(weight):
    with pytest.raises(ValueError, match="what to do"):
        Finding(Kind.DISK_LOW, "state", "full", weight=weight)


def test_the_machine_form_names_everything():
    assert problem(Kind.DISK_LOW, "state", "full", "make room").as_json() == {
        "kind": "disk_low", "about": "state", "what": "full", "remedy": "make room", "weight": "problem",
    }  # fmt: skip
    assert note(Kind.DISK_LOW, "state", "full", "make room").weight is Weight.NOTE


@pytest.mark.parametrize(
    ("message", "what", "remedy"),
    [
        ("It is locked. Nothing to do.", "It is locked", "Nothing to do."),
        ("/x: it is open: chmod 600 /x", "/x: it is open", "chmod 600 /x"),
        ("It is broken", "It is broken", "look"),
    ],
)
def test_a_message_is_parted_into_what_and_what_to_do(message, what, remedy):
    found = problem_in_words(Kind.SOURCE_UNUSABLE, "source erp", message, "look")
    assert (found.what, found.remedy) == (what, remedy)
