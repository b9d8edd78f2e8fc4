"""A control variate: a model of the draws whose own limit is known exactly.

What is left to be learnt from few neighbours is only what it leaves. It is a smooth function of an
additive model, as by one degree of freedom for non-additivity (Tukey, 1949): of what an additive
model ``g`` with a level and a trend for every bin predicts, and of the first harmonics of ``g``.
The columns are independent, so the mean of a harmonic is a product of one mean for each column.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from surrogates._kernels.additive import fit_additive, harmonics, places
from surrogates._solvers import ridge_solutions
from surrogates.attribution.lime.limits import Limit, contrasts, stacked_weights
from surrogates.attribution.lime.representation import Representation, slots_of
from surrogates.blackbox.tree_ensemble import writable

__all__ = ["Control", "fit_control"]

_FEWEST_PER_TERM = 4
_N_PASSES, _N_PASSES_OF_MANY, _MANY_PER_TERM = 3, 2, 40
_HARMONICS = np.arange(1.0, 4.0)
_MOST_LEADERS = 3
_RIDGE, _TINY = 1e-9, 1e-300


@dataclass(frozen=True, eq=False)
class Control:
    """A control variate of the shared neighbours.

    Parameters
    ----------
    left : ndarray of shape (n_outputs, n_fitted)
        What it leaves of the responses.
    inflation : ndarray of shape (n_outputs,)
        By how much errors that are judged by `left` are too small: the root of Akaike's
        ``(n + p) / (n - p)`` (final prediction error, 1969) with p degrees of freedom.
    constant : ndarray of shape (n_outputs,)
    gains : ndarray of shape (n_outputs, n_waves)
        Of the harmonics, complex.
    known : ndarray of bool of shape (n_columns, n_slots)
        The bins that rows can be in; the slot after the last bin stands for rows in none.
    inside : ndarray of shape (n_columns, n_slots)
        The kernel's probability of the bin of the row.
    means, steps : ndarray of shape (n_columns, n_slots, n_outputs)
        Of the additive model: the kernel's mean, and the contrast of the bin with all others.
    wave_means, wave_steps : ndarray of shape (n_columns, n_slots, n_waves)
        The same of the harmonics, complex.
    """

    left: NDArray[np.float64]
    inflation: NDArray[np.float64]
    constant: NDArray[np.float64]
    gains: NDArray[np.complex128]
    known: NDArray[np.bool_]
    inside: NDArray[np.float64]
    means: NDArray[np.float64]
    steps: NDArray[np.float64]
    wave_means: NDArray[np.complex128]
    wave_steps: NDArray[np.complex128]

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update({name: writable(value) for name, value in state.items()})

    def at(self, bins: NDArray[np.int32]) -> tuple[Limit, NDArray[np.float64]]:
        """Return its limit for a row with the given bins, and the kernel's chance of each bin."""
        own = np.arange(len(bins)), slots_of(self.known, bins)
        waves = self.wave_means[own]
        others = np.ones_like(waves)
        others[1:] *= np.cumprod(waves[:-1], axis=0)
        others[:-1] *= np.cumprod(waves[:0:-1], axis=0)[::-1]
        rises = ((others * self.wave_steps[own]) @ self.gains.T).real
        level = (self.gains @ waves.prod(axis=0)).real
        expectation = self.constant + self.means[own].sum(axis=0) + level
        return Limit(self.steps[own] + rises, expectation), self.inside[own]


def fit_control(
    representation: Representation,
    bins: NDArray[np.int32],
    uniforms: NDArray[np.float64],
    responses: NDArray[np.float64],
    width: float,
    every: NDArray[np.float64] | None = None,
) -> Control | None:
    """Fit a control variate; None where there are too few neighbours, or no bins.

    Parameters
    ----------
    representation : Representation
    bins, uniforms : ndarray of shape (n_columns, >= n)
        Of the neighbours, and what they were drawn with.
    responses : ndarray of shape (n_outputs, n)
    width : float
        Of the kernel.
    every : ndarray of shape (n_all_outputs, n), default=None
        The responses of all outputs of the model, explained or not. The few that vary most then
        lead all others: the fit is linear in the responses, so that values of outputs that sum to
        one sum to zero. None lets each output lead itself.
    """
    if not representation.discretizes:
        return None
    weights = stacked_weights(representation.columns, width)
    shares, n = weights.shares, responses.shape[1]
    n_terms = np.count_nonzero(shares) - len(shares) + 1 + 2 * len(_HARMONICS)
    if n < _FEWEST_PER_TERM * n_terms:
        return None
    n_passes = _N_PASSES if n < _MANY_PER_TERM * n_terms else _N_PASSES_OF_MANY
    place = np.empty((len(bins), n))
    places(uniforms, bins, np.cumsum(shares, axis=1) - shares, shares, place)
    if every is None:
        fits = [_fit(bins, place, shares.shape[1], n_passes, own[None]) for own in responses]
    else:
        leaders = every[np.argsort(-every.var(axis=1), kind="stable")[:_MOST_LEADERS]]
        fits = [_fit(bins, place, shares.shape[1], n_passes, leaders, responses)]
    means, steps = contrasts(weights, np.concatenate([f.levels for f in fits], axis=2))
    wave_means, wave_steps = contrasts(weights, np.concatenate([f.waves for f in fits], axis=2))
    return Control(
        left=np.concatenate([f.left for f in fits]),
        inflation=np.concatenate([f.inflation for f in fits]),
        constant=np.concatenate([f.constant for f in fits]),
        gains=np.asarray(block_diag(*(f.gains for f in fits))),
        known=representation.held,
        inside=weights.inside,
        means=means,
        steps=steps,
        wave_means=wave_means,
        wave_steps=wave_steps,
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """Control variates of outputs with the same leaders.

    An output is ``constant + g + Re sum(gains * waves)``, ``g`` its additive model and waves the
    harmonics of the leaders'.
    """

    levels: NDArray[np.float64]  # (n_columns, n_bins, n_outputs)
    waves: NDArray[np.complex128]  # (n_columns, n_bins, n_waves), their means in bins
    gains: NDArray[np.complex128]  # (n_outputs, n_waves)
    constant: NDArray[np.float64]  # (n_outputs,)
    inflation: NDArray[np.float64]
    left: NDArray[np.float64]  # (n_outputs, n)


def _fit(
    bins: NDArray[np.int32],
    place: NDArray[np.float64],
    n_bins: int,
    n_passes: int,
    leaders: NDArray[np.float64],
    others: NDArray[np.float64] | None = None,
) -> _Fit:
    """Fit control variates of the leaders, or of others by what the leaders say."""
    n_leaders, n = leaders.shape
    responses = leaders if others is None else np.vstack([leaders, others])
    outputs = slice(0 if others is None else n_leaders, None)
    centre = responses.mean(axis=1)
    left = responses - centre[:, None]
    levels, trends = np.zeros((2, len(bins), len(responses), n_bins))
    used = fit_additive(bins, place, left, n_leaders, n_passes, levels, trends)
    index = (responses - centre[:, None] - left)[:n_leaders]
    spread = np.ptp(index, axis=1)
    speeds = np.where(spread > 0.0, 2.0 * np.pi / np.where(spread > 0.0, spread, 1.0), 0.0)
    features = np.empty((n_leaders, 1 + 2 * len(_HARMONICS), n))
    shifts = np.empty(features.shape[:2])
    for leader in range(n_leaders):
        harmonics(index[leader], speeds[leader], features[leader], shifts[leader])
    flat = features.reshape(-1, n)
    found = ridge_solutions(flat @ flat.T, left @ flat.T, ridge=_RIDGE)
    left -= found @ flat
    found = found.reshape(len(left), *shifts.shape)
    speeds = speeds[:, None] * _HARMONICS
    spent = used * _steepness(found, features, shifts, speeds, left) + shifts.size
    by_bin = levels.swapaxes(1, 2)
    angles = by_bin[..., :n_leaders, None] * speeds
    turns = trends.swapaxes(1, 2)[..., :n_leaders, None] * speeds
    waves = np.exp(1j * angles) * np.sinc(np.sqrt(3.0) / np.pi * turns)
    cosines, sines = np.split(found[..., 1:], 2, axis=2)
    return _Fit(
        levels=(by_bin + by_bin[..., :n_leaders] @ found[..., 0].T)[..., outputs],
        waves=waves.reshape(*waves.shape[:2], -1),
        gains=(cosines - 1j * sines).reshape(len(left), -1)[outputs],
        constant=(centre - (found * shifts).sum(axis=(1, 2)))[outputs],
        inflation=np.sqrt((n + spent) / np.maximum(n - spent, 1.0))[outputs],
        left=left[outputs],
    )


def _steepness(
    found: NDArray[np.float64],
    features: NDArray[np.float64],
    shifts: NDArray[np.float64],
    speeds: NDArray[np.float64],
    left: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return by how much more than an additive model each output follows its own noise.

    A function of an index follows the noise of the index the more, the steeper it is there.
    """
    cosines, sines = np.split(features[:, 1:] + shifts[:, 1:, None], 2, axis=1)
    rates = speeds[..., None]
    slopes = np.concatenate(
        [np.ones_like(features[:, :1]), -rates * sines, rates * cosines], axis=1
    )
    noisy = (slopes * left[: len(features), None, :]).reshape(-1, left.shape[1])
    followed = (found.reshape(len(left), -1) * (left @ noisy.T)).sum(axis=1)
    power = (left**2).sum(axis=1)
    return np.maximum(1.0, 1.0 + followed / np.maximum(power, _TINY))
