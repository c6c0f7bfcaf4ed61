"""Score estimated stems against the true ones."""

from .result import EvaluationResult, Scores, TargetScores, TrackScores
from .run import evaluate

__all__ = ["EvaluationResult", "Scores", "TargetScores", "TrackScores", "evaluate"]
