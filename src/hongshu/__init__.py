"""User Published Notes V4 for Xiaohongshu (小红书, RedNote), self-hosted."""

__version__ = "0.1.0"
