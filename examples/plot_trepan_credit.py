"""
A network on raw loan data, distilled into eight leaves
=======================================================

A small neural network decides about loans from the raw German credit table: text, numbers, twenty
columns. TREPAN asks it about three thousand made-up applicants and writes down a tree of m-of-n
tests that decides the same way. How often it does is measured on applicants that nobody has seen.
"""

# %%
# The network, behind the usual preprocessing.
import matplotlib

matplotlib.use("Agg")

from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, OneHotEncoder

from surrogates import DistilledTreeClassifier, TrepanClassifier
from surrogates.datasets import load_german_credit

X, y = load_german_credit(return_X_y=True)
train, test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
columns = make_column_transformer(
    (
        OneHotEncoder(handle_unknown="ignore", sparse_output=False),
        make_column_selector(dtype_exclude="number"),
    ),
    (MinMaxScaler(), make_column_selector(dtype_include="number")),
)
net = make_pipeline(
    columns, MLPClassifier((32,), activation="logistic", max_iter=1000, random_state=0)
).fit(train, y_train)

# %%
# Eight leaves of m-of-n tests, and as many of single tests.
tree = TrepanClassifier(net, max_leaves=8, random_state=0).fit(train)
plain = DistilledTreeClassifier(net, max_leaves=8, random_state=0).fit(train)
print(tree.export_text(), "\n")
for name, own in (("m-of-n", tree), ("single", plain)):
    print(
        f"{name}: {own.n_leaves_} leaves, {own.n_literals_} literals, {own.n_queries_} queries "
        f"({own.sampler_}), fidelity on unseen rows {own.fidelity(test):.3f}"
    )

# %%
# The honest report: intervals, each class, and the accuracy of both.
print("\n", tree.fidelity_report(test, y_test).round(3).to_string(index=False))

# %%
# What each smaller tree would give, and the rules of the leaves.
print("\n", tree.fidelity_path_.round(3).to_string(index=False))
print("\n", tree.rules_[["prediction", "support", "fidelity"]].round(3).to_string(index=False))

# %%
# One applicant: which literals held, and what would change the decision.
denied = test[tree.predict(test) == "bad"].head(1)
print("\n", tree.explain(denied))

# %%
# The tree, with the path of this applicant.
tree.explain(denied).plot().figure_.savefig("trepan_credit.png", bbox_inches="tight", dpi=80)
print("\nPicture: trepan_credit.png")
