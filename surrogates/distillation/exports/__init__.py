"""Trees in the forms that people and other programs read; all predict the same."""

from surrogates.distillation.exports.arrays import as_arrays
from surrogates.distillation.exports.c import as_c
from surrogates.distillation.exports.dot import as_dot
from surrogates.distillation.exports.json import as_json
from surrogates.distillation.exports.python import as_python
from surrogates.distillation.exports.sql import as_sql
from surrogates.distillation.exports.text import as_text

__all__ = ["as_arrays", "as_c", "as_dot", "as_json", "as_python", "as_sql", "as_text"]
