"""docs/metrics.md names every metric as it is; rules and dashboard ask for nothing that is not there."""

import json
import re
from pathlib import Path

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from connectors.contract import OutcomeKind
from state.records import Risk
from syncd.figures import KINDS
from syncd.metrics.channels import ERRORS, TOLD_APART
from syncd.metrics.counting import Metrics
from syncd.metrics.exposition import exposition
from syncd.metrics.measures import MEASURES
from syncd.metrics.sources import CONCLUDED

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "metrics.md").read_text()
MONITORING = DOCS / "monitoring"
ROW = re.compile(r"^\| `((?:syncd|process)_\w+)` \| (\w+) \| ([\w, ]*) \| (.+) \|$", re.MULTILINE)
RULES = yaml.safe_load((MONITORING / "alerts.yml").read_text())["groups"][0]["rules"]
TESTS = yaml.safe_load((MONITORING / "alerts_test.yml").read_text())["tests"]
DASHBOARD = json.loads((MONITORING / "dashboard.json").read_text())
OF_THE_SCRAPE = {"instance", "job"}
OF_ALERTS = {"alertname", "alertstate"}


def metrics():
    made = Metrics()
    made.watch_process()
    made.channel("shop").answered(0.1, 200, None)
    made.source("erp")
    return made


def told() -> dict[str, tuple[str, set[str], str]]:
    """What a process tells: type, labels and meaning of each metric."""
    text = exposition(metrics().registry, [], "")[0].decode()
    labels = {measure.name: set(measure.labels) for measure in MEASURES}
    found = {}
    for family in text_string_to_metric_families(text):
        name = family.name + ("_total" if family.type == "counter" else "")
        seen = {label for sample in family.samples for label in sample.labels}
        found[name] = (family.type, labels.get(name, seen - {"le"}), family.documentation)
    return found


def test_every_metric_is_documented_as_it_is_and_no_other():
    documented = {
        name: (kind, set(labels.split(", ")) - {""}, meaning)
        for name, kind, labels, meaning in ROW.findall(PAGE)
    }

    assert documented == told()


def test_no_metric_stands_there_twice():
    names = [name for name, *_ in ROW.findall(PAGE)]

    assert len(names) == len(set(names)) > 40


def test_the_values_of_labels_are_documented():
    words = {
        *OutcomeKind, *CONCLUDED, *ERRORS.values(), *(risk.name.lower() for risk in Risk),
        *(str(status) for status in TOLD_APART),
    }  # fmt: skip

    assert {word for word in words if not re.search(rf"\b{word}\b", PAGE)} == set()


def test_alerts_are_counted_by_every_kind_that_there_is():
    conditions = DOCS.parent / "syncd" / "alerts" / "conditions.py"
    kinds = re.findall(r'"(\w+)"', "".join(re.findall(r"kind=(.*),", conditions.read_text())))

    assert sorted(set(kinds)) == sorted(KINDS)


def names_to_ask_for() -> dict[str, set[str]]:
    """Every series' name, with its labels."""
    found = {"up": set(), "ALERTS": OF_ALERTS}
    for name, (kind, labels, _) in told().items():
        parts = ("_bucket", "_sum", "_count") if kind == "histogram" else ("",)
        found |= {name + part: labels | ({"le"} if part == "_bucket" else set()) for part in parts}
    return found


def questions() -> list[tuple[str, str]]:
    rules = [(rule["alert"], rule["expr"]) for rule in RULES]
    panels = [
        (panel["title"], target["expr"])
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    ]
    variables = [
        (one["name"], one["definition"]) for one in DASHBOARD["templating"]["list"] if "definition" in one
    ]
    return rules + panels + variables


@pytest.mark.parametrize(("title", "question"), questions())
def test_what_is_asked_for_is_there(title, question):
    known = names_to_ask_for()

    names = re.findall(
        r"\b((?:syncd|process)_\w+|up|ALERTS)\b(?=[{\[\s,)]|$)", re.sub(r'"[^"]*"', '""', question)
    )

    assert names, title
    assert set(names) - set(known) == set()
    for name, matchers in re.findall(r"\b(\w+)\{([^}]*)\}", question):
        assert set(re.findall(r"(\w+)=", matchers)) - known[name] - OF_THE_SCRAPE == set(), title
    for group in re.findall(r"\b(?:by|on) \(([^)]*)\)", question):
        labels = set().union(*(known[name] for name in names)) | OF_THE_SCRAPE
        assert set(group.split(", ")) - labels == set(), title


def test_every_question_is_found():
    assert len(questions()) > 50


def test_every_rule_is_tested_both_ways_and_says_what_to_do():
    tested = " ".join(test["name"] for test in TESTS)

    for rule in RULES:
        assert f"{rule['alert']} fires" in tested
        assert f"{rule['alert']} is quiet" in tested
        assert rule["for"]
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "action"}


def test_what_a_rule_tells_people_to_run_exists():
    commands = {
        command for rule in RULES for command in re.findall(r"`syncd (\w+)", rule["annotations"]["action"])
    }

    assert commands
    for command in commands:
        assert (DOCS.parent / "syncd" / "cli" / "commands" / f"{command}.py").exists(), command


def test_the_dashboard_lays_its_panels_side_by_side():
    taken = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert max(x for x, _ in cells) < 24
        taken |= cells
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])
