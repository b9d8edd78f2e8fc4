"""
Groups of correlated measurements in a medical table
====================================================

The columns of a table have no natural order, and the fused lasso needs one: LEMNA with
``order="correlation"`` puts correlated columns next to each other, so that the sizes of a tumor,
or its textures, can share a coefficient. The model is a network that tells benign from malignant
tumors; its log-odds are explained.
"""

# %%
import matplotlib

matplotlib.use("Agg")

from typing import Any

import numpy as np
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates import LEMNA
from surrogates.metrics import augmentation_test, deduction_test, synthetic_test

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
train, test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
network = MLPClassifier(hidden_layer_sizes=(32,), alpha=1.0, max_iter=1000, random_state=0)
network = make_pipeline(StandardScaler(), network).fit(train, y_train)
print(f"Accuracy on unseen tumors: {network.score(test, y_test):.3f}")


def log_odds(model: Any, rows: Any) -> np.ndarray:
    """Return the log-odds of a malignant tumor."""
    malignant, benign = model.predict_log_proba(rows).T
    return malignant - benign


# %%
# The chain puts what measures the same next to each other.
lemna = LEMNA(
    network, response_method=log_odds, order="correlation", l1=0.05, fusion=0.5, random_state=0
).fit(train)
print("\nThe chain:")
for start in range(0, 30, 6):
    print("  " + " | ".join(lemna.order_[start : start + 6]))

# %%
# Ten malignant tumors. Absent columns take the mean of the training table. A stronger fusion gives
# fewer numbers to read and a less faithful surrogate: what it costs is in the held-out R2.
malignant = test[network.predict(test) == 0].head(10)
print("\nfusion   held-out R2   components   different coefficients")
for fusion in (0.05, 0.2, 0.5):
    tried = clone(lemna).set_params(fusion=fusion).fit(train).explain(malignant)
    groups = tried.details["component_0_groups"].max(axis=1) + 1
    n_components = tried.details["n_components"].mean()
    print(f"{fusion:6.2f} {tried.fidelity.mean():13.3f} {n_components:12.1f} {groups.mean():24.1f}")

explanation = lemna.explain(malignant)
print("\nFirst tumor:")
print(explanation[0].top(5)[["feature", "value", "attribution"]].to_string(index=False))

# %%
# The tests of the LEMNA paper: do the five columns that it names make the decision? Each is the
# share of altered tumors that the network calls malignant, with these columns and with random ones.
print()
for name, test_of in (
    ("deduction (lower is better)", deduction_test),
    ("augmentation (higher is better)", augmentation_test),
    ("synthetic (higher is better)", synthetic_test),
):
    found = test_of(
        network,
        malignant,
        explanation,
        background=train[::4],
        response_method=log_odds,
        threshold=0.0,
        random_state=0,
    )
    print(f"{name:32s} {found.selected.mean():.2f}, random columns {found.random.mean():.2f}")

# %%
# Coefficients along the chain; fused groups are shaded.
lemna.plot_components(explanation[0]).figure_.savefig("lemna_medical.png", bbox_inches="tight")
print("\nPicture: lemna_medical.png")
