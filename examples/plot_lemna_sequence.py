"""
Two windows of a sequence, of which the louder one counts
=========================================================

A network reads sequences of 40 dependent steps and learns a level that is the larger one of two
window means. Around a sequence in which both windows are loud, this response bends: whichever
window is taken away, the other one takes over. One linear surrogate can only spread the effect over
both windows. LEMNA fits a mixture, and tells which of its components speaks for the sequence.

How well each surrogate predicts the network is measured on neighbours that it has not seen, and
without looking at the network's answers to choose a component.
"""

# %%
# The data: moving averages of noise. The level is the larger mean of steps 6-11 and steps 26-33.
import matplotlib

matplotlib.use("Agg")

import numpy as np
from sklearn.metrics import r2_score
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates import LEMNA, LIME

rng = np.random.default_rng(0)
N_STEPS = 40


def draw(n_sequences: int) -> tuple[np.ndarray, np.ndarray]:
    noise = rng.normal(size=(n_sequences, N_STEPS + 4))
    steps = sum(noise[:, lag : lag + N_STEPS] for lag in range(5)) / np.sqrt(5)
    windows = np.column_stack([steps[:, 6:12].mean(axis=1), steps[:, 26:34].mean(axis=1)])
    return steps, windows


train, windows = draw(8000)
network = MLPRegressor(hidden_layer_sizes=(64, 32), alpha=1e-3, early_stopping=True, random_state=0)
network = make_pipeline(StandardScaler(), network).fit(train, windows.max(axis=1))
test, windows = draw(1000)
print(f"R2 of the network on new sequences: {network.score(test, windows.max(axis=1)):.3f}")

# %%
# Explained are the ten sequences whose quieter window is loudest.
loud = test[np.argsort(-windows.min(axis=1))[:10]]
common = {"baseline": "zero", "l1": 0.05, "fusion": 0.05, "random_state": 0}
lemna = LEMNA(network, **common).fit(train)
mixture = lemna.explain(loud)
single = LEMNA(network, n_components=1, **common).fit(train).explain(loud)

# %%
# LIME with the same neighbours (a single reference row of zeros, as many samples): one weighted
# linear model per sequence, whose R2 is measured on fresh masks of all sizes, as LEMNA's is.
lime = LIME(network, sampling="background", n_samples=500, random_state=0)
linear = lime.fit(np.zeros((1, N_STEPS))).explain(loud)
masks = (rng.random((250, N_STEPS)) < rng.random((250, 1))).astype(float)


def score(sequence: np.ndarray, intercept: float, coefficients: np.ndarray) -> float:
    return r2_score(network.predict(masks * sequence), intercept + masks @ coefficients)


fitted = zip(loud, linear.base_values[:, 0], linear.values[:, :, 0], strict=True)
lime_scores = np.array([score(*one) for one in fitted])

print("\nHeld-out R2 and relative error, mean over ten sequences:")
for name, fidelity in (
    ("LEMNA", mixture.fidelity.ravel()),
    ("LEMNA, one component", single.fidelity.ravel()),
    ("LIME", lime_scores),
):
    print(f"{name:22s} {fidelity.mean():.3f}   {np.sqrt(1 - fidelity).mean():.3f}")

# %%
# The component of a sequence names the louder window only; the other component names the other one.
first = mixture[0]
early, late = loud[0, 6:12].mean(), loud[0, 26:34].mean()
print(f"\nFirst sequence: window means {early:.2f} and {late:.2f}")
for name, explanation in (("LEMNA", first), ("one component", single[0])):
    values = explanation.values[0, :, 0]
    print(
        f"{name:14s} early window {values[6:12].sum():+.2f}, "
        f"late window {values[26:34].sum():+.2f}, "
        f"all other steps {np.delete(values, [*range(6, 12), *range(26, 34)]).sum():+.2f}"
    )
lemna.plot_components(first).figure_.savefig("lemna_sequence.png", bbox_inches="tight")
print("\nPicture: lemna_sequence.png")
