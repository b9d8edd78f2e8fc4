"""
Where made-up rows do harm: a network on images of digits
=========================================================

TREPAN asks the model about drawn rows. In a table that is a great help. In images it can do harm:
pixels drawn one by one are no digits, and what the network says of them is beside the point.
``sampler="auto"`` tries every way to draw rows, and none, on rows held out.
"""

# %%
# The network.
import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler

from surrogates import TrepanClassifier

X, y = load_digits(return_X_y=True)
train, test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
net = make_pipeline(MinMaxScaler(), MLPClassifier((32,), max_iter=1000, random_state=0))
net.fit(train, y_train)

# %%
# Trees of 16 leaves by sampler.
found = {}
for sampler in ("marginal", "none", "auto"):
    tree = TrepanClassifier(
        net, max_leaves=16, splits="single", sampler=sampler, random_state=0
    ).fit(train)
    found[sampler] = tree.fidelity(test)
    print(f"sampler={sampler!r}: fidelity on unseen rows {found[sampler]:.3f}")

# %%
# What "auto" saw: the fidelity of small trees on rows held out. These are small trees on few rows;
# what counts is their order.
for name, fidelity in sorted(tree.sampler_fidelity_.items(), key=lambda item: -item[1]):
    print(f"  {name:9s} {fidelity:.3f}")
print(f"chosen: {tree.sampler_}")

figure, ax = plt.subplots(figsize=(5, 3), layout="constrained")
ax.bar(list(found), list(found.values()), color="#0072B2")
ax.set_ylabel("fidelity on unseen digits")
figure.savefig("trepan_digits.png", dpi=80)
print("Picture: trepan_digits.png")
