"""The methods that write a distilled tree in other languages."""

from abc import abstractmethod
from typing import Any

from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted

from surrogates.distillation import exports
from surrogates.distillation.rule_tree import RuleTree
from surrogates.distillation.wording import Wording

__all__ = ["Exportable"]


class Exportable:
    """Mixin of estimators that hold a tree in ``tree_``."""

    tree_: RuleTree

    @abstractmethod
    def _wording(self) -> Wording:
        """Return the names that the tree is written with."""

    def export_text(self) -> str:
        """Return the tree as indented text.

        Returns
        -------
        text : str
            Thresholds are written with all digits that they need.
        """
        check_is_fitted(self)
        return exports.as_text(self.tree_, self._wording())

    def export_json(self) -> str:
        """Return the tree as JSON, with the levels of all columns.

        Returns
        -------
        text : str
        """
        check_is_fitted(self)
        return exports.as_json(self.tree_, self._wording())

    def export_python(self, name: str = "predict") -> str:
        """Return a Python function of a row, which needs no import.

        Parameters
        ----------
        name : str, default="predict"
            Of the function. It takes a mapping of names of columns to values; None and NaN are
            missing values.

        Returns
        -------
        code : str
        """
        check_is_fitted(self)
        return exports.as_python(self.tree_, self._wording(), name)

    def export_sql(self) -> str:
        """Return the tree as one SQL expression, to stand in a SELECT.

        Returns
        -------
        expression : str
            A CASE expression over quoted names of columns; NULL is a missing value.
        """
        check_is_fitted(self)
        return exports.as_sql(self.tree_, self._wording())

    def export_c(self, name: str = "predict") -> str:
        """Return C code (C99) without dependencies.

        Parameters
        ----------
        name : str, default="predict"
            Of the function that takes an array of doubles: numbers, and codes of levels as
            ``<name>_level(column, text)`` returns them; NAN is missing. It returns the position of
            the class, whose text is ``<name>_classes[position]``, or the number predicted.

        Returns
        -------
        code : str
        """
        check_is_fitted(self)
        return exports.as_c(self.tree_, self._wording(), name)

    def export_dot(self) -> str:
        """Return the tree in the language of Graphviz.

        Returns
        -------
        text : str
        """
        check_is_fitted(self)
        return exports.as_dot(self.tree_, self._wording())

    def export_arrays(self) -> dict[str, NDArray[Any]]:
        """Return an equal tree of single literals, as the arrays of scikit-learn's trees.

        Returns
        -------
        arrays : dict of str to ndarray
            children_left, children_right (-1 at leaves), feature (-2 at leaves), threshold,
            missing_go_to_left, value, and ``levels``: where a column of levels is tested, the
            codes that go to the left (else an empty array). A m-of-n test takes up to
            ``comb(n + 1, m) - 1`` nodes, and what follows is repeated below each of its ends:
            ``len(arrays["feature"])`` tells the size.
        """
        check_is_fitted(self)
        return exports.as_arrays(self.tree_)
