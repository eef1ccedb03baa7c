"""Data sets that need no download."""

from .yinyang import YinYangDataset

__all__ = ["YinYangDataset"]
