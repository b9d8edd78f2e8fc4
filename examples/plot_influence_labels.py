"""
Wrong labels found again
========================

A tenth of the labels of the breast-cancer data are flipped. Three measures look for them: the loss
of a row, its influence on itself, and its Shapley value in the vote of nearest neighbors.
"""

# %%
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from surrogates import InfluenceFunctions

X, y = load_breast_cancer(return_X_y=True, as_frame=True)
flipped = np.random.default_rng(0).permutation(len(y))[: len(y) // 10]
noisy = y.to_numpy().copy()
noisy[flipped] = 1 - noisy[flipped]
model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, noisy)

# %%
# The most suspect rows, with all measures side by side.
explainer = InfluenceFunctions(model).fit(X, noisy)
suspects = explainer.label_suspects(10)
print(suspects.round(3).assign(flipped=np.isin(suspects.index, flipped)))

# %%
# How many of the flipped labels are among the first k suspects? Plain loss is hard to beat at
# first; nearest neighbors, which do not learn the wrong labels, are the most robust later.
counts = np.arange(1, 2 * len(flipped) + 1)
ax = plt.subplots(figsize=(7, 4.5), layout="constrained")[1]
for order in ("loss", "self_influence", "knn_shapley", "rank"):
    found = np.isin(explainer.label_suspects(counts[-1], order).index, flipped).cumsum()
    ax.plot(counts, found / len(flipped), label=order)
    top = found[len(flipped) - 1] / len(flipped), found[-1] / len(flipped)
    print(f"{order:15s} found {top[0]:.2f} in the first 10 %, {top[1]:.2f} in the first 20 %")
ax.axvline(len(flipped), color="lightgray")
ax.set_xlabel("labels looked at")
ax.set_ylabel("share of the flipped labels found")
ax.legend(frameon=False)
ax.figure.savefig("influence_labels.png")

# %%
# What correcting them is worth: the loss on the true labels when the first suspects are removed.
first = suspects.index[:10].to_numpy()
change = explainer.remove([first], X, y).values.mean()
print(f"mean log loss on the true labels without the first 10 suspects: {change:+.4f}")
