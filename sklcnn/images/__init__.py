"""Images: where they come from and what may happen to them."""

__all__ = []
