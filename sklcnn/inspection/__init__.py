"""What a network has learnt and what its data look like, as tables and pictures."""

from sklcnn.inspection._augmentation import AugmentationDisplay
from sklcnn.inspection._confusion import ConfusionDisplay
from sklcnn.inspection._embedding import EmbeddingDisplay
from sklcnn.inspection._label_issue_display import LabelIssueDisplay
from sklcnn.inspection._label_issues import LabelIssues, find_label_issues
from sklcnn.inspection._prediction import PredictionDisplay
from sklcnn.inspection._saliency import saliency_maps
from sklcnn.inspection._saliency_display import SaliencyDisplay
from sklcnn.inspection._summary import NetworkSummary, summary
from sklcnn.inspection._training_curve import TrainingCurveDisplay

__all__ = [
    "AugmentationDisplay",
    "ConfusionDisplay",
    "EmbeddingDisplay",
    "LabelIssueDisplay",
    "LabelIssues",
    "NetworkSummary",
    "PredictionDisplay",
    "SaliencyDisplay",
    "TrainingCurveDisplay",
    "find_label_issues",
    "saliency_maps",
    "summary",
]
