import dataclasses
import inspect
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_answers_recommendation import Noise, plateau, simulated

from latentsweep.answers import recommendation
from latentsweep.answers.losses import Losses
from latentsweep.answers.recommendation import USUAL, Recommendation, Row, Rule, recommend
from latentsweep.answers.search import (
    MOST_SEEDS,
    Goal,
    Step,
    first_step,
    next_step,
    trimmed,
    width,
)
from latentsweep.show.words.search import why


@pytest.fixture(autouse=True)
def few_replicates(monkeypatch):
    monkeypatch.setattr(recommendation, "REPLICATES", 200)


QUIET = Noise(paired=0.02, residual=0.005)


class Trainer:
    """Networks whose true mean loss is a function of their size, trained as they are asked for."""

    def __init__(self, truth, noise=None, *, without=100.0, examples=100, draw=0):
        self.truth, self.noise, self.examples, self.draw = truth, noise or QUIET, examples, draw
        self.example = self.noise.example * self.normal(0, examples)
        self.without = None if without is None else without + self.example
        self.networks = {}

    def normal(self, *key):
        *key, count = key
        return np.random.default_rng([self.draw, *key]).normal(size=count)

    def train(self, step):
        for size in step.latent_sizes:
            for seed in step.seeds:
                assert (size, seed) not in self.networks, f"{size, seed} again"
                self.networks[size, seed] = (
                    self.truth(size)
                    + self.noise.seed * self.normal(1, seed, 1)
                    + self.noise.residual * self.normal(2, size, seed, 1)
                    + self.noise.paired * self.normal(3, size, self.examples)
                    + self.noise.paired / 2 * self.normal(4, size, seed, self.examples)
                    + self.example
                )

    def losses(self):
        sizes = sorted({size for size, _ in self.networks})
        seeds = sorted({seed for _, seed in self.networks})
        values = np.full((len(sizes), len(seeds), self.examples), np.nan)
        for (size, seed), each in self.networks.items():
            values[sizes.index(size), seeds.index(seed)] = each
        return Losses(tuple(sizes), tuple(seeds), values, self.without)


def searched(trainer, goal, rule=USUAL):
    """What a search finds, and its steps; it ends, keeps to the limit, repeats no network."""
    steps, step = [], first_step(goal)
    while step:
        steps.append(step)
        assert len(steps) <= 4 + goal.limit.bit_length() + goal.most_seeds
        assert 1 <= min(step.latent_sizes) <= max(step.latent_sizes) <= goal.limit
        assert max(step.seeds) < goal.most_seeds
        trainer.train(step)
        found = recommend(trainer.losses(), rule, limit=goal.limit)
        step = next_step(found, goal)
    return found, steps


def falling_to(dimension, gain=10.0):
    """A loss that falls by equal steps down to that size, and stays."""
    return lambda size: 100 - gain * min(size / dimension, 1)


def actions(steps):
    return [step.action for step in steps]


@pytest.mark.parametrize(
    ("limit", "sizes"),
    [
        (1, (1,)),
        (2, (1, 2)),
        (3, (1, 2, 3)),
        (4, (2, 4)),
        (7, (2, 4)),
        (31, (2, 4, 8, 16)),
        (32, (2, 4, 8, 16, 32)),
        (784, (2, 4, 8, 16, 32)),
    ],
)
def test_a_search_begins_with_powers_of_two_up_to_the_limit(limit, sizes):
    step = first_step(Goal(limit))
    assert (step.action, step.latent_sizes, step.seeds) == ("start", sizes, (0, 1))
    assert step.networks == 2 * len(sizes)


@pytest.mark.parametrize("dimension", range(1, 41))
def test_with_little_noise_a_search_ends_at_the_dimension(dimension):
    """Within the coarse grid, a doubling of it, and two seeds of each size of a gap or two."""
    trainer = Trainer(falling_to(dimension))
    found, steps = searched(trainer, Goal(limit=64))
    assert (found.status, found.latent_size) == ("ok", dimension)
    assert (found.low, found.high, width(found)) == (dimension, dimension, 0)
    assert {seed for _, seed in trainer.networks} == {0, 1}
    networks = len(trainer.networks)
    print(f"dimension {dimension}: {networks} networks, {actions(steps)}")
    assert networks <= (16 if dimension <= 8 else 24 if dimension <= 16 else 44)


def test_a_limit_between_the_powers_of_two_is_tried():
    found, steps = searched(Trainer(falling_to(48)), Goal(limit=48))
    assert found.status == "every size keeps helping"
    assert found.sizes[-1] == 48
    assert steps[1].latent_sizes == (48,)
    found, _ = searched(Trainer(falling_to(45)), Goal(limit=48))
    assert found.latent_size == 45


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 32, 40])
def test_a_search_ends_when_every_size_helps(limit):
    """What lies just below the limit is looked at, and no seed is spent on what is plain."""
    trainer = Trainer(lambda size: 100 - size)
    found, steps = searched(trainer, Goal(limit=limit))
    assert found.status == ("one size" if limit == 1 else "every size keeps helping")
    assert "repeat" not in actions(steps)
    assert limit in found.sizes
    assert set(range(max(limit - 3, 1), limit)) <= set(found.sizes) or limit in (5, 1)


def test_a_search_ends_where_there_is_nothing_to_encode():
    trainer = Trainer(lambda _: 100.2)
    found, steps = searched(trainer, Goal(limit=64))
    assert (found.status, actions(steps)) == ("nothing to encode", ["start"])


def test_a_search_ends_where_no_gain_is_known():
    """Every size is worse than a smaller one: down to 1, and no seed can tell what 0 would be."""
    found, steps = searched(Trainer(lambda size: 90 + 0.1 * size, without=None), Goal(limit=64))
    assert (found.status, found.sizes[0]) == ("no gain known", 1)
    assert actions(steps) == ["start", "refine"]


def test_a_dip_is_looked_into():
    """Networks wider than the data are worse than those of 6, and 7 is not tried for nothing."""
    trainer = Trainer(lambda size: falling_to(6)(size) + 0.05 * max(size - 6, 0))
    found, _ = searched(trainer, Goal(limit=64))
    assert found.latent_size == 6


def test_a_target_is_searched_for_up_to_the_limit():
    trainer = Trainer(falling_to(40), Noise(0.1, 0.01, residual=0.01), without=None)
    found, _ = searched(trainer, Goal(limit=64), Rule(target=95.1))
    assert (found.status, found.latent_size) == ("ok", 20)
    found, steps = searched(Trainer(falling_to(8), without=None), Goal(64), Rule(target=50))
    assert (found.status, found.sizes[-1]) == ("target not reached", 64)
    assert actions(steps) == ["start", "extend"]


@pytest.mark.parametrize("draw", range(3))
@pytest.mark.parametrize("dimension", [3, 12, 20])
def test_with_noise_seeds_go_to_what_is_undecided_and_its_references(dimension, draw):
    trainer = Trainer(falling_to(dimension), Noise(seed=0.1, residual=0.15), draw=draw)
    goal = Goal(limit=64)
    steps, step = [], first_step(goal)
    while step:
        trainer.train(step)
        found = recommend(trainer.losses(), limit=64)
        steps.append(step)
        step = next_step(found, goal)
        if step and step.action == "repeat":
            verdicts = {row.latent_size: row.verdict for row in found.rows}
            enough = [k for k, verdict in verdicts.items() if verdict == "enough"]
            for size in step.latent_sizes:
                likely = found.row(size).probability > 0.03
                assert verdicts[size] == "undecided" or size in {found.best, *enough[:1]} or likely
            assert found.row(step.latent_sizes[0]).seeds == step.seeds[0]
            assert len(step.seeds) <= 2
    assert "repeat" in actions(steps)
    assert len(trainer.networks) <= 120
    counts = Counter(size for size, _ in trainer.networks)
    assert max(counts.values()) <= MOST_SEEDS
    assert counts[2] == 2 or dimension == 3  # too small, plainly
    assert found.low <= dimension <= found.high
    assert (
        found.status == "undecided"
        or width(found) <= goal.precision
        or (max(counts.values()) == MOST_SEEDS)
    )


def test_a_wider_set_that_was_asked_for_takes_fewer_networks():
    networks = []
    for precision in (8, 2, 0):
        trainer = Trainer(falling_to(12), Noise(residual=0.1), draw=1)
        found, _ = searched(trainer, Goal(64, precision))
        networks.append(len(trainer.networks))
    assert networks[0] < networks[2]
    assert networks == sorted(networks)
    assert (found.latent_size, width(found)) == (12, 0)


def test_a_search_ends_when_only_examples_limit_it():
    trainer = Trainer(falling_to(8), Noise(paired=3.0, residual=0.001), draw=3)
    found, steps = searched(trainer, Goal(limit=64))
    assert found.status == "undecided"
    assert not any(row.seeds_would_decide for row in found.rows if row.verdict == "undecided")
    assert "repeat" not in actions(steps)


def test_an_interrupted_search_goes_on_from_what_it_found():
    """The next step is a function of the recommendation, that of the networks, in any order."""
    assert list(inspect.signature(next_step).parameters) == ["found", "goal"]
    goal, noise = Goal(limit=64), Noise(residual=0.1)
    whole = Trainer(falling_to(12), noise, draw=1)
    _, steps = searched(whole, goal)
    again = Trainer(falling_to(12), noise, draw=1)
    for done, expected in zip(steps, [*steps[1:], None], strict=True):
        again.train(done)
        again.networks = dict(reversed(again.networks.items()))
        assert next_step(recommend(again.losses(), limit=64), goal) == expected


def row(latent_size, verdict, *, seeds=2, probability=0.0, decide=True, behind=0.0):
    return Row(latent_size, seeds, 90.0, behind, -1.0, 1.0, verdict, probability, decide)


def recommended(*rows, status="undecided", answer=None, ends=(None, None), best=None):
    """A recommendation of these rows, delta 0.1."""
    return Recommendation(
        status=status,
        latent_size=answer,
        low=ends[0],
        high=ends[1],
        best=best or rows[-1].latent_size,
        delta=0.1,
        gain=10.0,
        gain_low=9.0,
        gain_is_known=True,
        rows=rows,
        at_shares={},
    )


SMALL = row(4, "too small", behind=5.0)


def test_the_largest_size_is_doubled_while_all_below_are_too_small():
    found = recommended(SMALL, row(8, "too small", behind=2.0), row(16, "enough"))
    assert next_step(found, Goal(100)) == Step(
        "extend", (32,), (0, 1), {"code": "none below is enough", "size": 16}
    )
    assert next_step(found, Goal(20)).latent_sizes == (20,)
    assert next_step(found, Goal(16)).action == "refine"
    undecided = recommended(SMALL, row(8, "undecided", behind=2.0), row(16, "enough"))
    assert next_step(undecided, Goal(100)).action != "extend"


def test_a_gap_is_filled_or_three_of_many_are_taken():
    few = recommended(SMALL, row(12, "enough"), row(16, "enough"))
    assert next_step(few, Goal(64)) == Step(
        "refine",
        (5, 6, 7, 8, 9, 10, 11),
        (0, 1),
        {"code": "gain ends between", "low": 4, "high": 12},
    )
    many = recommended(SMALL, row(13, "enough"), row(16, "enough"))
    assert next_step(many, Goal(64)).latent_sizes == (6, 8, 11)
    first = recommended(row(3, "undecided"), row(16, "enough"))
    assert next_step(first, Goal(64)) == Step(
        "refine", (1, 2), (0, 1), {"code": "near the best", "low": 0, "high": 3}
    )


def test_new_sizes_have_as_many_seeds_as_all_have_had():
    found = recommended(
        SMALL._replace(seeds=6), row(6, "enough", seeds=4), row(8, "enough", seeds=8)
    )
    assert next_step(found, Goal(64)).seeds == (0, 1, 2, 3)


def test_first_the_gap_where_the_gain_ends_then_that_below_what_is_not_too_small():
    """6 is within 10 delta of the best, if too small; nothing is open below it."""
    near = row(6, "too small", behind=0.9)
    found = recommended(row(2, "too small", behind=5.0), near, row(9, "enough"), row(16, "enough"))
    assert next_step(found, Goal(64)).latent_sizes == (3, 4, 5)
    closed = recommended(row(5, "too small", behind=5.0), *found.rows[1:])
    assert next_step(closed, Goal(64)).latent_sizes == (7, 8)
    far = recommended(row(2, "too small", behind=5.0), near._replace(behind=1.1), *found.rows[2:])
    assert next_step(far, Goal(64)).latent_sizes == (7, 8)


def test_a_coarse_gap_inside_a_wide_set_is_looked_into_after_more_seeds():
    small = (row(7, "too small", behind=5.0, seeds=4), row(8, "undecided", seeds=4))
    found = recommended(*small, row(24, "undecided", seeds=4), ends=(8, 24), best=8)
    inside = Step("refine", (12, 16, 20), (0, 1, 2, 3), {"code": "set spans", "low": 8, "high": 24})
    assert next_step(found, Goal(64)) == inside
    assert next_step(found, Goal(64, precision=16)).action == "repeat"
    early = dataclasses.replace(found, rows=tuple(each._replace(seeds=2) for each in found.rows))
    assert next_step(early, Goal(64)).action == "repeat"
    fine = dataclasses.replace(found, rows=(*small, row(16, "undecided", seeds=4)), high=16)
    assert next_step(fine, Goal(64)).action == "repeat"
    sure = dataclasses.replace(found, rows=(small[0], row(8, "enough", seeds=4), found.rows[2]))
    assert next_step(sure, Goal(64)).action == "repeat"


def whole(*verdicts, **given_):
    """A recommendation of the sizes 1, 2, ..., none between them untried."""
    rows = [row(k, verdict) for k, verdict in enumerate(verdicts, 1)]
    return recommended(*rows, **given_)


def test_the_largest_size_is_doubled_while_it_is_the_best_and_none_below_known_to_be_enough():
    """Once the sizes near it were tried."""
    found = whole("too small", "undecided", "undecided", ends=(2, 3))
    assert next_step(found, Goal(64)) == Step(
        "extend", (6,), (0, 1), {"code": "best so far", "size": 3}
    )
    assert next_step(found, Goal(5)).latent_sizes == (5,)
    assert next_step(found, Goal(3)).action == "repeat"
    assert next_step(dataclasses.replace(found, best=2), Goal(64)).action == "repeat"
    sure = dataclasses.replace(found, rows=(*found.rows[:1], row(2, "enough"), found.rows[2]))
    assert next_step(sure, Goal(64)).action == "repeat"
    coarse = recommended(SMALL, row(8, "undecided", behind=0.5), row(16, "undecided"))
    assert next_step(coarse, Goal(64)).action == "refine"


@pytest.mark.parametrize("draw", range(6))
def test_a_gain_that_fades_out_in_noise_is_followed_beyond_the_coarse_grid(draw):
    """As long as the largest size is the best, and examples too few to tell it from others."""
    trainer = Trainer(lambda size: 90 + 10 * 2 ** (-size / 4), Noise(paired=3.0), draw=draw)
    found, _ = searched(trainer, Goal(limit=64))
    enough = [row.latent_size for row in found.rows[:-1] if row.verdict == "enough"]
    assert found.best < found.sizes[-1] or found.sizes[-1] == 64 or enough


def test_two_more_seeds_for_the_undecided_the_best_and_the_smallest_that_is_enough():
    verdicts = ["too small", "undecided", "undecided", "enough", "enough", "enough"]
    step = next_step(whole(*verdicts, best=6, ends=(2, 4), answer=None), Goal(64))
    assert step == Step("repeat", (2, 3, 4, 6), (2, 3), {"code": "undecided", "sizes": [2, 3]})


def test_a_size_with_fewer_seeds_first_catches_up():
    found = whole("too small", "undecided", "enough", best=3, ends=(2, 3))
    rows = (found.rows[0], found.rows[1], found.rows[2]._replace(seeds=5))
    step = next_step(dataclasses.replace(found, rows=rows), Goal(3))
    assert (step.latent_sizes, step.seeds) == ((2,), (2, 3))
    rows = (found.rows[0], found.rows[1]._replace(seeds=4), found.rows[2]._replace(seeds=5))
    step = next_step(dataclasses.replace(found, rows=rows), Goal(3))
    assert (step.latent_sizes, step.seeds) == ((2,), (4,))


def test_what_seeds_cannot_decide_gets_none():
    found = whole("too small", "undecided", "undecided", "enough", best=4, ends=(2, 4))
    open_rows = [each._replace(seeds_would_decide=False) for each in found.rows]
    assert next_step(dataclasses.replace(found, rows=tuple(open_rows)), Goal(4)) is None
    open_rows[2] = found.rows[2]
    step = next_step(dataclasses.replace(found, rows=tuple(open_rows)), Goal(4))
    assert step.latent_sizes == (3, 4)


def test_at_most_five_undecided_sizes_at_once():
    step = next_step(whole("too small", *["undecided"] * 9, best=10, ends=(2, 9)), Goal(10))
    assert step.latent_sizes == (2, 3, 4, 5, 6, 10)


def test_the_most_seeds_are_the_most():
    found = whole("too small", "undecided", "enough", best=3, ends=(2, 3))
    for had, expected in [(3, (3, 4)), (4, (4,)), (5, None)]:
        rows = tuple(each._replace(seeds=had) for each in found.rows)
        step = next_step(dataclasses.replace(found, rows=rows), Goal(3, most_seeds=5))
        assert (step and step.seeds) == expected


def test_a_search_ends_when_the_set_is_as_narrow_as_was_asked_for():
    """An answer is needed, too; a set without one is no reason to end."""
    verdicts = ["too small", "undecided", "undecided", "enough"]
    found = whole(*verdicts, status="ok", answer=4, ends=(2, 4), best=4)
    assert width(found) == 2
    assert next_step(found, Goal(4, precision=2)) is None
    assert next_step(found, Goal(4, precision=1)).action == "repeat"
    undecided = dataclasses.replace(found, status="undecided", latent_size=None)
    assert next_step(undecided, Goal(4, precision=2)).action == "repeat"


def test_a_wide_set_without_undecided_sizes_takes_seeds_for_its_likely_ones():
    found = whole(*["enough"] * 4, status="ok", answer=1, ends=(1, 4), best=3)
    likely = zip(found.rows, (0.6, 0.3, 0.02, 0.08), strict=True)
    rows = [each._replace(probability=p) for each, p in likely]
    step = next_step(dataclasses.replace(found, rows=tuple(rows), best=4), Goal(64, precision=1))
    assert step == Step("repeat", (1, 2, 4), (2, 3), {"code": "wide set"})
    sure = [each._replace(seeds_would_decide=False) for each in rows]
    assert next_step(dataclasses.replace(found, rows=tuple(sure)), Goal(64, precision=1)) is None


def test_statuses_that_no_network_would_change_end_a_search():
    for status in ("nothing to encode", "one size"):
        found = dataclasses.replace(whole("undecided", "undecided", status=status), gain=-0.1)
        assert next_step(found, Goal(64)) is None


def test_a_gain_that_two_seeds_are_not_sure_of_gets_two_more():
    found = whole("undecided", "undecided", status="nothing to encode")
    step = next_step(found, Goal(64))
    assert step == Step("repeat", tuple(found.sizes), (2, 3), {"code": "gain not sure"})
    repeated = tuple(row._replace(seeds=4) for row in found.rows)
    assert next_step(dataclasses.replace(found, rows=repeated), Goal(64)) is None


def test_width_counts_what_was_not_tried_below_the_set():
    rows = [row(k, "enough") for k in (2, 4, 8, 9, 12)]
    for ends, expected in [((8, 8), 3), ((9, 9), 0), ((2, 2), 1), ((8, 12), 7), ((4, 8), 5)]:
        assert width(recommended(*rows, ends=ends)) == expected
    assert width(recommended(*rows)) is None


@given(
    st.lists(st.integers(1, 99), min_size=1, max_size=12, unique=True).map(sorted),
    st.integers(1, 5),
    st.integers(-1, 70),
    st.sampled_from(["start", "extend", "refine", "repeat"]),
)
@settings(deadline=None)
def test_a_trimmed_step_is_affordable_and_of_the_steps_sizes(sizes, seeds, networks, action):
    step = Step(action, tuple(sizes), tuple(range(seeds)), {"code": "asked for"})
    cut = trimmed(step, networks)
    if step.networks <= networks:
        assert cut == step
    elif networks < seeds or action == "repeat":
        assert cut is None
    else:
        assert networks - seeds < cut.networks <= networks
        assert set(cut.latent_sizes) < set(sizes)
        assert list(cut.latent_sizes) == sorted(set(cut.latent_sizes))
        assert cut._replace(latent_sizes=step.latent_sizes) == step


def test_a_trimmed_step_spreads_its_sizes_evenly():
    step = Step("refine", tuple(range(5, 12)), (0, 1), {"code": "asked for"})
    assert trimmed(step, 2).latent_sizes == (8,)
    assert trimmed(step, 6).latent_sizes == (6, 8, 10)
    assert trimmed(step, 13).latent_sizes[0] in (5, 6)


def test_a_search_trimmed_to_one_size_a_step_still_ends_at_the_dimension():
    trainer, goal = Trainer(falling_to(11)), Goal(limit=64)
    step, count = first_step(goal), 0
    while step:
        trainer.train(step)
        found = recommend(trainer.losses(), limit=64)
        step, count = next_step(found, goal), count + 1
        step = step and trimmed(step, 2)
        assert count < 20
    assert found.latent_size == 11


def test_the_trainer_is_as_random_as_the_simulation():
    """The two routes to losses agree in what they are made of: their spreads."""
    noise = Noise(seed=0.5, residual=0.3)
    trainer = Trainer(falling_to(4), noise, examples=400)
    trainer.train(Step("start", tuple(range(1, 9)), tuple(range(40)), {}))
    drawn = simulated(plateau(4), 40, noise, examples=400)
    for losses in (trainer.losses(), drawn):
        means = losses.values.mean(axis=2)
        rest = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
        assert rest.std() == pytest.approx(0.3, rel=0.15)
        assert means.mean(axis=0).std() == pytest.approx(0.5, rel=0.3)
        assert losses.values.std(axis=2).mean() == pytest.approx(3.0, rel=0.1)


def test_folds_begin_with_a_seed_each_and_get_whole_rounds():
    goal = Goal(8, first_seeds=10, more_seeds=10, most_seeds=30)
    trainer = Trainer(lambda size: 90 + max(3 - size, 0), Noise(residual=0.3))
    found, taken = searched(trainer, goal)
    assert taken[0].seeds == tuple(range(10))
    assert all(len(step.seeds) == 10 for step in taken)
    assert {row.seeds % 10 for row in found.rows} == {0}


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ({"code": "none below is enough", "size": 16}, "no size below 16 is enough"),
        ({"code": "gain ends between", "low": 4, "high": 12}, "the gain ends between 4 and 12"),
        ({"code": "near the best", "low": 0, "high": 3}, "3 is near the best"),
        ({"code": "set spans", "low": 8, "high": 24}, "the set spans 8 to 24"),
        ({"code": "best so far", "size": 3}, "3 is the best so far"),
        ({"code": "undecided", "sizes": [2, 3]}, "2, 3 undecided"),
        ({"code": "gain not sure"}, "a gain is seen, but not sure"),
        ({"code": "wide set"}, "the set is wider than was asked for"),
        ({"code": "coarse grid"}, "a coarse grid"),
        ({"code": "asked for"}, "asked for"),
    ],
)
def test_every_reason_has_its_words(reason, words):
    assert why(reason) == words
