"""What prepares networks: weights of other models, calibrations, and the scales between model and chip."""

from . import calib_helper as calib_helper
from .model_mapper import MixinHXModelMapper as MixinHXModelMapper
