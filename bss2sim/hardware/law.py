"""What every transfer law can do: make a quantity of a code, and find the code of a quantity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from bss2sim.errors import UnknownKeywordError, suggestion
from bss2sim.hardware.registers import REGISTERS

Parameters = Mapping[str, Any]


class Law:
    """A monotone law between a code and a quantity.

    Attributes
    ----------
    quantity : str
        Name of the quantity; also of the law.
    code : str
        Register that sets it.
    parameters : tuple of str
        Names of the parameters that the law reads.
    context : tuple of str
        Names of the other registers and quantities that it depends on.
    increasing : bool
        Whether the quantity rises with the code.
    lower, upper : int
        Range of the register.

    Examples
    --------
    >>> from bss2sim.hardware.transfer import LAWS
    >>> law, parameters = LAWS["threshold"], {"threshold_offset": 0.0, "threshold_slope": 0.325}
    >>> float(law.evaluate(400, parameters)), float(law.invert(130.0, parameters))
    (130.0, 400.0)
    """

    quantity: ClassVar[str]
    code: ClassVar[str]
    parameters: ClassVar[tuple[str, ...]]
    context: ClassVar[tuple[str, ...]] = ()
    increasing: ClassVar[bool] = True

    @property
    def lower(self) -> int:
        """Smallest code."""
        return REGISTERS[self.code].lower

    @property
    def upper(self) -> int:
        """Largest code."""
        return REGISTERS[self.code].upper

    def evaluate(self, code: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the quantity that a code makes.

        Parameters
        ----------
        code : array of numbers
            Codes; they need not be whole.
        parameters : mapping of str to array
            Parameters of the law by name, broadcastable.
        **context : array
            What else the law depends on, broadcastable.

        Returns
        -------
        array
            Quantity, in the unit of the law.

        Raises
        ------
        UnknownKeywordError
            If the law does not depend on such a context.
        """
        self._check(context)
        return np.asarray(self._evaluate(np.asarray(code, np.float64), parameters, **context))

    def invert(self, quantity: Any, parameters: Parameters, **context: Any) -> np.ndarray:
        """Return the code that makes a quantity.

        Parameters
        ----------
        quantity : array of numbers
            Quantity, in the unit of the law.
        parameters, **context
            As of :meth:`evaluate`.

        Returns
        -------
        array
            Code: not rounded, maybe outside of the range, infinite where none is high enough, never NaN.

        Raises
        ------
        UnknownKeywordError
            If the law does not depend on such a context.
        """
        self._check(context)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            return np.asarray(self._invert(np.asarray(quantity, np.float64), parameters, **context))

    def _check(self, context: Mapping[str, Any]) -> None:
        """Refuse a context that the law does not depend on."""
        for name in context:
            if name not in self.context:
                hint = suggestion(name, self.context) if self.context else "; it depends on the code alone"
                raise UnknownKeywordError(f"the law of {self.quantity} has no argument {name!r}{hint}")

    def _evaluate(self, code: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Quantity of a code."""
        raise NotImplementedError

    def _invert(self, quantity: np.ndarray, parameters: Parameters, **context: Any) -> np.ndarray:
        """Code of a quantity; warnings of division are off."""
        raise NotImplementedError

    def __repr__(self) -> str:
        return f"<law of {self.quantity}: {self.code} {self.lower} to {self.upper}>"
