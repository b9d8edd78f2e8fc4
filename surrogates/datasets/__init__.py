"""Bundled real tables, and generators whose exact attributions are known."""

from surrogates.datasets.additive import make_additive
from surrogates.datasets.closed_form import Product, SumOfProducts
from surrogates.datasets.german_credit import load_german_credit
from surrogates.datasets.interactions import make_interactions
from surrogates.datasets.loan_applications import make_loan_applications

__all__ = [
    "Product",
    "SumOfProducts",
    "load_german_credit",
    "make_additive",
    "make_interactions",
    "make_loan_applications",
]
