"""Earliest deadline first, within bounds, nothing too late."""

from collections.abc import Iterable

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from clipper.abstraction.evaluation import Evaluation
from clipper.abstraction.queue import MAX_ABANDONED, MAX_BATCH_BYTES, DeadlineQueue, QueueConfig
from clipper.abstraction.terms import Terms
from clipper.core.inputs import DType, Input
from clipper.wire.batches import encode_predict
from tests.unit.abstraction.evaluations import Asker, evaluation, number

NOW = 100.0
FAST, SLOW = 0.02, 1.0


def queue(max_length: int = 1000) -> DeadlineQueue:
    return DeadlineQueue(QueueConfig(max_length=max_length))


def pushed(to: DeadlineQueue, slo_s: float, deadlines: Iterable[float]) -> list[Evaluation]:
    made = [evaluation(number(deadline), deadline) for deadline in deadlines]
    for each in made:
        assert to.push(each, Terms(slo_s))
    return made


def deadlines(evaluations: Iterable[Evaluation]) -> list[float]:
    return [each.deadline for each in evaluations]


def test_empty_queue_gives_nothing() -> None:
    assert queue().take(10, NOW) == ([], [])


def test_lanes_are_merged_by_deadline() -> None:
    waiting = queue()
    pushed(waiting, SLOW, [101, 104, 107])
    pushed(waiting, FAST, [102, 103, 108])
    pushed(waiting, 0.5, [100.5, 106])
    batch, dropped = waiting.take(7, NOW)
    assert deadlines(batch) == [100.5, 101, 102, 103, 104, 106, 107]
    assert not dropped
    assert len(waiting) == 1


def test_batch_is_no_larger_than_the_limit() -> None:
    waiting = queue()
    pushed(waiting, FAST, range(101, 110))
    batch, _ = waiting.take(4, NOW)
    assert deadlines(batch) == [101, 102, 103, 104]
    assert len(waiting) == 5


def test_expired_evaluation_is_dropped_and_makes_room() -> None:
    waiting = queue()
    late = pushed(waiting, FAST, [99.0, 100.0])
    pushed(waiting, FAST, [100.1, 100.2])
    batch, dropped = waiting.take(2, NOW)
    assert deadlines(batch) == [100.1, 100.2]
    assert dropped == late
    assert not len(waiting)


def test_evaluation_nobody_awaits_is_dropped() -> None:
    waiting = queue()
    gone, there = Asker(110), Asker(110)
    left = evaluation(number(1), 110, asker=gone)
    shared = evaluation(number(2), 110, asker=gone)
    shared.join(there, 0)
    for each in (left, shared):
        waiting.push(each, Terms(FAST))
    gone.answered = True
    assert waiting.take(10, NOW) == ([shared], [left])


def test_full_queue_refuses() -> None:
    waiting = queue(max_length=3)
    pushed(waiting, FAST, [101, 102])
    pushed(waiting, SLOW, [103])
    assert not waiting.push(evaluation(number(4), 104), Terms(FAST))
    assert not waiting.push(evaluation(number(4), 104), Terms(7.0))
    assert len(waiting) == 3
    waiting.take(1, NOW)
    assert waiting.push(evaluation(number(4), 104), Terms(FAST))


def test_returned_evaluations_go_first() -> None:
    waiting = queue()
    pushed(waiting, FAST, [101, 102, 103])
    taken, _ = waiting.take(2, NOW)
    waiting.push_back(taken, alone=True)
    assert len(waiting) == 3
    batch, _ = waiting.take(10, NOW)
    assert deadlines(batch) == [101, 102, 103]


def test_returned_from_several_replicas_are_still_dropped_when_late() -> None:
    waiting = queue()
    pushed(waiting, FAST, [101, 105])
    (early,), _ = waiting.take(1, NOW)
    (late,), _ = waiting.take(1, NOW)
    waiting.push_back([late], alone=True)
    waiting.push_back([early], alone=True)
    batch, dropped = waiting.take(10, 103.0)
    assert (batch, dropped) == ([late], [early])
    assert not len(waiting)


@pytest.mark.parametrize(
    "other",
    [Input(DType.FLOAT32, (1,), bytes(4)), Input(DType.FLOAT64, (1, 1), bytes(8)), Input(DType.STRING, (1,), b"a")],
)
def test_batch_ends_before_an_input_that_does_not_stack(other: Input) -> None:
    waiting = queue()
    alike = pushed(waiting, FAST, [101, 102])
    odd = evaluation(other, 103)
    waiting.push(odd, Terms(FAST))
    after = pushed(waiting, FAST, [104])
    assert waiting.take(10, NOW) == (alike, [])
    assert waiting.take(10, NOW) == ([odd], [])
    assert waiting.take(10, NOW) == (after, [])


def test_inputs_of_one_dtype_and_ndim_stack_whatever_their_lengths() -> None:
    waiting = queue()
    for length in range(5):
        waiting.push(evaluation(Input(DType.FLOAT64, (length,), bytes(8 * length)), 101 + length), Terms(FAST))
    batch, _ = waiting.take(10, NOW)
    assert len(batch) == 5
    encode_predict(1, [each.input for each in batch])


@pytest.mark.parametrize("size", [MAX_BATCH_BYTES // 3 + 1, MAX_BATCH_BYTES - 8, MAX_BATCH_BYTES, MAX_BATCH_BYTES + 8])
def test_batch_of_several_inputs_keeps_the_byte_bound(size: int) -> None:
    payload = bytes(size // 8 * 8)
    waiting = queue()
    made = [evaluation(Input(DType.FLOAT64, (len(payload) // 8,), payload), 101 + n) for n in range(4)]
    small = evaluation(number(7), 110)
    for each in [*made, small]:
        waiting.push(each, Terms(FAST))
    batches = []
    while len(waiting):
        batch, dropped = waiting.take(100, NOW)
        assert not dropped
        assert len(batch) == 1 or sum(len(each.input.payload) for each in batch) <= MAX_BATCH_BYTES
        batches += batch
    assert batches == [*made, small]


def test_joining_with_a_later_deadline_does_not_hold_up_what_is_behind() -> None:
    """A query of a slow application joins the head of the fast lane: the fast ones behind it keep their turn."""
    waiting = queue()
    fast = pushed(waiting, FAST, [101, 102, 103])
    pushed(waiting, SLOW, [110, 111, 112])
    fast[0].join(Asker(200), 0)
    batch, _ = waiting.take(3, NOW)
    assert batch == fast


def test_evaluation_lives_as_long_as_anybody_waits_for_it() -> None:
    waiting = queue()
    head, second = pushed(waiting, FAST, [101, 102])
    head.join(Asker(200), 0)
    assert waiting.drop_expired(150) == []
    assert waiting.take(10, 150) == ([head], [second])


def test_drop_expired_takes_the_late_ones_of_every_lane() -> None:
    waiting = queue()
    pushed(waiting, FAST, [101, 102, 103])
    pushed(waiting, SLOW, [101.5, 110])
    assert sorted(deadlines(waiting.drop_expired(102))) == [101, 101.5, 102]
    assert len(waiting) == 2


def test_drain_takes_everything() -> None:
    waiting = queue()
    made = [*pushed(waiting, FAST, [101, 103]), *pushed(waiting, SLOW, [102])]
    assert set(waiting.drain()) == set(made)
    assert not len(waiting)
    assert waiting.take(10, NOW) == ([], [])


def test_higher_priority_goes_first_whatever_the_deadlines() -> None:
    waiting = queue()
    low = [evaluation(number(n), 101 + n) for n in range(3)]
    high = [evaluation(number(10 + n), 110 + n) for n in range(3)]
    for each in low:
        waiting.push(each, Terms(FAST))
    for each in high:
        waiting.push(each, Terms(SLOW, priority=5))
    assert waiting.length_from(5) == 3
    assert waiting.length_from(0) == len(waiting) == 6
    assert waiting.take(4, NOW) == ([*high, low[0]], [])
    assert waiting.head(NOW, []) == 102


def test_lanes_of_one_priority_are_merged_behind_those_of_a_higher() -> None:
    waiting = queue()
    for deadline, slo_s, priority in ((105, FAST, 1), (103, SLOW, 1), (101, FAST, 0), (104, SLOW, 0), (109, FAST, 2)):
        waiting.push(evaluation(number(deadline), deadline), Terms(slo_s, priority=priority))
    batch, _ = waiting.take(10, NOW)
    assert deadlines(batch) == [109, 103, 105, 101, 104]


def test_head_is_who_is_awaited_longest_enough() -> None:
    waiting = queue()
    late, gone, shared, good = pushed(waiting, FAST, [101, 102, 103, 104])
    gone.waiter.answered = True
    shared.join(Asker(107), 0)
    dropped: list[Evaluation] = []
    assert waiting.head(103.5, dropped) == 107
    assert dropped == [late, gone]
    assert waiting.take(5, 103.5) == ([shared, good], [])


def test_late_ones_are_dropped_a_few_at_a_time() -> None:
    waiting = queue()
    made = pushed(waiting, FAST, [101, 102, 103, 110])
    dropped: list[Evaluation] = []
    assert waiting.drop_late(105, 2, dropped)
    assert dropped == made[:2]
    assert waiting.drop_late(105, 2, dropped)
    assert not waiting.drop_late(105, 2, dropped)
    assert dropped == made[:3]
    assert len(waiting) == 1


def test_abandoned_evaluations_hold_no_place_and_are_not_kept_for_long() -> None:
    waiting = queue(max_length=10)
    stays = evaluation(number(0), 200)
    waiting.push(stays, Terms(FAST))
    for value in range(1, 5 * MAX_ABANDONED):
        left = evaluation(number(value), 101)
        left.waiter.answered = True
        assert waiting.push(left, Terms(FAST))
        waiting.abandon(left)
        assert len(waiting) == 1
        assert waiting.length_from(0) == 1
    assert waiting.take(5, NOW) == ([stays], [])


class AgainstList(RuleBasedStateMachine):
    """The queue against a list that is searched anew each time; deadlines are all different."""

    LIMIT = 12

    def __init__(self) -> None:
        super().__init__()
        self.queue = queue(self.LIMIT)
        self.model: list[Evaluation] = []
        self.taken: list[Evaluation] = []
        self.returned: list[Evaluation] = []
        self.now = NOW
        self.made = 0

    @rule(lane=st.sampled_from([0.25, 1.0, 3.0]), dtype=st.sampled_from([DType.FLOAT64, DType.FLOAT32]))
    def push(self, lane: float, dtype: DType) -> None:
        self.made += 1
        made = evaluation(number(self.made, dtype), self.now + lane + self.made * 1e-6)
        fits = len(self.model) < self.LIMIT
        assert self.queue.push(made, Terms(lane)) is fits
        if fits:
            self.model.append(made)

    @rule(seconds=st.sampled_from([0.01, 0.1, 0.3, 1.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(place=st.integers(0, 20))
    def leave(self, place: int) -> None:
        if self.model:
            waiter = self.model[place % len(self.model)].waiter
            waiter.answered = True

    @rule(limit=st.integers(1, 6))
    def take(self, limit: int) -> None:
        batch, dropped = self.queue.take(limit, self.now)
        ordered = sorted(self.model, key=lambda each: (each not in self.returned, each.deadline))
        expected: list[Evaluation] = []
        for each in ordered:
            fit = each.is_awaited(self.now)
            if fit and (len(expected) == limit or (expected and each.input.dtype is not expected[0].input.dtype)):
                break
            if fit:
                expected.append(each)
        assert batch == expected
        assert not any(each.is_awaited(self.now) for each in dropped)
        self.model = [each for each in self.model if each not in batch and each not in dropped]
        self.taken += batch
        self.returned = [each for each in self.returned if each in self.model]

    @rule()
    def lose_a_container(self) -> None:
        back = [each for each in self.taken if each.deadline > self.now]
        self.taken = []
        self.queue.push_back(back, alone=True)
        self.returned += back
        self.model += back

    @rule(place=st.integers(0, 20))
    def abandon(self, place: int) -> None:
        if self.model:
            abandoned = self.model.pop(place % len(self.model))
            abandoned.waiter.answered = True
            self.queue.abandon(abandoned)

    @rule()
    def drop_expired(self) -> None:
        dropped = self.queue.drop_expired(self.now)
        assert not any(each.is_awaited(self.now) for each in dropped)
        self.model = [each for each in self.model if each not in dropped]

    @invariant()
    def length_is_right(self) -> None:
        assert len(self.queue) == len(self.model)


def test_queue_behaves_like_a_list() -> None:
    run_state_machine_as_test(AgainstList, settings=settings(max_examples=40, stateful_step_count=30, deadline=None))
