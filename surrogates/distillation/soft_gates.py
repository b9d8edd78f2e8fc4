"""The mathematics of soft decision trees: paths, loss, its gradient, and descent.

Frosst and Hinton, "Distilling a neural network into a soft decision tree", arXiv 1711.09784.
Node i of a full binary tree sends a row x to the right with probability
``p_i = sigmoid(w_i x + b_i)``; every leaf holds one distribution over the classes. The children of
node i are 2 i + 1 (left) and 2 i + 2 (right).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

__all__ = ["SoftGates", "descended", "leaf_chances", "log_gates", "loss_and_slope"]

_Floats = NDArray[np.float64]
_TINY = 1e-12
_DECAYS = (0.9, 0.999)
_GUARD = 1e-8


@dataclass(frozen=True, eq=False)
class SoftGates:
    """The parameters of a soft decision tree.

    Parameters
    ----------
    weights : ndarray of shape (n_nodes, n_inputs)
        The filters of the inner nodes.
    biases : ndarray of shape (n_nodes,)
    leaves : ndarray of shape (n_nodes + 1, n_classes)
        Logits of the distributions.
    """

    weights: _Floats
    biases: _Floats
    leaves: _Floats

    @property
    def shares(self) -> _Floats:
        """The distributions of the leaves."""
        return np.asarray(np.exp(log_softmax(self.leaves, axis=1)))

    @property
    def parts(self) -> tuple[_Floats, _Floats, _Floats]:
        """All parameters."""
        return self.weights, self.biases, self.leaves


def log_gates(gates: SoftGates, inputs: _Floats) -> tuple[_Floats, _Floats]:
    """Return the log probabilities of the right and of the left child, (n_rows, n_nodes) each."""
    logits = inputs @ gates.weights.T + gates.biases
    return -np.logaddexp(0.0, -logits), -np.logaddexp(0.0, logits)


def _log_chances(gates: SoftGates, right: _Floats, left: _Floats) -> _Floats:
    """Return the log probability of reaching each node, leaves last."""
    n_nodes = len(gates.biases)
    chances = np.zeros((len(right), 2 * n_nodes + 1))
    for own, to_left, to_right in _levels(n_nodes):
        chances[:, to_left] = chances[:, own] + left[:, own]
        chances[:, to_right] = chances[:, own] + right[:, own]
    return chances


def _levels(n_nodes: int) -> list[tuple[slice, slice, slice]]:
    """Return the inner nodes of each level, their left and their right children."""
    found = []
    first = 0
    while first < n_nodes:
        last = 2 * first + 1
        left, right = (slice(2 * first + side, 2 * last + side, 2) for side in (1, 2))
        found.append((slice(first, last), left, right))
        first = last
    return found


def leaf_chances(gates: SoftGates, inputs: _Floats) -> _Floats:
    """Return the probabilities of the leaves, of shape (n_rows, n_leaves)."""
    chances = _log_chances(gates, *log_gates(gates, inputs))
    return np.asarray(np.exp(chances[:, len(gates.biases) :]))


def loss_and_slope(
    gates: SoftGates, inputs: _Floats, targets: _Floats, penalty: float
) -> tuple[float, SoftGates]:
    """Return the mean loss of some rows, and its derivatives.

    The loss of a row is the expected cross-entropy of the leaf that it reaches. The penalty keeps
    every node sending half of the rows each way: with ``a_i`` the mean of ``p_i``, weighted by the
    probability of reaching node i, it adds ``-2^-depth penalty (log a_i + log(1 - a_i)) / 2``.

    Parameters
    ----------
    gates : SoftGates
    inputs : ndarray of shape (n_rows, n_inputs)
    targets : ndarray of shape (n_rows, n_classes)
        Probabilities of the classes.
    penalty : float
    """
    n_rows, n_nodes = len(inputs), len(gates.biases)
    log_right, log_left = log_gates(gates, inputs)
    chances = np.exp(_log_chances(gates, log_right, log_left))
    right, left = np.exp(log_right), np.exp(log_left)
    log_shares = log_softmax(gates.leaves, axis=1)
    # worth of reaching a node, for each row: the derivative by the probability of it
    worth = np.empty_like(chances)
    worth[:, n_nodes:] = -(targets @ log_shares.T) / n_rows
    loss = float((chances[:, n_nodes:] * worth[:, n_nodes:]).sum())
    slopes = np.empty_like(right)
    reached = np.maximum(chances[:, :n_nodes].sum(axis=0), _TINY)
    mean = np.clip((chances[:, :n_nodes] * right).sum(axis=0) / reached, _TINY, 1.0 - _TINY)
    scale = 0.5 * penalty * 0.5 ** np.floor(np.log2(np.arange(n_nodes) + 1.0))
    loss -= float(scale @ (np.log(mean) + np.log1p(-mean)))
    pull = -scale * (1.0 / mean - 1.0 / (1.0 - mean)) / reached
    for own, to_left, to_right in reversed(_levels(n_nodes)):
        p, q, after = right[:, own], left[:, own], (worth[:, to_left], worth[:, to_right])
        slopes[:, own] = chances[:, own] * (after[1] - after[0] + pull[own]) * p * q
        worth[:, own] = q * after[0] + p * after[1] + pull[own] * (p - mean[own])
    arrived = chances[:, n_nodes:] / n_rows
    total = (arrived * targets.sum(axis=1)[:, np.newaxis]).sum(axis=0)
    leaves = total[:, np.newaxis] * np.exp(log_shares) - arrived.T @ targets
    return loss, SoftGates(slopes.T @ inputs, slopes.sum(axis=0), leaves)


def descended(
    gates: SoftGates,
    inputs: _Floats,
    targets: _Floats,
    *,
    penalty: float,
    max_iter: int,
    batch_size: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> tuple[SoftGates, list[float]]:
    """Return gates that lose less, by Adam (Kingma and Ba, ICLR 2015), and the loss of each step.

    The rows are taken in random order, again and again; the learning rate falls along half a
    cosine.
    """
    moments = [(np.zeros_like(part), np.zeros_like(part)) for part in gates.parts]
    losses, waiting = [], np.empty(0, dtype=np.int64)
    for step in range(max_iter):
        if not len(waiting):
            waiting = rng.permutation(len(inputs))
        rows, waiting = np.split(waiting, [batch_size])
        loss, slope = loss_and_slope(gates, inputs[rows], targets[rows], penalty)
        losses.append(loss)
        rate = learning_rate * 0.5 * (1.0 + np.cos(np.pi * step / max_iter))
        gates = _stepped(gates, slope, moments, step + 1, rate)
    return gates, losses


def _stepped(
    gates: SoftGates,
    slope: SoftGates,
    moments: list[tuple[_Floats, _Floats]],
    step: int,
    rate: float,
) -> SoftGates:
    """Take a step, and keep the running means of the slope and of its square."""
    parts = []
    fixes = [1.0 - decay**step for decay in _DECAYS]
    for part, own, kept in zip(gates.parts, slope.parts, moments, strict=True):
        for moment, power, decay in zip(kept, (1, 2), _DECAYS, strict=True):
            moment += (1.0 - decay) * (own**power - moment)  # noqa: PLW2901
        size = np.sqrt(kept[1] / fixes[1]) + _GUARD
        parts.append(part - rate * (kept[0] / fixes[0]) / size)
    weights, biases, leaves = parts
    return replace(gates, weights=weights, biases=biases, leaves=leaves)
