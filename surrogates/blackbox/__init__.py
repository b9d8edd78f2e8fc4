"""How a model is asked: tables, predictors, what an absent feature becomes."""
