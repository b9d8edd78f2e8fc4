"""
What a network of scikit-learn says about a loan, from the inside
=================================================================

A multi-layer perceptron decides on German credit applications, behind a Pipeline that imputes,
scales and encodes raw columns. Its derivatives are open: integrated gradients tell how each raw
column carries the response from the average applicant to this one, without a single masked row.
"""

# %%
# The model takes the raw table: text, categories and numbers.
import warnings

import matplotlib

matplotlib.use("Agg")

import numpy as np
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from surrogates import LRP, DeepLIFT, GradientTimesInput, IntegratedGradients
from surrogates.datasets import load_german_credit

warnings.filterwarnings("ignore", "Stochastic Optimizer")
X, y = load_german_credit(return_X_y=True)
train, test, y_train, y_test = train_test_split(X, y, random_state=0, stratify=y)
columns = make_column_transformer(
    (StandardScaler(), make_column_selector(dtype_include="number")),
    (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
)
network = MLPClassifier((64, 32), alpha=3.0, max_iter=80, random_state=0)
model = make_pipeline(columns, network).fit(train, y_train)
print(f"Accuracy on new applicants: {model.score(test, y_test):.2f}")

# %%
# Sixty-one inputs of the network, twenty columns of the table: attributions belong to columns. The
# way from the baseline to the row crosses some dozens of kinks; on each piece in between the
# network is linear, so that the integral is exact.
explainer = IntegratedGradients(model, target="bad").fit(train)
explanation = explainer.explain(test.head(200))
print(f"Inputs of the network: {len(explainer.differentiable_.owners)}")
print(f"Pieces per row: {explanation.details['n_gradients'].mean():.0f}")
print(f"Largest gap to the prediction: {np.abs(explanation.additivity_gap).max():.1e}\n")

# %%
# One applicant, by name and value.
print(explanation[0].top(5)[["feature", "value", "attribution"]].to_string(index=False), "\n")

# %%
# Other questions to the same inside. Relevance propagation explains the logit and says how much of
# it no column gets: the biases have a share of their own.
relevance = LRP(model, rule="composite", target="bad").fit(train).explain(test.head(200))
print(f"Logit of the first applicant:   {relevance.predictions[0, 0]:+.3f}")
print(f"  twenty columns together:      {relevance.values[0].sum():+.3f}")
print(f"  biases of all layers:         {relevance.details['bias_share'][0, 0]:+.3f}\n")

# %%
# How far do the methods agree? Correlations with the exact integrals, over 200 applicants.
reference = explanation.values[..., 0]
others = {
    "DeepLIFT": DeepLIFT(model, target="bad"),
    "GradientTimesInput": GradientTimesInput(model, target="bad"),
}
for name, other in others.items():
    values = other.fit(train).explain(test.head(200)).values[..., 0]
    print(f"{name:20s} {np.corrcoef(values.ravel(), reference.ravel())[0, 1]:.2f}")

# %%
# The whole table in one picture.
display = explanation.plot()
display.figure_.savefig("gradients_mlp.png", dpi=120, bbox_inches="tight")
