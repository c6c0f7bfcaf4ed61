"""How good estimated stems are, where the true ones are known."""

from .result import EvaluationResult, Scores, TargetScores, TrackScores
from .run import evaluate

__all__ = ["EvaluationResult", "Scores", "TargetScores", "TrackScores", "evaluate"]
