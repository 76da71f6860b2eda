"""The network: its layers, how it is fed and how it is trained."""

__all__ = []
