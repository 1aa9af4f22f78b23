"""The contracts of components, for their authors: each check raises AssertionError, and says why.

from fmnbench.testing import check_critic
def test_margin_keeps_the_contract(): check_critic("margin")
"""

from fmnbench.testing.architectures import check_architecture, rows_for
from fmnbench.testing.critics import check_critic
from fmnbench.testing.datasets import check_dataset
from fmnbench.testing.remedies import check_objective, check_remedy

__all__ = [
    "check_architecture",
    "check_critic",
    "check_dataset",
    "check_objective",
    "check_remedy",
    "rows_for",
]
