"""The figure of a study: likelihood against information of every trial, as SVG and PNG."""

import io
import math
from typing import TYPE_CHECKING

from fmnbench.report.figures.base import COLORS, GREY, LOOK, PALE
from fmnbench.tune.space import LAMBDA
from fmnbench.tune.summary import Summary, TrialRow

if TYPE_CHECKING:  # only who draws waits for it
    from matplotlib.axes import Axes

SIZE = (7.0, 4.2)  # inches
BLUE, RED, GREEN = COLORS[0], COLORS[1], COLORS[2]
LABELS = 12  # trials of the front that have their λ beside them, so that none hides another
NEAR = 1.5  # the latent-free line is drawn where it is within so many widths of the points


def front_figure(study: Summary, kind: str) -> bytes:
    """Returns the figure of a study, of `kind` svg or png; the same study gives the same bytes.

    All trials that are done, the front as a line, the plain VAE, the suite's own values, the
    chosen point, and the NLL of the best constant prediction. Needs matplotlib.
    """
    import matplotlib
    from matplotlib.figure import Figure

    file = io.BytesIO()
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        figure = Figure(figsize=SIZE, layout="constrained")
        axes = figure.add_subplot()
        _draw(axes, study)
        metadata = {"Title": f"{study.method} on {study.track}"}
        more = {"Date": None, "Creator": None} if kind == "svg" else {"Software": None}
        figure.savefig(file, format=kind, metadata=metadata | more, dpi=150)
    return file.getvalue()


def _draw(axes: "Axes", study: Summary) -> None:
    done = [row for row in study.trials if "nll" in row.metrics]
    front = sorted((study.trials[place] for place in study.front), key=_nll)
    axes.plot(*_points(done), "o", color=GREY, markersize=4, label="trials")
    axes.plot(*_points(front), "-o", color=BLUE, markersize=5, label="front")
    step = max(1, math.ceil((len(front) - 1) / (LABELS - 1)))
    for row in [*front[:-1:step], *front[-1:]]:
        text = f"{row.values[LAMBDA]:g}" if LAMBDA in row.values else ""
        axes.annotate(text, (_nll(row), _mi(row)), (4, -9), textcoords="offset points", size=7)
    if study.vae is not None and "nll" in study.vae.metrics:
        axes.plot(*_points([study.vae]), "D", color="black", label="plain VAE")
        if study.goal != "nll":
            limit, label = _nll(study.vae) + study.margin, f"the VAE's NLL + {study.margin:g}"
            axes.axvline(limit, color=GREY, linestyle=":", linewidth=1, label=label)
    own = [row for row in done if row.values == study.own]
    if own:
        label = "the suite's own" + (f", λ = {study.own[LAMBDA]:g}" if LAMBDA in study.own else "")
        axes.plot(*_points(own), "s", color=GREEN, markersize=9, fillstyle="none", label=label)
    if study.choice is not None:
        axes.plot(*_points([study.choice]), "*", color=RED, markersize=15, label="chosen")
    _draw_reference(axes, study, done)
    axes.set_title(f"{study.method} on {study.track}", loc="left", fontsize=11)
    axes.set_xlabel(f"NLL, validation rows (nats; K = {study.nll_samples})")
    axes.set_ylabel("MI lower, validation rows (nats)")
    axes.grid(visible=True, color=PALE, linewidth=0.7)
    # below the axes: no place within them is free of points in every study
    axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize=8)


def _draw_reference(axes: "Axes", study: Summary, done: list[TrialRow]) -> None:
    """Draws the latent-free line; names it alone where it lies far off."""
    rows = [row for row in [study.vae, *done] if row is not None]
    values = [row.metrics["reference.nll"] for row in rows if "reference.nll" in row.metrics]
    if not values:
        return
    label = f"best constant prediction, {values[0]:.2f}"
    low, high = axes.get_xlim()
    if low - NEAR * (high - low) < values[0] < high + NEAR * (high - low):
        axes.axvline(values[0], color=GREY, linestyle=(0, (6, 4)), linewidth=1.2, label=label)
    else:
        axes.plot([], [], color=GREY, linestyle=(0, (6, 4)), label=f"{label} (off the scale)")


def _points(rows: list[TrialRow]) -> tuple[list[float], list[float]]:
    return [_nll(row) for row in rows], [_mi(row) for row in rows]


def _nll(row: TrialRow) -> float:
    return row.metrics["nll"]


def _mi(row: TrialRow) -> float:
    return row.metrics["mi_lower"]
