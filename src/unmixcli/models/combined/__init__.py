"""Models that combine other models: ensembles and chains.

An *ensemble* runs several models on the same mixture and combines their
estimates. A *chain* runs a model on the output of another. Both are models like
any other, with a card in the catalogue, targets, options and a recipe.
docs/combining.md describes their tables.

Turning a table into a card: `tables`, `ensemble_card`, `chain_card`, and
`composing` for names such as ``a+b``. Turning a card into a model: `part` and
`views`, then `ensembles` with `methods`, and `chains` with `spool`.
"""

from .plugins import chain, ensemble

__all__ = ["chain", "ensemble"]
