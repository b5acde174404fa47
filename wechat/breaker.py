"""What keeps an ill WeChat from holding our threads: a circuit breaker an interface, and few calls at once."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from wechat.outcomes import RetryLater

#: Failures in a row after which an interface is left alone, and for how many seconds.
FAILURES, REST_S = 5, 30.0
#: Calls that one process has under way at once, and how many seconds a further one waits for its turn: a server has
#: eight threads, and the others must stay free for what needs no WeChat.
AT_ONCE, TURN_S = 4, 0.5
#: WeChat's "busy"; every other errcode is an answer of a platform that works.
_BUSY = -1


@dataclass
class _Circuit:
    failures: int = 0
    closed_again_at: float = 0.0


class Breaker:
    """Lets calls through until an interface failed several times in a row; then one probe after a rest.

    Each process keeps its own in memory: it must work while the database is slow, and five failures more in each of
    a few processes cost nothing. Time is monotonic, never the clock of the rules. Threads may share it.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic, *, at_once: int = AT_ONCE) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._circuits: dict[str, _Circuit] = {}
        self._turns = threading.BoundedSemaphore(at_once)

    @contextmanager
    def guarding(self, interface: str) -> Iterator[None]:
        """Stand around one call; what it raises decides whether it failed.

        :raises RetryLater: at once, with the seconds to wait, while the interface is left alone or too much is under
            way.
        """
        circuit = self._enter(interface)
        if not self._turns.acquire(timeout=TURN_S):
            raise RetryLater("同时进行的微信调用过多", retry_after_s=1)
        try:
            yield
        except RetryLater as failure:
            if failure.errcode in {None, _BUSY}:
                self._failed(circuit)
            else:
                circuit.failures = 0
            raise
        except BaseException:
            circuit.failures = 0
            raise
        else:
            circuit.failures = 0
        finally:
            self._turns.release()

    def _enter(self, interface: str) -> _Circuit:
        """Give the interface's circuit; after a rest, the first to come is the probe."""
        with self._lock:
            circuit = self._circuits.setdefault(interface, _Circuit())
            if circuit.failures >= FAILURES:
                left = circuit.closed_again_at - self._now()
                if left > 0:
                    raise RetryLater("微信接口连续失败，暂停调用", retry_after_s=int(left) + 1)
                circuit.closed_again_at = self._now() + REST_S
            return circuit

    def _failed(self, circuit: _Circuit) -> None:
        with self._lock:
            circuit.failures += 1
            circuit.closed_again_at = self._now() + REST_S
