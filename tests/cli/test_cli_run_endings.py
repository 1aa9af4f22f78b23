import pytest
from digits_runs import DIGITS, TRACK, contents


@pytest.fixture(scope="module")
def bad_store(tmp_path_factory, exit_code, plugin):
    """Returns a store of one good run among bad ones, and the exit codes."""
    folder = tmp_path_factory.mktemp("bad") / "records"
    options = ["--plugin", plugin, "--store", folder]
    chosen = ["--critic", "nan", "--critic", "raising", "--critic", "none"]
    codes = [exit_code(*DIGITS, *chosen, *options)]
    codes.append(exit_code(*DIGITS, "--critic", "hanging", "--timeout", "2s", *options))
    return folder, codes


def test_runs_that_end_badly_are_recorded_with_the_cause_and_the_others_are_done(
    bad_store, results
):
    folder, codes = bad_store
    found = {critic: result for (critic, _), result in results(folder).items()}
    assert codes == [1, 1]
    assert {critic: result.status for critic, result in found.items()} == {
        "nan": "diverged",
        "raising": "failed",
        "hanging": "timeout",
        "none": "done",
    }
    assert found["nan"].error == "loss is nan in training epoch 1"
    assert found["raising"].error.startswith("RuntimeError: no such luck (bad_critics.py:")
    assert found["hanging"].error == "not done after 2 s"
    assert found["nan"].metrics == found["raising"].metrics == found["hanging"].metrics == {}
    assert found["none"].metrics["nll"] > 0
    assert set(found["raising"].provenance.plugins) == {"bad_critics.py"}


def test_what_ended_badly_is_told_each_time_in_one_line_each(
    bad_store, fmnbench, plugin, registers
):
    folder, _ = bad_store
    chosen = ["--critic", "nan", "--critic", "raising", "--critic", "hanging"]
    done = fmnbench(*DIGITS, *chosen, "--plugin", plugin, "--store", folder)
    assert (done.code, done.err) == (1, "")
    tail = done.out.splitlines()[4:]
    assert tail[0] == f"{TRACK} nan λ=1 seed 0: diverged: loss is nan in training epoch 1"
    assert tail[1].startswith(f"{TRACK} raising λ=1 seed 0: failed: RuntimeError: no such luck (")
    assert tail[2] == f"{TRACK} hanging λ=1 seed 0: timeout: not done after 2 s"
    assert tail[3] == f"0 of 3 runs done; their records are in {folder}."


def test_retry_runs_again_only_what_ended_so_and_keeps_the_earlier_ending(
    bad_store, fmnbench, plugin, registers, results
):
    folder, _ = bad_store
    before = contents(folder)
    chosen = ["--critic", "nan", "--critic", "raising", "--critic", "none"]
    options = ["--plugin", plugin, "--store", folder, "--retry", "failed"]
    assert fmnbench(*DIGITS, *chosen, *options).code == 1
    found = {critic: result for (critic, _), result in results(folder).items()}
    (attempt,) = found["raising"].history
    assert attempt.status == "failed"
    assert attempt.error.startswith("RuntimeError: no such luck (bad_critics.py:")
    assert found["nan"].history == found["none"].history == ()
    after = contents(folder)
    records = {path for path in after if path.suffix == ".json"}
    assert {path.stem for path in records if after[path] != before[path]} == {
        found["raising"].spec.key
    }


def test_a_method_that_does_not_apply_is_skipped_with_its_reason_and_is_no_failure(
    tmp_path, fmnbench, results
):
    chosen = ["--suite", "quick", "--dataset", "toy", "--critic", "hybrid", "--epochs", "1"]
    done = fmnbench("run", *chosen, "--store", tmp_path)
    assert (done.code, done.err) == (0, "")
    result = results(tmp_path)["hybrid", 0]
    assert result.status == "skipped"
    assert result.error == "LinearGaussian offers no layers to share with a critic"
    assert f"toy-linear+epochs=1 hybrid λ=1 seed 0: skipped: {result.error}" in done.out


def test_fail_fast_starts_nothing_after_a_failure(tmp_path, fmnbench, plugin, registers, results):
    chosen = ["--critic", "raising", "--critic", "none", "--jobs", "1", "--fail-fast"]
    done = fmnbench(*DIGITS, *chosen, "--plugin", plugin, "--store", tmp_path)
    assert done.code == 1
    assert set(results(tmp_path)) == {("raising", 0)}
    assert "1 not finished" in done.out
