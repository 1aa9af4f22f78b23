import io
import re

from digits_runs import DIGITS, TRACK
from rich.console import Console

from fmnbench.cli.run_display import RunDisplay
from fmnbench.cli.run_log import RunLog
from fmnbench.runs.executors.base import Event

CLOCK = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"


def test_a_log_tells_of_epochs_and_ends(tmp_path, fmnbench, monkeypatch):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.setattr("fmnbench.cli.run_log.EVERY", 0.0)
    done = fmnbench(
        *DIGITS, "--critic", "none", "--seeds", "2", "--jobs", "1", "--store", tmp_path
    )
    assert done.code == 0
    lines = [
        f"{CLOCK} {re.escape(TRACK)} VAE seed {seed}: {news}"
        for seed in (0, 1)
        for news in (r"epoch 1 of 1, loss [\d.]+, evaluating", f"done; {1 - seed} to go")
    ]
    assert re.fullmatch("\n".join(lines) + "\n", done.err)


def test_each_run_that_ends_is_told_of_however_soon_after_another(
    make_result, capsys, monkeypatch
):
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    specs = [make_result(seed=seed).spec for seed in (0, 1)]
    seconds = [0.0]
    with RunDisplay(specs, lambda: seconds[-1]) as display:
        for spec in specs:
            display.show(Event(spec=spec, kind="started"))
        seconds.append(3600.0)
        for spec in specs:
            display.show(Event(spec=spec, kind="epoch", epoch=1, loss=0.5))
            display.show(Event(spec=spec, kind="finished", status="done"))
    lines = capsys.readouterr().err.splitlines()
    assert [re.sub(f"^{CLOCK} ", "", line) for line in lines] == [
        "toy-mlp VAE seed 0: epoch 1 of 30, loss 0.5",
        "toy-mlp VAE seed 0: done; 1 to go",
        "toy-mlp VAE seed 1: done; 0 to go",
    ]


def test_a_log_has_a_line_of_epochs_each_minute_and_none_of_the_first():
    written, seconds = io.StringIO(), [100]
    log = RunLog(Console(file=written, width=20), lambda: seconds[-1])
    for now, text, due in (
        (159, "an epoch, too early", False),
        (159, "an end, too early", True),
        (160, "an epoch of [bold]a run[/bold] with a long name", False),
        (219, "an epoch, too soon", False),
        (219, "an end", True),
        (278, "an epoch, too soon after it", False),
        (279, "another epoch", False),
    ):
        seconds.append(now)
        log.say(text, due=due)
    lines = written.getvalue().splitlines()
    assert [re.sub(f"^{CLOCK} ", "", line) for line in lines] == [
        "an epoch of [bold]a run[/bold] with a long name",
        "an end",
        "another epoch",
    ]
