"""Tables and plots: printed, and written to `benchmarks/results/`, which is not kept in git."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results"
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Table:
    """Figures that belong together. `failures`: what must not be, and fails the whole run."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""
    failures: Sequence[str] = ()

    def markdown(self) -> str:
        """Write it as Markdown, columns in line."""
        lines = [tuple(self.columns), *map(tuple, self.rows)]
        widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
        head, *rest = (_line(cells, widths) for cells in lines)
        rule = "|" + "|".join("-" * (width + 2) for width in widths) + "|"
        text = "\n".join([f"### {self.title}", "", head, rule, *rest])
        return "\n\n".join([text, *([self.note] if self.note else [])]) + "\n"


@dataclass(frozen=True, slots=True)
class Plot:
    """Curves over one axis. `log`: both axes are logarithmic."""

    name: str
    title: str
    across: str
    up: str
    curves: Mapping[str, Points]
    log: bool = False


def publish(section: str, parts: Iterable[Table | Plot], folder: Path = RESULTS) -> list[str]:
    """Print tables as they come, and write everything; give the failures."""
    folder.mkdir(exist_ok=True)
    failures: list[str] = []
    with (folder / f"{section}.md").open("w") as file:
        for part in parts:
            if isinstance(part, Plot):
                print(f"plot: {draw(part, folder)}\n", flush=True)
                continue
            for place in (None, file):
                print(part.markdown(), file=place, flush=True)
            failures += part.failures
    return failures


def draw(plot: Plot, folder: Path) -> Path:
    """Draw a plot into `folder`."""
    # Only who draws needs it: the counts run without the tools that benchmarks compare with.
    import matplotlib as mpl
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = plot.name
    figure = Figure(figsize=(7, 4), layout="tight")
    axes = figure.subplots()
    for name, points in plot.curves.items():
        axes.plot(*zip(*points, strict=True), label=name, marker="." if plot.log else "", linewidth=1)
    if plot.log:
        axes.set_xscale("log")
        axes.set_yscale("log")
    axes.set(title=plot.title, xlabel=plot.across, ylabel=plot.up)
    axes.grid(visible=True, alpha=0.3)
    axes.legend(fontsize="small")
    path = folder / f"{plot.name}.svg"
    figure.savefig(path, metadata={"Date": None})
    return path


def times(measured: float, of: float) -> str:
    """Tell how many times one figure is of another."""
    return f"{measured / of:.2f} x"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"
