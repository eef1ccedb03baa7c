"""Encoders, decoders and transforms of weights."""

from . import decode, encode, weight_transforms

__all__ = ["decode", "encode", "weight_transforms"]
