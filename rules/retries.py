"""How long to wait before something that failed is tried again."""

from rules.policy import RETRY_FIRST_S, RETRY_LAST_S


def wait_after(tries: int) -> int:
    """Give the seconds to wait after so many failed tries: doubling from the first wait, never above the last.

    :raises ValueError: if nothing was tried yet.
    """
    if tries < 1:
        raise ValueError("nothing was tried yet")
    return min(RETRY_FIRST_S << min(tries - 1, 20), RETRY_LAST_S)
