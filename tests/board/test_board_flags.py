import pytest

from fmnbench.board import Relations, boards

NLL = {0: 10.0, 1: 11.0, 2: 13.0}


def only(results, **options):
    (board,) = boards(results, **options)
    return board


def rows_of(board):
    return {row.label: row for row in board.rows}


def marked(board, row, metric=None):
    """Returns the footnotes of a row, or of one of its cells."""
    numbers = row.cells[metric].notes if metric else row.notes
    return [board.notes[number - 1] for number in numbers]


@pytest.mark.parametrize(("nll", "flagged"), [(49.99, False), (50.0, True), (60.0, True)])
def test_a_row_that_does_not_beat_the_latent_free_reference_is_marked(row, nll, flagged):
    for protocol in ("standard", "as-published"):
        board = only(row({0: nll}, metrics={"reference.nll": 50.0}), protocol=protocol)
        notes = marked(board, board.rows[0])
        assert any("has learned nothing" in note for note in notes) == flagged


def test_only_the_seeds_that_learned_nothing_are_named(row):
    board = only(row({0: 45.0, 1: 50.0, 2: 90.0}, metrics={"reference.nll": 50.0}))
    (note,) = marked(board, board.rows[0])
    assert note.startswith("the model has learned nothing with seeds 1, 2: its")
    board = only(row({1: 50.0, 2: 90.0}, metrics={"reference.nll": 50.0}))
    assert marked(board, board.rows[0])[0].startswith("the model has learned nothing: its")


FREE = {"name": "without-z", "architecture": "pixelcnn"}
OF_FREE = Relations(latent_free={"toy-mlp": "without-z"})


@pytest.mark.parametrize(("nll", "flagged"), [(29.99, False), (30.0, True), (49.0, True)])
def test_a_latent_free_model_is_a_reference_that_a_row_must_beat(row, nll, flagged):
    models = row({0: 29.0, 1: 31.0}, track=FREE)
    board = only([*row({0: nll}, metrics={"reference.nll": 50.0}), *models], relations=OF_FREE)
    (model, constant) = board.references
    assert (model.label, model.n, model.means) == ("latent-free pixelcnn", 2, {"nll": 30.0})
    assert constant.means == {"nll": 50.0}
    notes = marked(board, board.rows[0])
    said = [
        "the latent adds no likelihood: the importance-weighted NLL does not beat the 30.00 "
        "nats of the latent-free pixelcnn"
    ]
    assert notes == said * flagged


def test_a_seed_above_both_references_has_learned_nothing_and_is_marked_once(row):
    models = row({0: 30.0}, track=FREE)
    results = row({0: 20.0, 1: 40.0, 2: 60.0}, metrics={"reference.nll": 50.0})
    board = only([*results, *models], relations=OF_FREE)
    nothing, idle = marked(board, board.rows[0])
    assert nothing.startswith("the model has learned nothing with seed 2: ")
    assert idle.startswith("the latent adds no likelihood with seed 1: ")


def test_a_latent_free_model_of_other_data_is_no_reference(row):
    models = row({0: 29.0}, track=FREE, dataset_fingerprint="cd" * 8)
    assert only([*row({0: 40.0}), *models], relations=OF_FREE).references == ()


def test_a_latent_free_model_alone_is_a_table(row):
    assert only(row({0: 29.0}, track=FREE), relations=OF_FREE).title == "without-z"


def test_a_name_alone_makes_no_track_a_reference(row):
    free = FREE | {"name": "toy-mlp-latent-free"}
    found = boards([*row(NLL), *row({0: 29.0}, track=free)], relations=OF_FREE)
    assert [(board.title, board.references) for board in found] == [
        ("toy-mlp", ()),
        ("toy-mlp-latent-free", ()),
    ]


@pytest.mark.parametrize(
    ("changes", "of_the_model", "is_reference"),
    [
        ("", "", True),
        ("+epochs=2", "+epochs=2", True),
        ("+epochs=2", "", False),  # its model was trained for longer
        ("", "+epochs=2", False),
        ("+latent=16", "", True),  # its model has no latent, but layers
        ("+epochs=2+latent=16", "+epochs=2", True),
        ("+hidden=512", "", False),
        ("+hidden=512", "+hidden=512", True),
    ],
)
def test_a_track_with_changed_settings_has_the_reference_with_the_same_changes(
    row, changes, of_the_model, is_reference
):
    track = {"name": f"toy-mlp{changes}"}
    free = FREE | {
        "name": f"without-z{of_the_model}",
        "architecture_settings": {"hidden": 256},
    }
    found = boards([*row(NLL, track=track), *row({0: 29.0}, track=free)], relations=OF_FREE)
    table = next(board for board in found if board.track.name == track["name"])
    assert [reference.means for reference in table.references] == [{"nll": 29.0}] * is_reference
    assert len(found) == (1 if is_reference else 2)


def test_a_decoder_that_ignores_z_is_marked_with_its_seeds(make_result):
    results = [
        make_result(seed=seed, metrics={"z_dependence": value})
        for seed, value in enumerate([0.5, 0.9e-3, 1.1e-3, 0.0])
    ]
    board = only(results)
    assert "ignores z with seeds 1, 3:" in marked(board, board.rows[0])[0]
    board = only(results[3:])
    assert "ignores z:" in marked(board, board.rows[0])[0]
    assert only(results[:1]).notes == ()


def test_a_decoder_without_a_mean_is_marked_by_what_the_z_of_others_costs(make_result):
    gains = [0.099, 0.1, -0.3, 5.0]
    board = only([make_result(seed=seed, metrics={"z_gain": v}) for seed, v in enumerate(gains)])
    assert "ignores z with seeds 0, 2:" in marked(board, board.rows[0])[0]
    with_mean = make_result(metrics={"z_gain": 0.0, "z_dependence": 0.5})
    assert only([with_mean]).notes == ()


@pytest.mark.parametrize(
    ("metric", "ceiling"),
    [
        ("mi_lower", "mi_ceiling"),
        ("mi_upper", "mi_ceiling"),
        ("mi_batch", "mi_batch_ceiling"),
        ("report.mi", "mi_batch_ceiling"),
    ],
)
def test_an_information_within_5_percent_of_its_ceiling_is_marked(row, metric, ceiling):
    protocol = "as-published" if metric == "report.mi" else "standard"
    other = {"mi_ceiling": 90.0, "mi_batch_ceiling": 90.0, ceiling: 8.0}
    for value, flagged in ((7.59, False), (7.61, True), (8.0, True), (8.3, True)):
        board = only(row({0: value}, metric, metrics=other), protocol=protocol)
        assert bool(board.rows[0].cells[metric].notes) == flagged
        assert board.ceilings[ceiling] == 8.0


def test_an_upper_estimate_beyond_the_ceiling_is_said_to_be_rough(row):
    board = only(row({0: 55.0}, "mi_upper", metrics={"mi_ceiling": 9.0}))
    (note,) = marked(board, board.rows[0], "mi_upper")
    assert note.startswith("the value is near or above 9.00 nats")
    board = only(row({0: 9.0}, "mi_lower", metrics={"mi_ceiling": 9.0}))
    (note,) = marked(board, board.rows[0], "mi_lower")
    assert note.startswith("the value is within 5 % of the ceiling of this estimate, 9.00 nats")


def test_references_are_means_over_the_records_that_have_them(make_result):
    metrics = [
        {"reference.nll": 50.0, "reference.density": 1.0},
        {"reference.nll": 51.0},
        {},
    ]
    board = only([make_result(seed=seed, metrics=found) for seed, found in enumerate(metrics)])
    free, real = board.references
    assert (free.n, dict(free.means)) == (2, {"nll": 50.5})
    assert (real.n, dict(real.means)) == (1, {"density": 1.0})
    old = {"versions": {"training": "0"}, "provenance": {"started": "2025"}}
    stale = make_result(seed=3, metrics={"reference.nll": 99.0}, **old)
    rest = [make_result(seed=seed, metrics=found) for seed, found in enumerate(metrics)]
    assert only([*rest, stale]).references == board.references
    assert only([make_result()]).references == ()


def timed(make_result, seconds, **fields):
    return [
        make_result(seed=seed, timings={"train": value}, **fields)
        for seed, value in enumerate(seconds)
    ]


def test_time_is_the_mean_ratio_to_the_plain_vae_of_the_same_seed(make_result):
    plain = timed(make_result, [10.0, 20.0])
    critic = timed(make_result, [15.0, 50.0], critic="self")
    rows = rows_of(only([*plain, *critic]))
    assert rows["self λ=0"].cells["time"].mean == pytest.approx((1.5 + 2.5) / 2)
    assert rows["VAE"].cells["time"].mean == 1
    alone = only(critic).rows[0].cells["time"]
    assert (alone.mean, alone.hole) == (
        None,
        "no training time of a plain VAE to compare with",
    )


def test_time_is_that_of_the_processor_where_all_records_have_it(make_result):
    plain = make_result(timings={"train": 10.0, "train.processor": 8.0})
    fields = {"critic": "self", "timings": {"train": 90.0, "train.processor": 12.0}}
    board = only([plain, make_result(**fields)])
    cell = rows_of(board)["self λ=0"].cells["time"]
    assert (cell.mean, cell.notes) == (1.5, ())
    board = only([plain, *timed(make_result, [90.0], critic="self")])
    cell = rows_of(board)["self λ=0"].cells["time"]
    assert cell.mean == 9.0
    assert "wall-clock time" in marked(board, rows_of(board)["self λ=0"], "time")[0]


def test_the_clock_is_no_flaw_on_an_accelerator(make_result):
    board = only(timed(make_result, [10.0, 20.0], provenance={"device": "cuda"}))
    assert (board.rows[0].cells["time"].mean, board.notes) == (1.0, ())


def test_a_stale_row_has_no_time(make_result):
    plain = timed(make_result, [10.0])
    old = {"versions": {"training": "0"}, "provenance": {"started": "2025"}}
    board = only([*plain, *timed(make_result, [15.0], critic="self", **old)])
    assert [row.cells["time"].mean for row in board.rows] == [1.0, None]


@pytest.mark.parametrize("machine", [{"device_name": "another"}, {"threads": 64}])
def test_times_of_two_machines_are_not_compared(make_result, machine):
    critic = timed(make_result, [15.0], critic="self", provenance=machine)
    board = only([*timed(make_result, [10.0]), *critic])
    assert "another device" in marked(board, rows_of(board)["self λ=0"], "time")[0]


def test_the_hole_of_a_broken_metric_has_its_cause_in_a_footnote(make_result):
    good = make_result(metrics={"nll": 1.0, "kl": 2.0})
    bad = make_result(
        seed=1, metrics={"kl": 2.0}, broken={"nll": "ValueError: no such luck (mine.py:3)"}
    )
    (board,) = boards([good, bad])
    (row,) = board.rows
    assert row.cells["nll"].hole == "no nll for seed 1: ValueError: no such luck (mine.py:3)"
    assert any("no such luck" in note for note in board.notes)
    assert row.cells["kl"].n == 2
