"""
A torch network with embeddings, distilled into eight leaves
============================================================

A network of torch decides about loans from the raw German credit table: every category has an
embedding, every number is standardized. Wrapped by `TorchClassifier`, it is a scikit-learn
predictor of the raw table, and TREPAN writes down a tree over the original columns and levels that
decides the same way. How often it does is measured on applicants that nobody has seen.
"""

# %%
# The network: torch and nothing else.
import matplotlib

matplotlib.use("Agg")

import torch
from sklearn.model_selection import train_test_split
from torch import nn

from surrogates import KernelSHAP, TrepanClassifier
from surrogates.datasets import load_german_credit
from surrogates.torch import ColumnEncoder, TorchClassifier


class LoanNetwork(nn.Module):
    """An embedding for each category, and two layers."""

    def __init__(self, n_numbers: int, n_codes: tuple[int, ...], size: int = 4) -> None:
        super().__init__()
        self.embeddings = nn.ModuleList(nn.Embedding(levels, size) for levels in n_codes)
        width = n_numbers + size * len(n_codes)
        self.layers = nn.Sequential(
            nn.Linear(width, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 2)
        )

    def forward(self, numbers: torch.Tensor, codes: torch.Tensor) -> torch.Tensor:
        """Return a logit for each class."""
        looked_up = [embed(codes[:, at]) for at, embed in enumerate(self.embeddings)]
        return self.layers(torch.cat([numbers, *looked_up], dim=1))


# %%
# Training is a loop like any other. The encoder turns the frame into numbers and codes.
X, y = load_german_credit(return_X_y=True)
train, test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
encoder = ColumnEncoder().fit(train)
numbers, codes = (torch.from_numpy(block) for block in encoder.transform(train))
labels = torch.from_numpy((y_train == "good").to_numpy().astype("int64"))

torch.manual_seed(0)
network = LoanNetwork(numbers.shape[1], encoder.n_codes_)
optimizer = torch.optim.AdamW(network.parameters(), lr=5e-3, weight_decay=0.1)
for _ in range(40):
    optimizer.zero_grad()
    nn.functional.cross_entropy(network(numbers, codes), labels).backward()
    optimizer.step()

# %%
# From here on it is a predictor of raw rows, whatever explains it.
model = TorchClassifier(network, classes=["bad", "good"], encoder=encoder)
print(f"accuracy on unseen rows {model.score(test, y_test):.3f}")
print(model)

# %%
# Eight leaves of m-of-n tests over the original columns and levels.
tree = TrepanClassifier(model, max_leaves=8, random_state=0).fit(train)
print(tree.export_text(), "\n")
print(
    f"{tree.n_leaves_} leaves, {tree.n_literals_} literals, {tree.n_queries_} queries, fidelity on "
    f"unseen rows {tree.fidelity(test):.3f}, accuracy {tree.score(test, y_test):.3f}"
)
print("\n", tree.fidelity_report(test, y_test).round(3).to_string(index=False))

# %%
# One applicant: the path through the tree, and the Shapley values of the network itself. Rows are
# masked before they are encoded, so that a category is there or not as a whole.
denied = test[(model.predict(test) == "bad") & (tree.predict(test) == "bad")].head(1)
print("\n", tree.explain(denied))
shapley = KernelSHAP(model, target="bad", n_background=50, random_state=0).fit(train)
print("\n", shapley.explain(denied).top(5)[["feature", "value", "attribution", "std_error"]])

# %%
# The tree, with the path of this applicant.
tree.explain(denied).plot().figure_.savefig("torch_trepan.png", bbox_inches="tight", dpi=80)
print("\nPicture: torch_trepan.png")
