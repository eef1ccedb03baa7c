"""Binary search as it is described, one element at a time. Imports nothing from the package."""

import math


def increments(n_code, noisy):
    """Step k moves by ceil(n_code / 2^(k + 2)); a noisy search has one more step, of 5."""
    steps = math.ceil(math.log2(n_code)) if n_code > 1 else 0
    found = [math.ceil(n_code / 2 ** (step + 2)) for step in range(steps)]
    if noisy:
        found.append(5)
        found.sort(reverse=True)
    return found


def search(measure, target, lower, upper, inverted=False, start_noise=None):
    """Return the codes tested, in order, and the one taken with its value."""
    n_code = upper - lower + 1
    noisy = start_noise is not None
    code = lower + n_code // 2 if n_code > 1 else lower
    if noisy:
        code = min(max(code + start_noise, lower), upper)
    tested = []
    values = []

    def test(code):
        value = measure(code)
        if value != value or value == -math.inf:
            value = math.inf
        tested.append(code)
        values.append(value)
        return value > target

    for increment in increments(n_code, noisy):
        too_large = test(code)
        down = too_large if not inverted else not too_large
        code = code - increment if down else code + increment
        code = min(max(code, lower), upper)
    test(code)
    if len(tested) > 1:
        third_last, second_last = tested[-2], tested[-1]
        other_side = 2 * third_last - second_last
        if other_side < lower or other_side > upper or other_side == second_last:
            other_side = upper - 1 if third_last - lower > upper - third_last else lower + 1
            other_side = min(max(other_side, lower), upper)
        test(other_side)
    last = 6 if noisy else 3
    counted = list(zip(tested, values, strict=True))[-last:]
    best, best_value = counted[0]
    for other, value in counted:
        if abs(value - target) < abs(best_value - target):
            best, best_value = other, value
    if math.isinf(best_value):
        best = code
    return tested, best, best_value
