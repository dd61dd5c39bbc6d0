"""Alerts as the state keeps them."""

from state.alerts import StandingAlert, Told


def alert(
    subject="toko", message="it is held: mend it", *, severity="error", kind="channel_held", since=1_000
):
    return StandingAlert(
        kind=kind, subject=subject, severity=severity, message=message, details='{"code": "X"}',
        since=since, raised_at=2_000, told_at=2_000, calm=0,
    )  # fmt: skip


def told(*subjects, change="raised", at=5_000):
    return [Told(change, alert(subject), at) for subject in subjects]
