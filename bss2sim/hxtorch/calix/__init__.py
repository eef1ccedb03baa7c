"""Names of ``calix`` for spiking neurons, on the calibration of this package."""

from . import spiking as spiking
from .spiking import calibrate as calibrate
