"""Models that are made of others: ensembles and chains.

An *ensemble* shows several models the same mixture and combines what they
make of it; a *chain* lets a model work on what another left. Both are models
like any other: a card in the catalogue, targets, options, a recipe. docs/combining.md
describes their tables.

From a table to a card: `tables`, `ensemble_card`, `chain_card`, and `composing`
for names such as ``a+b``. From a card to a model: `part`, `views`, then
`ensemble` with `methods`, and `chain` with `spool`.
"""

from .plugins import chain, ensemble

__all__ = ["chain", "ensemble"]
