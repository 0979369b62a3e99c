"""Who invokes without a source: synchronous callers, and Lambda's own queue of asynchronous events."""

from __future__ import annotations

import math

from lambdacourse.engine import history
from lambdacourse.engine.draws import FAILURE, JITTER, uniform
from lambdacourse.engine.plan import BACKOFF, ERROR_WAITS, Flow
from lambdacourse.engine.reference.world import Attempt, Work, World


class Calls:
    """Synchronous callers that ask once."""

    def __init__(self, world: World, flow: Flow) -> None:
        self.world = world

    def arrive(self, work: Work) -> None:
        self.world.invoke(work)


class RetryingCalls:
    """Synchronous callers that try again, as an SDK does: with waits that grow, and within a quota of retries for each client.

    A function error comes with status 200, so an SDK takes it for an answer (unless ``on_errors``). A retry after a throttle is the
    same request; one after an error does the same work again, by chance with or without an error.
    """

    def __init__(self, world: World, flow: Flow) -> None:
        self.world, self.retry, self.key = world, flow.trigger.retry, world.plan.draw_key(flow)
        quota = math.inf if self.retry.quota is None else self.retry.quota
        self.quota, self.tokens = quota, [quota] * self.retry.clients

    def arrive(self, work: Work) -> None:
        self._try(work, 0)

    def _try(self, work: Work, paid: int) -> None:
        attempt = self.world.invoke(work)
        if attempt.is_throttled:
            self._try_again(work, history.GIVEN_UP, self.retry.throttle_cost, self.retry.throttle_base_delay)
        else:
            self.world.at(attempt.finish, lambda: self._answered(work, attempt, paid))

    def _answered(self, work: Work, attempt: Attempt, paid: int) -> None:
        if attempt.outcome != history.OK and self.retry.on_errors:
            work.failure = uniform(self.key, work.number, work.attempt + 1, FAILURE)
            self._try_again(work, history.FAILED, self.retry.cost, self.retry.base_delay)
            return
        client = work.number % self.retry.clients
        back = paid if work.attempt else self.retry.refund
        self.tokens[client] = min(self.tokens[client] + back, self.quota)
        self.world.settle(work, history.SUCCEEDED if attempt.outcome == history.OK else history.FAILED)

    def _try_again(self, work: Work, otherwise: int, cost: int, base: float) -> None:
        """After a wait, if there is an attempt left and the client's quota pays for it; ``otherwise`` that is how it ends."""
        client = work.number % self.retry.clients
        if work.attempt + 1 >= self.retry.attempts or self.tokens[client] < cost:
            self.world.settle(work, otherwise)
            return
        self.tokens[client] -= cost
        wait = min(base * 2.0 ** min(work.attempt, 60), self.retry.maximum_delay)
        work.attempt += 1
        if self.retry.jitter:
            wait *= uniform(self.key, work.number, work.attempt, JITTER)
        self.world.at(self.world.now + wait, lambda: self._try(work, cost))


class Events:
    """Asynchronous events: Lambda's queue, which tries again.

    A retry does the same work again: as long as before, and by chance with or without an error. A throttled event waits, doubling
    the wait each time; after an invocation the waits begin anew (assumption). Reserved concurrency 0 gives events up at once.
    """

    def __init__(self, world: World, flow: Flow) -> None:
        self.world, self.trigger, self.key = world, flow.trigger, world.plan.draw_key(flow)

    def arrive(self, work: Work) -> None:
        if self.trigger.function.reserved_concurrency == 0:
            self._give_up(work)
            return
        self._try(work, 0)

    def _try(self, work: Work, throttles: int) -> None:
        world = self.world
        attempt = world.invoke(work)
        if attempt.is_throttled:
            first, factor, most = BACKOFF
            self._wait(work, min(first * factor ** min(throttles, 30), most), throttles + 1)
        else:
            world.at(attempt.finish, lambda: self._finish(work, attempt))

    def _finish(self, work: Work, attempt: Attempt) -> None:
        if attempt.outcome == history.OK:
            self.world.settle(work, history.SUCCEEDED)
        elif work.attempt >= self.trigger.maximum_retry_attempts:
            self._give_up(work)
        else:
            wait = ERROR_WAITS[work.attempt]
            work.attempt += 1
            work.failure = uniform(self.key, work.number, work.attempt, FAILURE)
            self._wait(work, wait, 0)

    def _wait(self, work: Work, seconds: float, throttles: int) -> None:
        """Try again later, or give up when the event becomes too old before that."""
        world = self.world
        oldest = work.arrival + self.trigger.maximum_event_age
        if world.now + seconds > oldest:
            world.at(max(oldest, world.now), lambda: self._give_up(work))
        else:
            world.at(world.now + seconds, lambda: self._try(work, throttles))

    def _give_up(self, work: Work) -> None:
        self.world.settle(work, history.DROPPED if self.trigger.on_failure is None else history.DELIVERED)
