"""What a model, its training and its data look like."""

from sklcnn.inspection._label_issues import LabelIssues, find_label_issues

__all__ = ["LabelIssues", "find_label_issues"]
