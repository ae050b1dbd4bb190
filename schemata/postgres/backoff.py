"""How long to wait for something that will come: quick at first, then at the settings' pace.

Light: the wait at a container's start imports this file.
"""

_FIRST = 0.1  # seconds


def between(attempts: int, delay: float) -> "list[float]":
    """Return the seconds to sleep between tries: in all as long as `attempts` tries, `delay` seconds apart.

    A server that comes up a moment after us is noticed in a moment, which costs a few more tries.

    >>> between(3, 2.0)
    [0.1, 0.2, 0.4, 0.8, 1.6, 0.9]
    >>> between(3, 0.05), between(1, 2.0)
    ([0.05, 0.05], [])
    """
    left = (attempts - 1) * delay
    pause = min(_FIRST, delay)
    found = []
    while left > 1e-6 and pause > 0:
        found.append(round(min(pause, left), 3))
        left -= pause
        pause = min(pause * 2, delay)
    # Without a delay there is no time to share out.
    return found or [0.0] * (attempts - 1)
