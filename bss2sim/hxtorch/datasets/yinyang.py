"""The Yin-Yang data set: points of a disc in three classes."""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from bss2sim.arrays import as_whole
from bss2sim.errors import ParameterError

_YIN, _YANG, _DOT = 0, 1, 2


class YinYangDataset(Dataset[Any]):
    """Points of the Yin-Yang symbol, its two halves and its dots being the classes.

    A sample is ``(x, y, 1 - x, 1 - y)``, float64, and its class 0 ("yin"), 1 ("yang") or 2 ("dot"). Source of the data set:
    L. Kriener, J. Göltz, M. A. Petrovici, *The Yin-Yang dataset*, 2021, arXiv:2102.08211.

    Parameters
    ----------
    r_small : float
        Radius of the dots.
    r_big : float
        Radius of the disc, more than twice `r_small`.
    size : int
        Number of samples.
    seed : int
        Same seed, same samples.
    transform : callable, optional
        Applied to each sample when it is read.

    Raises
    ------
    ParameterError
        If the radii do not fit, or the size is not a whole number of at least 1.

    Examples
    --------
    >>> import bss2sim.hxtorch as hxsnn
    >>> data = hxsnn.datasets.YinYangDataset(size=100, seed=42)
    >>> sample, label = data[0]
    >>> sample.shape, data.class_names[label]
    (torch.Size([4]), 'dot')
    """

    class_names = ("yin", "yang", "dot")

    def __init__(
        self, r_small: float = 0.1, r_big: float = 0.5, size: int = 1000, seed: int = 42, transform: Any = None
    ) -> None:
        super().__init__()
        if not 0 < 2 * r_small < r_big:
            raise ParameterError(
                f"r_small must be above 0 and less than half of r_big, so that dots fit; got {r_small} and {r_big}"
            )
        self.r_small, self.r_big, self.transform = r_small, r_big, transform
        self.rng = np.random.RandomState(seed)
        samples, classes = [], []
        for _ in range(as_whole("size", size)):
            x, y, label = self.get_sample(goal=self.rng.randint(3))
            samples.append((x, y, 1 - x, 1 - y))
            classes.append(label)
        self._samples = torch.tensor(samples, dtype=torch.float64)
        self._classes = classes

    def get_sample(self, goal: int | None = None) -> tuple[float, float, int]:
        """Draw points of the square until one is in the disc, and in class `goal` unless that is None.

        Returns
        -------
        tuple
            x, y and the class.
        """
        while True:
            x, y = (2 * self.r_big * self.rng.rand(2)).tolist()
            if math.hypot(x - self.r_big, y - self.r_big) > self.r_big:
                continue
            label = self.which_class(x, y)
            if goal is None or label == goal:
                return x, y, label

    def which_class(self, x: float, y: float) -> int:
        """Return the class of a point of the disc: 0, 1 or 2."""
        right, left = self.dist_to_right_dot(x, y), self.dist_to_left_dot(x, y)
        if right < self.r_small or left < self.r_small:
            return _DOT
        lobe = (
            left <= self.r_big / 2
        )  # the left lobe reaches into the lower half, the right one is left out of the upper half
        upper = y > self.r_big and right > self.r_big / 2
        rim = right == self.r_small or (lobe and left != self.r_small)  # on the rim of a dot its surroundings decide
        return _YANG if rim or upper else _YIN

    def dist_to_right_dot(self, x: float, y: float) -> float:
        """Return the distance of a point to the centre of the right dot."""
        return math.hypot(x - 1.5 * self.r_big, y - self.r_big)

    def dist_to_left_dot(self, x: float, y: float) -> float:
        """Return the distance of a point to the centre of the left dot."""
        return math.hypot(x - 0.5 * self.r_big, y - self.r_big)

    def __len__(self) -> int:
        return len(self._classes)

    def __getitem__(self, index: Any) -> tuple[Any, int]:
        index = operator.index(index)
        sample = self._samples[index].clone()
        return (sample if self.transform is None else self.transform(sample)), self._classes[index]
