"""The refractory clocks one circuit and one register value after the other. Imports nothing from the package."""

PERIODS = [8000 * 2**scale for scale in range(16)]  # [ps]


def best_cycles(refractory, holdoff, period):
    """Try all counters and holdoffs of a clock; of equal ones the longer. None where the clock is too fast."""
    if 2 * refractory >= 511 * period or holdoff > 32 * period:
        return None
    found = []
    for total in range(1, 256):
        for last in range(1, min(total, 31) + 1, 2):
            distance = abs(total * period - refractory) + abs(last * period - holdoff)
            found.append((distance, -total, -last))
    distance, total, last = min(found)
    return distance, -total, -last


def best_registers(refractory, holdoff):
    """Try all pairs of clocks for a few circuits [ps]; return (sum of distances, registers as a dict)."""
    n_circuit = len(refractory)
    tried = {
        (n, scale): best_cycles(refractory[n], holdoff[n], period)
        for n in range(n_circuit)
        for scale, period in enumerate(PERIODS)
    }
    found = []
    for slow in range(16):
        for fast in range(slow + 1):
            distance, small, on_fast = 0, 0, []
            for n in range(n_circuit):
                choices = []
                for clock, scale in ((0, fast), (1, slow)):
                    if tried[n, scale] is not None:
                        choices.append((tried[n, scale][0], tried[n, scale][1] < 30, clock))
                if not choices:
                    break
                own, few, clock = min(choices)
                distance, small = distance + own, small + few
                on_fast.append(clock == 0)
            else:
                found.append((distance, small, slow, fast, on_fast))
    distance, _, slow, fast, on_fast = min(found)
    if all(on_fast):
        slow = fast
    if not any(on_fast):
        fast = slow
        on_fast = [True] * n_circuit
    cycles = [tried[n, fast if on_fast[n] else slow] for n in range(n_circuit)]
    return distance, {
        "refractory_time": [total for _, total, _ in cycles],
        "reset_holdoff": [(31 - last) // 2 for _, _, last in cycles],
        "input_clock": [int(flag) for flag in on_fast],
        "clock_scale_slow": slow,
        "clock_scale_fast": fast,
    }


def times(refractory_time_code, reset_holdoff_code, scale):
    """Return the refractory time and the holdoff of one circuit [ps]."""
    last = 31 - 2 * reset_holdoff_code
    return refractory_time_code * PERIODS[scale], last * PERIODS[scale] if last <= refractory_time_code else 0
