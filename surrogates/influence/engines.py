"""Which way of measuring influence a model allows."""

from typing import Any

from surrogates.influence.boosting import is_boosting
from surrogates.influence.boosting_changes import make_boosting_engine
from surrogates.influence.engine import Question, Training
from surrogates.influence.forest_changes import make_forest_engine
from surrogates.influence.forests import is_forest
from surrogates.influence.gauss_newton import make_gauss_newton_engine
from surrogates.influence.linear_models import is_linear_model
from surrogates.influence.modules import is_module, read_module
from surrogates.influence.neighbors import is_neighbors, make_neighbors_engine
from surrogates.influence.network_changes import make_network_engine
from surrogates.influence.networks import is_network, read_network
from surrogates.influence.parametric import make_parametric_engine
from surrogates.influence.parametric_model import ParametricModel

__all__ = ["make_engine"]

_MOST_PARAMETERS = 2500


def make_engine(
    training: Training,
    question: Question,
    *,
    tol: float | None,
    damping: str | float,
    layers: Any,
    penalty: Any,
    n_jobs: int | None,
) -> Any:
    """Choose by the class of the last step.

    Parameters
    ----------
    training : Training
    question : Question
    tol : float or None
        Of linear models, and of conjugate gradients.
    damping : "auto" or float
        Of networks.
    layers, penalty : object
        Of modules: which parameters count, and what training added to the losses.
    n_jobs : int or None
        For the refits of networks.

    Returns
    -------
    engine : Engine

    Raises
    ------
    ValueError
        The model is of no class that is known.
    """
    model = training.estimator
    if is_network(model) or is_module(model):
        return _network_engine(training, question, tol, damping, layers, penalty, n_jobs)
    if is_linear_model(model):
        return make_parametric_engine(training, question, tol=tol)
    if is_boosting(model):
        return make_boosting_engine(training, question)
    if is_forest(model):
        return make_forest_engine(training, question)
    if is_neighbors(model):
        return make_neighbors_engine(training, question)
    raise ValueError(
        f"InfluenceFunctions knows no formula for {type(model).__name__}: pass method='retrain' "
        "to fit it again without each training row."
    )


def _network_engine(
    training: Training,
    question: Question,
    tol: float | None,
    damping: str | float,
    layers: Any,
    penalty: Any,
    n_jobs: int | None,
) -> Any:
    network: ParametricModel
    if is_network(training.estimator):
        network = read_network(training)
    else:
        network = module = read_module(training, layers, penalty)
        if len(module.theta) > _MOST_PARAMETERS:
            return make_gauss_newton_engine(module, training, question, damping=damping, tol=tol)
    return make_network_engine(network, training, question, damping=damping, n_jobs=n_jobs)
