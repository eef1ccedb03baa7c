"""Rows of neurons that an exact membrane moves over one interval, in closed form: what events and the loops on a GPU share.

While a neuron is clamped its gains are zero, and while it cannot fire its screen is infinite: the step needs no branch.
"""

from __future__ import annotations

import math

from .codes import BLOCK, CLAMPED, FREE
from .jit import part
from .membrane import exact_asymptote, exact_bound, exact_leaky_membrane, exact_membrane, upwards
from .vector import use_wide_registers

# Rows that started alike in their pages would share the sets of the first-level cache: eight lines, fewer than there are rows.
ROW = BLOCK + 40
N_STATE_ROW = 3
MEMBRANE, CURRENT, INHIBITORY = (ROW * k for k in range(N_STATE_ROW))
ASYMPTOTE = INHIBITORY  # of neurons without leak and with one current, see ``exact.advance_single``
N_COEFFICIENT_ROW = 10
GAIN, KEPT, GAIN_INH, KEPT_INH, LOSS, LEAK, SCREEN, CHORD, GATE, SCALE = (ROW * k for k in range(N_COEFFICIENT_ROW))


@part
def step_row(before, after, coefficients, jump, jump_inh, coupled, pair, leak, fires, slack, flag, n):
    """Move a row of neurons over one interval; flag those that may fire in it.

    The jumps act at the start. `coupled`, `pair`, `leak`, `fires`: None switches leak and second current, the second
    current, the leak, and firing off. `slack` None: the screen needs no margin. Not coupled, v is monotone, and a
    neuron fires only if it ends above the screen. Coupled, it may also if the chord, a bound of v in the interval, is
    above the screen.
    """
    use_wide_registers()
    if coupled is None:
        for k in range(n):
            x = jump[k]
            v = before[MEMBRANE + k]
            i = before[CURRENT + k] + x
            new = exact_membrane(v, i, coefficients[GAIN + k])
            after[MEMBRANE + k] = new
            after[CURRENT + k] = i * coefficients[KEPT + k]
            after[ASYMPTOTE + k] = exact_asymptote(before[ASYMPTOTE + k], x, coefficients[SCALE + k])
            may = new > coefficients[SCREEN + k]
            if slack is not None:
                may = may or new + slack * abs(new - v) > coefficients[SCREEN + k]
            flag[k] = may
    if coupled is not None:
        for k in range(n):
            v = before[MEMBRANE + k]
            i = before[CURRENT + k] + jump[k]
            after[CURRENT + k] = i * coefficients[KEPT + k]
            new = exact_membrane(v, i, coefficients[GAIN + k])
            up = upwards(i, 0.0)
            if pair is not None:
                j = before[INHIBITORY + k] + jump_inh[k]
                after[INHIBITORY + k] = j * coefficients[KEPT_INH + k]
                new = exact_membrane(new, j, coefficients[GAIN_INH + k])
                up = up + upwards(j, 0.0)
            if leak is not None:
                new = exact_leaky_membrane(new, v, coefficients[LEAK + k], coefficients[LOSS + k])
                up = upwards(up + (coefficients[LEAK + k] - v), 0.0)
            after[MEMBRANE + k] = new
            if fires is not None:
                may = new > coefficients[SCREEN + k]
                if slack is not None:
                    may = may or new + slack * abs(new - v) > coefficients[SCREEN + k]
                flag[k] = may or exact_bound(v, up, coefficients[CHORD + k]) > coefficients[SCREEN + k]


@part
def open_gates(coefficients, gain, gain_inh, loss, k, phase, threshold, slack):
    """Set the gains and the screen of neuron k for its phase."""
    clamped = phase == CLAMPED
    coefficients[GAIN + k] = 0.0 if clamped else gain
    coefficients[GAIN_INH + k] = 0.0 if clamped else gain_inh
    coefficients[LOSS + k] = 0.0 if clamped else loss
    coefficients[GATE + k] = 0.0 if clamped else 1.0
    coefficients[SCREEN + k] = threshold - slack * abs(threshold) if phase == FREE else math.inf
