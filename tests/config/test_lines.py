import json
import tomllib

from hypothesis import given
from hypothesis import strategies as st

from syncd.config.lines import key_lines, line_of

KEYS = st.one_of(
    st.text("abcXYZ019_-", min_size=1, max_size=6),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=6),
    st.sampled_from(['a"b', "a.b", "a b", "#x", "[t]", "a=b", "", "é", "'", "\\"]),
)
SCALARS = st.one_of(
    st.integers(-9, 999).map(str),
    st.sampled_from(["true", "1.5", "1979-05-27 07:32:00", "inf", "0xff", "07:32:00"]),
    st.sampled_from(['""', "''", '"# no comment"', "'[x]'", '"a = 1"', '"\\" }"', "'\\'", "'{'"]),
    st.sampled_from(['"""a\nb = 1\n"""', "'''\n[t]\nx = 1'''", '"""a""""', "''''a'''''", '"""\\"""\n"""']),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: "[\n " + " ,# x\n".join(parts) + "]"),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda table: "{" + ", ".join(f"{written(key)}={value}" for key, value in table.items()) + "}"
        ),
    ),
    max_leaves=5,
)


def written(key):
    bare = key.isascii() and key.replace("_", "").replace("-", "").isalnum()
    return key if bare else json.dumps(key, ensure_ascii=False).replace("\x7f", "\\u007F")


@st.composite
def documents(draw):
    """A TOML text, and for each key of a table the line on which it was written."""
    text, lines = "", {}
    for table in draw(st.lists(st.lists(KEYS, min_size=1, max_size=3).map(tuple), unique=True, max_size=4)):
        text += draw(st.sampled_from(["", "\n", "# a = 1\n", "\r\n"]))
        for length in range(len(table)):
            lines.setdefault(table[: length + 1], text.count("\n") + 1)
        text += f"[ {' . '.join(map(written, table))} ] # [c]\n"
        for key, value in draw(st.dictionaries(KEYS, VALUES, max_size=3)).items():
            text += draw(st.sampled_from(["", "  ", "\n", '# "\n']))
            lines.setdefault((*table, key), text.count("\n") + 1)
            text += f"{written(key)} = {value} # 'c'\n"
    return text, lines


def paths_in(value, before=()):
    for key, inner in value.items() if isinstance(value, dict) else ():
        yield (*before, key)
        yield from paths_in(inner, (*before, key))


def parsed(text):
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError:  # a key or table that happens to stand twice
        return None


@given(documents())
def test_every_key_of_a_text_is_found_on_its_line(document):
    text, lines = document
    tree = parsed(text)
    if tree is None:
        return

    found = key_lines(text)

    assert set(paths_in(tree)) == set(found)
    assert lines.items() <= found.items()


def test_the_line_of_an_absent_key_is_that_of_the_table_around_it():
    lines = key_lines("\n[a.b]\nc = { d = 1 }\n")

    assert line_of(lines, ("a", "b", "c", "d")) == 3
    assert line_of(lines, ("a", "b", "x", "y")) == 2
    assert line_of(lines, ("z",)) is None


def test_dotted_keys_and_arrays_of_tables_are_found():
    found = key_lines('a.b."c d" = 1\n[[e]]\nf = 2\n[[e]]\nf = 3\n')

    assert found == {
        ("a",): 1,
        ("a", "b"): 1,
        ("a", "b", "c d"): 1,
        ("e",): 2,
        ("e", "0"): 2,
        ("e", "0", "f"): 3,
        ("e", "1"): 4,
        ("e", "1", "f"): 5,
    }


def test_tables_within_tables_of_one_name_belong_to_the_last():
    found = key_lines("[[a.b]]\n[a.b.c]\nd = 1\n[[a.b.e]]\n[[a.b]]\nx = 1\n[[a.b.e]]\n[[a.b.e]]\ny = 1\n")

    assert found["a", "b", "0", "c", "d"] == 3
    assert found["a", "b", "0", "e", "0"] == 4
    assert found["a", "b", "1", "x"] == 6
    assert found["a", "b", "1", "e", "1", "y"] == 9


def test_quotes_before_the_end_of_a_long_text_belong_to_it():
    found = key_lines('a = ["""x"""", "]"]\nb = 1\n')

    assert found == {("a",): 1, ("b",): 2}
