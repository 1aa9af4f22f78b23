"""Scores after the epoch with the best bound on validation rows, beside those after the last.

The functions and the streams are those of the metrics without `best.`: raise versions together.
"""

from fmnbench.errors import Declined
from fmnbench.metrics.base import Evaluation
from fmnbench.metrics.information import mi_lower
from fmnbench.metrics.likelihood import kl, nll
from fmnbench.registry import metrics


@metrics.register(
    "best.epoch", unit="epochs", better=None, source="fmnbench, best validation", version=1
)
def best_epoch(evaluation: Evaluation) -> float:
    """The epoch, from 1, with the best reconstruction + KL on validation rows.

    Raises Declined, as all of these, where it is not known.
    """
    if evaluation.best is None:
        raise Declined("the best epoch on validation rows is not known")
    return float(evaluation.best.epoch)


@metrics.register("best.nll", unit="nats", better="lower", source="Burda et al. 2016", version=1)
def best_nll(evaluation: Evaluation) -> float:
    """The metric `nll` after the best epoch."""
    return nll(evaluation.once(Evaluation.of_best))


@metrics.register("best.kl", unit="nats", better=None, source="Kingma & Welling 2014", version=1)
def best_kl(evaluation: Evaluation) -> float:
    """The metric `kl` after the best epoch."""
    return kl(evaluation.once(Evaluation.of_best))


@metrics.register(
    "best.mi_lower", unit="nats", better="higher", source="Poole et al. 2019", version=1
)
def best_mi_lower(evaluation: Evaluation) -> float:
    """The metric `mi_lower` after the best epoch."""
    return mi_lower(evaluation.once(Evaluation.of_best))
