from digits_runs import DIGITS, TRACK, contents


def test_a_dry_run_shows_the_plan_with_its_cost_and_writes_nothing(done_store, tmp_path, fmnbench):
    before = contents(done_store)
    options = ["--critic", "none", "--critic", "neural", "--seeds", "3", "--dry-run"]
    done = fmnbench(*DIGITS, *options, "--jobs", "1", "--store", done_store)
    assert (done.code, done.err) == (0, "")
    rows = [line.split() for line in done.out.splitlines()[1:3]]
    assert rows[0][:6] == [TRACK, "VAE", "0-2", "2", "0", "1"]
    assert rows[1][:8] == [TRACK, "neural", "λ=1", "0-2", "0", "0", "3", "≈"]
    assert "4 runs to do, 2 in the store.\nAbout " in done.out
    assert "with --jobs 1 on cpu.\nMeasured on cpu: " in done.out
    assert "\n≈ is the time of other rows of the track" in done.out
    assert contents(done_store) == before
    new = [*DIGITS, "--dry-run", "--store", tmp_path / "new"]
    done = fmnbench(*new, "--critic", "none")
    assert done.code == 0
    row, *rest = done.out.splitlines()[1:]
    assert row.split() == [TRACK, "VAE", "0", "0", "0", "1", "not", "known", "yet"]
    assert rest == [
        "1 run to do, 0 in the store.",
        "Add --measure to time a few steps of the rows of unknown cost.",
    ]
    assert not (tmp_path / "new").exists()


def test_a_track_can_be_chosen_by_its_name(tmp_path, fmnbench):
    new = ["run", "--dry-run", "--store", tmp_path / "new"]
    done = fmnbench(*new, "--track", "toy-linear", "--track", "digits-mlp", "--critic", "none")
    assert (done.code, done.err) == (0, "")
    rows = [line.split()[:2] for line in done.out.splitlines()[1:3]]
    assert rows == [["digits-mlp", "VAE"], ["toy-linear", "VAE"]]
    assert "2 runs to do" in done.out


def test_measuring_tells_the_cost_of_rows_that_were_never_run(tmp_path, fmnbench, monkeypatch):
    monkeypatch.setattr("fmnbench.runs.estimate.ENOUGH", 0.01)
    new = [*DIGITS, "--dry-run", "--measure", "--jobs", "1", "--store", tmp_path / "new"]
    done = fmnbench(*new, "--critic", "none", "--critic", "self", "--seeds", "2")
    assert done.code == 0
    names = [f"{TRACK} VAE", f"{TRACK} self λ=1"]
    lines = [f"timing {number} of 2: {name}" for number, name in enumerate(names, 1)]
    assert done.err.splitlines() == lines
    assert [line.count("≈") for line in done.out.splitlines()[1:3]] == [2, 2]
    assert "with --jobs 1 on cpu.\n≈ is the time of other rows" in done.out
    assert not (tmp_path / "new").exists()


def test_measuring_is_refused_where_the_runs_are_done(tmp_path, fmnbench):
    done = fmnbench(*DIGITS, "--measure", "--store", tmp_path / "new")
    assert (done.code, done.complaint) == (
        2,
        "error: --measure runs nothing to its end: it goes with --dry-run.",
    )


def test_a_row_that_does_not_fit_its_data_is_named_and_has_no_cost(
    tmp_path, fmnbench, plugin, monkeypatch
):
    monkeypatch.setattr("fmnbench.runs.estimate.ENOUGH", 0.01)
    new = ["--dry-run", "--measure", "--plugin", plugin, "--store", tmp_path / "new"]
    done = fmnbench(*DIGITS, *new, "--critic", "declining")
    assert done.code == 0
    assert done.err.splitlines()[1] == f"{TRACK} declining λ=1: not for digits"
    assert "not known yet" in done.out
    assert "Add --measure" not in done.out
    done = fmnbench(*DIGITS, *new, "--critic", "nan")
    assert (done.code, "loss is nan in training" in done.err.splitlines()[1]) == (0, True)
