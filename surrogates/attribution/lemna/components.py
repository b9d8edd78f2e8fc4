"""The mixture fitted to the neighbours of a row: its components, and how well it predicts."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from surrogates.attribution.fused_mixture import FusedLassoMixture
from surrogates.attribution.lemna.design import MaskDesign
from surrogates.attribution.lemna.gate import fit_gate

__all__ = ["Components", "Regression"]

Floats = NDArray[np.float64]

_ROUNDING = 1e-12
_TOL = 1e-6  # a mixture that gains less is not told from its limit by so few neighbours


@dataclass(frozen=True, eq=False)
class Components:
    """Components of one row and output, the one most responsible for the row first.

    Parameters
    ----------
    coefficients : ndarray of shape (n_components, n_players)
    intercepts, weights, variances, responsibilities : ndarray of shape (n_components,)
        The responsibilities are those for the row itself.
    groups : ndarray of shape (n_components, n_players)
        Number, from 0 along the chain, of the group of fused players that each belongs to.
    fidelity : float
    converged : bool
    """

    coefficients: Floats
    intercepts: Floats
    weights: Floats
    variances: Floats
    responsibilities: Floats
    groups: NDArray[np.int64]
    fidelity: float
    converged: bool


@dataclass(frozen=True, eq=False)
class Regression:
    """How responses are regressed on masks.

    Parameters
    ----------
    design : MaskDesign
    chain : ndarray of shape (n_players,)
        Players in the order in which neighbours are fused.
    n_components : int or "bic"
    l1, fusion : float
    seed : int
    """

    design: MaskDesign
    chain: NDArray[np.int64]
    n_components: int | str
    l1: float
    fusion: float
    seed: int

    def fit(self, responses: Floats) -> Components:
        """Fit the mixture to the responses to all masks, of shape (n_masks,).

        Responses are scaled first: when the iterations end would depend on their unit.
        """
        mean, spread = _location_and_scale(responses[: self.design.n_fitted])
        scaled = (responses - mean) / spread
        masks = np.ascontiguousarray(self.design.fitted[:, self.chain])
        mixture = FusedLassoMixture(
            self.n_components,
            l1=self.l1,
            fusion=self.fusion,
            tol=_TOL,
            random_state=self.seed,
        ).fit(masks, scaled[: self.design.n_fitted])
        responsibilities = mixture.responsibilities(masks, scaled[: self.design.n_fitted])
        order = np.argsort(-responsibilities[0], kind="stable")
        place = np.argsort(self.chain)
        return Components(
            coefficients=spread * mixture.coefs_[order][:, place],
            intercepts=mean + spread * mixture.intercepts_[order],
            weights=mixture.weights_[order],
            variances=spread**2 * mixture.variances_[order],
            responsibilities=responsibilities[0, order],
            groups=mixture.groups_[order][:, place].astype(np.int64),
            fidelity=self._fidelity(mixture, masks, responsibilities, scaled),
            converged=_has_converged(mixture),
        )

    def _fidelity(
        self, mixture: FusedLassoMixture, masks: Floats, responsibilities: Floats, scaled: Floats
    ) -> float:
        """Return R2 on the masks held out, where the components are told from the masks alone."""
        gate = fit_gate(masks, responsibilities, mixture.weights_)
        held_out = self.design.held_out[:, self.chain]
        by_component = held_out @ mixture.coefs_.T + mixture.intercepts_
        truth = scaled[-self.design.n_held_out :]
        error = ((truth - (gate(held_out) * by_component).sum(axis=1)) ** 2).sum()
        spread = (truth**2).sum()
        if spread == 0.0:
            return 1.0 if error == 0.0 else float("nan")
        return float(1.0 - error / spread)


def _location_and_scale(responses: Floats) -> tuple[float, float]:
    """Return mean and standard deviation; 1 where responses are constant but for rounding."""
    mean, spread = float(responses.mean()), float(responses.std())
    if spread <= _ROUNDING * np.abs(responses).max():
        return float(responses[0]), 1.0
    return mean, spread


def _has_converged(mixture: FusedLassoMixture) -> bool:
    path = mixture.log_likelihood_path_
    return len(path) > 1 and bool(path[-1] - path[-2] <= mixture.tol * abs(path[-1]))
