"""What the real lanes and feeds count, against a marketplace in a dict."""

import asyncio

import pytest
from rig import DROP, SHOP, many
from shops import Throttling
from virtual_time import run_virtually

from connectors import errors
from connectors.errors import Effect, TryLater, WarehouseRefused
from syncd.metrics.channels import ERRORS, OTHER, error_label, status_label
from syncd.metrics.counting import Metrics

WAITS = "syncd_change_to_confirmed_seconds"
STRICT = (DROP + SHOP).replace('"off"', '"20%"')


def test_every_row_and_request_is_counted(rig, counted):
    rig.shop.unlisted.update({"SKU-0001", "SKU-0002"})

    async def story():
        rig.drop(many(250))
        async with rig.opened() as app:
            await rig.look()
            await rig.reconcile()
        return app.metrics

    metrics = run_virtually(story())

    assert counted(metrics, "syncd_rows_total", channel="shop", outcome="accepted") == 248
    assert counted(metrics, "syncd_rows_total", channel="shop", outcome="rejected") == 2
    assert counted(metrics, "syncd_attempts_total", channel="shop") == 250
    requests = counted(metrics, "syncd_requests_total", channel="shop", status="2xx")
    assert requests == len(rig.shop.received) == 3
    assert counted(metrics, "syncd_request_duration_seconds_count", channel="shop") == requests


def test_the_time_from_a_change_to_its_confirmation_is_measured(rig, counted):
    async def story():
        async with rig.running() as app:
            rig.drop({"A": 5})
            await rig.look()
            await asyncio.sleep(60)
            rig.shop.fail_next(TryLater("down", effect=Effect.NONE, retry_after=100))
            rig.drop({"A": 4})
            await rig.look()
            await asyncio.sleep(300)
            return app.metrics

    metrics = run_virtually(story())

    assert rig.shown() == {"A": 4}
    assert counted(metrics, f"{WAITS}_count", channel="shop") == 2
    assert 100 <= counted(metrics, f"{WAITS}_sum", channel="shop") < 120
    assert counted(metrics, f"{WAITS}_bucket", channel="shop", le="0.5") == 1
    assert counted(metrics, "syncd_pauses_total", channel="shop") == 1


def test_what_is_only_asserted_anew_waited_for_nothing(rig, counted):
    async def story():
        await rig.bring({"A": 5})
        async with rig.opened() as app:
            await app.assert_anew(["shop"])
            await rig.reconcile()
            return app.metrics

    metrics = run_virtually(story())

    assert counted(metrics, "syncd_rows_total", channel="shop", outcome="accepted") == 1
    assert counted(metrics, f"{WAITS}_count", channel="shop") == 0


def test_a_request_that_fails_is_counted_by_kind_and_its_rows_as_retried(rig, counted):
    async def story():
        rig.drop(many(3))
        async with rig.opened() as app:
            await rig.look()
            rig.shop.fail_next(errors.AnswerUnusable("maintenance page", status=200))
            rig.shop.fail_next(TryLater("time-out", effect=Effect.AMBIGUOUS))
            await rig.reconcile()
            return app.metrics

    metrics = run_virtually(story())

    assert counted(metrics, "syncd_request_errors_total", channel="shop", error="answer_unusable") == 1
    assert counted(metrics, "syncd_request_errors_total", channel="shop", error="try_later") == 1
    assert counted(metrics, "syncd_requests_total", channel="shop", status="none") == 1
    assert counted(metrics, "syncd_rows_total", channel="shop", outcome="unknown") > 0
    assert counted(metrics, "syncd_retries_total", channel="shop") > 0


def test_throttled_rows_are_a_pause_and_no_retry(rig, counted):
    rig.shop = Throttling(times=1)
    rig.plugins = {"memory": rig.shop.plugin()}

    async def story():
        rig.drop(many(3))
        async with rig.opened() as app:
            await rig.look()
            await rig.reconcile()
            return app.metrics

    metrics = run_virtually(story())

    assert counted(metrics, "syncd_rows_total", channel="shop", outcome="deferred") == 3
    assert counted(metrics, "syncd_pauses_total", channel="shop") == 1
    assert counted(metrics, "syncd_retries_total", channel="shop") == 0


def test_imports_are_counted_by_what_became_of_them(rig, counted):
    rig.configure(STRICT)

    async def story():
        async with rig.opened() as app:
            for export in (many(100), many(100), many(10), "sku;quantity\nA;many\n"):
                rig.drop(export)
                await rig.look()
            return app.metrics

    metrics = run_virtually(story())

    became = {
        state: counted(metrics, "syncd_imports_total", source="erp", state=state)
        for state in ("applied", "unchanged", "held", "rejected")
    }
    assert became == {"applied": 1, "unchanged": 1, "held": 1, "rejected": 1}
    assert counted(metrics, "syncd_import_rows_total", source="erp") == 111
    assert counted(metrics, "syncd_import_bad_rows_total", source="erp") == 1
    assert counted(metrics, "syncd_stock_levels_changed_total", source="erp") == 100
    assert counted(metrics, "syncd_import_duration_seconds_count", source="erp") == 4


def test_what_was_counted_goes_on_under_another_configuration():
    metrics = Metrics()
    metrics.channel("shop").paused()

    metrics.channel("shop").paused()

    assert metrics.registry.get_sample_value("syncd_pauses_total", {"channel": "shop"}) == 2


def test_a_refused_reload_shows_until_the_next_good_one(counted):
    metrics = Metrics()
    assert counted(metrics, "syncd_config_last_reload_successful") == 1

    metrics.configuration_refused()
    assert counted(metrics, "syncd_config_last_reload_successful") == 0

    metrics.configuration_taken(1_800_000_000.0)
    assert counted(metrics, "syncd_config_last_reload_successful") == 1
    assert counted(metrics, "syncd_config_last_reload_success_timestamp_seconds") == 1_800_000_000
    assert counted(metrics, "syncd_config_reloads_total", result="refused") == 1


def test_no_status_that_a_marketplace_may_say_makes_a_series_of_its_own():
    labels = {status_label(status) for status in (None, *range(-1, 10_000))}

    assert len(labels) <= 20
    assert {"none", "2xx", "429", "4xx", "other"} <= labels


def test_every_kind_of_error_has_a_word():
    kinds = [kind for kind in vars(errors).values() if _is_a_kind(kind)]

    assert set(kinds) == set(ERRORS)
    assert error_label(WarehouseRefused("no", warehouse="1")) == "warehouse_refused"
    assert error_label(errors.ConnectorError("some plug-in's own")) == OTHER


def _is_a_kind(kind) -> bool:
    return (
        isinstance(kind, type)
        and issubclass(kind, errors.ConnectorError)
        and kind is not errors.ConnectorError
    )


@pytest.mark.parametrize("hidden", [False, True])
def test_the_process_is_told_of_even_where_the_unit_hides_the_rest_of_proc(hidden, tmp_path, counted):
    (tmp_path / "self").symlink_to("/proc/self")
    metrics = Metrics()

    metrics.watch_process(str(tmp_path) if hidden else "/proc")

    assert counted(metrics, "process_resident_memory_bytes") > 1_000_000
    assert counted(metrics, "process_open_fds") > 0
    started = counted(metrics, "process_start_time_seconds")
    honest = Metrics()
    honest.watch_process()
    assert abs(started - counted(honest, "process_start_time_seconds")) < 2


def test_two_processes_in_one_count_apart(counted):
    one, other = Metrics(), Metrics()

    one.channel("shop").paused()

    assert counted(other, "syncd_pauses_total", channel="shop") == 0
