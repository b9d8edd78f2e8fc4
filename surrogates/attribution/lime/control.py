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

from surrogates._kernels.additive import fit_additive, harmonics, places
from surrogates._solvers import ridge_solutions
from surrogates.attribution.lime.limits import Limit, contrasts, stacked_weights
from surrogates.attribution.lime.representation import Representation
from surrogates.blackbox.tree_ensemble import writable

__all__ = ["Control", "fit_control"]

_FEWEST_PER_TERM = 4
_N_PASSES, _N_PASSES_OF_MANY, _MANY_PER_TERM = 3, 2, 40
_HARMONICS = np.arange(1.0, 4.0)
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
    gains : ndarray of shape (n_outputs, n_harmonics)
        Of the harmonics, complex.
    known : ndarray of bool of shape (n_columns, n_slots)
        The bins that rows can be in; the slot after the last bin stands for rows in none.
    inside : ndarray of shape (n_columns, n_slots)
        The kernel's probability of the bin of the row.
    means, steps : ndarray of shape (n_columns, n_slots, n_outputs)
        Of the additive model: the kernel's mean, and the contrast of the bin with all others.
    wave_means, wave_steps : ndarray of shape (n_columns, n_slots, n_outputs, n_harmonics)
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
        columns, last = np.arange(len(bins)), self.known.shape[1] - 1
        slots = np.where((bins < 0) | (bins > last), last, bins)
        own = (columns, np.where(self.known[columns, slots], slots, -1))
        waves = self.wave_means[own]
        others = np.ones_like(waves)
        others[1:] *= np.cumprod(waves[:-1], axis=0)
        others[:-1] *= np.cumprod(waves[:0:-1], axis=0)[::-1]
        rises = (others * self.wave_steps[own] * self.gains).real.sum(axis=2)
        level = (waves.prod(axis=0) * self.gains).real.sum(axis=1)
        expectation = self.constant + self.means[own].sum(axis=0) + level
        return Limit(self.steps[own] + rises, expectation), self.inside[own]


def fit_control(
    representation: Representation,
    bins: NDArray[np.int32],
    uniforms: NDArray[np.float64],
    responses: NDArray[np.float64],
    width: float,
    *,
    adaptive: bool,
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
    adaptive : bool
        Without, it is linear in the responses: values of outputs that sum to one sum to zero.
    """
    if not representation.discretizes:
        return None
    weights = stacked_weights(representation.columns, width)
    shares, n = weights.shares, responses.shape[1]
    n_terms = np.count_nonzero(shares) - len(shares)
    if n < _FEWEST_PER_TERM * n_terms:
        return None
    n_passes = _N_PASSES if n < _MANY_PER_TERM * n_terms else _N_PASSES_OF_MANY
    place = np.empty((len(bins), n))
    places(uniforms, bins, np.cumsum(shares, axis=1) - shares, shares, place)
    fits = [_fit(bins, place, own, shares.shape, n_passes, adaptive) for own in responses]
    levels, trends = (
        np.stack(part, axis=2) for part in ([f.levels for f in fits], [f.trends for f in fits])
    )
    gains, speeds = np.stack([f.gains for f in fits]), np.stack([f.speeds for f in fits])
    means, steps = contrasts(weights, levels * [f.slope for f in fits])
    within = np.sinc(np.sqrt(3.0) / np.pi * trends[..., None] * speeds)
    wave_means, wave_steps = contrasts(weights, np.exp(1j * levels[..., None] * speeds) * within)
    return Control(
        left=np.stack([f.left for f in fits]),
        inflation=np.array([f.inflation for f in fits]),
        constant=np.array([f.constant for f in fits]),
        gains=gains,
        known=np.pad(shares > 0.0, ((0, 0), (0, 1))),
        inside=weights.inside,
        means=means,
        steps=steps,
        wave_means=wave_means,
        wave_steps=wave_steps,
    )


@dataclass(frozen=True, eq=False)
class _Fit:
    """The control variate of one output, ``constant + slope g + Re sum(gains exp(i speeds g))``."""

    levels: NDArray[np.float64]  # (n_columns, n_bins)
    trends: NDArray[np.float64]
    left: NDArray[np.float64]
    inflation: float
    constant: float
    slope: float
    gains: NDArray[np.complex128]
    speeds: NDArray[np.float64]


def _fit(
    bins: NDArray[np.int32],
    place: NDArray[np.float64],
    responses: NDArray[np.float64],
    shape: tuple[int, ...],
    n_passes: int,
    adaptive: bool,
) -> _Fit:
    mean, n = responses.mean(), len(responses)
    levels, trends, left = np.zeros(shape), np.zeros(shape), responses - mean
    used = fit_additive(bins, place, left, n_passes, adaptive, levels, trends)
    index = responses - mean - left
    spread = float(np.ptp(index))
    constant, slope, gains = float(mean), 1.0, np.zeros(len(_HARMONICS), dtype=np.complex128)
    speeds = _HARMONICS * (2.0 * np.pi / spread if adaptive and spread > 0.0 else 0.0)
    if adaptive and spread > 0.0:
        features, centre = np.empty((1 + 2 * len(gains), n)), np.empty(1 + 2 * len(gains))
        harmonics(index, float(speeds[0]), features, centre)
        found = ridge_solutions(features @ features.T, (features @ left)[None], ridge=_RIDGE)[0]
        left -= found @ features
        constant -= float(found @ centre)
        slope += float(found[0])
        cosines, sines = found[1:].reshape(2, -1)
        gains = cosines - 1j * sines
        # a steep function of the index follows the noise of the index the more
        slopes = np.concatenate([speeds * sines, -speeds * cosines])
        steepness = slope + slopes @ features[1:] + slopes @ centre[1:]
        used *= max(1.0, float(steepness @ left**2) / max(float(left @ left), _TINY))
        used += len(found)
    inflation = float(np.sqrt((n + used) / max(n - used, 1.0)))
    return _Fit(levels, trends, left, inflation, constant, slope, gains, speeds)
