"""The random numbers are MATLAB's, however the draws are split, saved or threaded."""

from __future__ import annotations

import math
import pickle
import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import dlgru as dl
from dlgru.errors import DlgruTypeError, DlgruValueError
from dlgru.rng import RngSettings, raw_rand, raw_randi, raw_randn, raw_randperm, rng
from dlgru.twister import Stream

# Start-up sequence of MATLAB after `rng default`: randn(1,60).  MathWorks' stripdims page prints
# the first 12 to four digits.
START_UP_RANDN = """
    0.537667139546100  1.833885014595086 -2.258846861003648  0.862173320368121  0.318765239858981
   -1.307688296305273 -0.433592022305684  0.342624466538650  3.578396939725760  2.769437029884877
   -1.349886940156521  3.034923466331855  0.725404224946106 -0.063054873189656  0.714742903826096
   -0.204966058299775 -0.124144348216312  1.489697607785465  1.409034489800479  1.417192413429614
    0.671497133608080 -1.207486922685038  0.717238651328838  1.630235289164729  0.488893770311789
    1.034693009917860  0.726885133383238 -0.303440924786016  0.293871467096658 -0.787282803758638
    0.888395631757642 -1.147070106969150 -1.068870458168032 -0.809498694424876 -2.944284161994896
    1.438380292815098  0.325190539456198 -0.754928319169703  1.370298540095228 -1.711516418853698
   -0.102242446085491 -0.241447041607358  0.319206739165502  0.312858596637428 -0.864879917324456
   -0.030051296196269 -0.164879019209038  0.627707287528727  1.093265669039484  1.109273297614398
   -0.863652821988714  0.077359091130425 -1.214117043615409 -1.113500741486764 -0.006849328103348
    1.532630308284750 -0.769665913753682  0.371378812760058 -0.225584402271252  1.117356138814467
"""


class Reference:
    """The rules in plain Python, one number at a time, from the bare words of the generator."""

    R = 3.6541528853610087963519472518

    def __init__(self, seed: int = 0, state: np.ndarray | None = None) -> None:
        self.bits = np.random.MT19937()
        if state is None:
            self.bits.state = np.random.RandomState(seed or 5489).get_state(legacy=False)
        else:
            inner = {"key": state[:624], "pos": int(state[624])}
            self.bits.state = {"bit_generator": "MT19937", "state": inner}
        self.words: list[int] = []
        # z[i] for i = 1..256, z[256] the base strip that stands for the tail.
        r, f = self.R, self.density
        area = r * f(r) + math.sqrt(math.pi / 2) * math.erfc(r / math.sqrt(2))
        self.z = [0.0] * 257
        self.z[256], self.z[255] = area / f(r), r
        for i in range(254, 0, -1):
            self.z[i] = math.sqrt(-2 * math.log(area / self.z[i + 1] + f(self.z[i + 1])))

    @staticmethod
    def density(x: float) -> float:
        return math.exp(-0.5 * x * x)

    def word(self) -> int:
        if not self.words:
            self.words = self.bits.random_raw(100_000).tolist()[::-1]
        return self.words.pop()

    def rand(self) -> float:
        a = self.word() >> 5
        b = self.word() >> 6
        return max((a * 2**26 + b) / 2**53, 2.0**-53)

    def randn(self) -> float:
        z, f = self.z, self.density
        while True:
            a = self.word()
            b = self.word()
            i = (b >> 24) + 1
            x = (2 * (((a >> 3) << 24) + (b & 0xFFFFFF)) / 2**53 - 1) * z[i]
            if abs(x) < z[i - 1]:
                return x
            if i == 256:
                while True:
                    s = -math.log(self.rand()) / self.R
                    t = -math.log(self.rand())
                    if 2 * t > s * s:
                        return math.copysign(self.R + s, x)
            if f(z[i]) + self.rand() * (f(z[i - 1]) - f(z[i])) < f(x):
                return x


@pytest.fixture(autouse=True)
def _same_global_stream_afterwards() -> Iterator[None]:
    before = rng()
    yield
    rng(before)


def lengths(total: int, pattern: str) -> list[int]:
    if pattern == "whole":
        return [total]
    if pattern == "ones":
        return [1] * total
    random = np.random.RandomState(7)
    sizes: list[int] = []
    while sum(sizes) < total:
        sizes.append(int(random.choice([0, 1, 7, 31, 33, 311, 312, 313, 5000, 40_000])))
    sizes[-1] -= sum(sizes) - total
    return sizes


def test_randn_is_matlabs_start_up_sequence() -> None:
    published = np.array([float(v) for v in START_UP_RANDN.split()])
    assert published.size == 60
    assert np.abs(Stream(0).randn((60,)) - published).max() < 5e-15


@pytest.mark.parametrize("seed", [1, 13, 5489, 2**32 - 1])
def test_rand_is_numpys_legacy_twister_column_by_column(seed: int) -> None:
    expected = np.random.RandomState(seed).random_sample(12).reshape((3, 4), order="F")
    drawn = Stream(seed).rand((3, 4))
    assert np.array_equal(drawn, expected)
    assert drawn.flags.f_contiguous


def test_seed_zero_stands_for_5489() -> None:
    # The first numbers of a fresh MATLAB.
    first = [0.8147, 0.9058, 0.1270, 0.9134, 0.6324]
    assert Stream(0).rand((1, 5)).round(4).tolist() == [first]
    assert np.array_equal(Stream(0).rand((50, 50)), Stream(5489).rand((50, 50)))


@pytest.mark.parametrize("seed", [0, 1, 13, 2**32 - 1])
def test_200_000_draws_equal_the_plain_rules_however_split(seed: int) -> None:
    total = 200_000
    reference = Reference(seed)
    normal = np.array([reference.randn() for _ in range(total)])
    after = [reference.rand() for _ in range(3)]
    assert (np.abs(normal) > Reference.R).sum() > 20  # the tail is among them
    for pattern in ("whole", "mixed", "ones"):
        stream = Stream(seed)
        parts = [stream.randn((n, 1)) for n in lengths(total, pattern)]
        assert np.array_equal(np.concatenate(parts)[:, 0], normal), pattern
        assert stream.rand((3,)).tolist() == after, pattern


@pytest.mark.parametrize("pattern", ["whole", "mixed", "ones"])
def test_rand_does_not_depend_on_the_split(pattern: str) -> None:
    stream = Stream(21)
    parts = [stream.rand((1, n)) for n in lengths(100_000, pattern)]
    expected = np.random.RandomState(21).random_sample(100_000)
    assert np.array_equal(np.concatenate(parts, axis=1)[0], expected)


calls = st.lists(
    st.tuples(
        st.sampled_from(["rand", "randn", "randi", "randperm", "state"]), st.integers(0, 700)
    ),
    max_size=30,
)


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), plan=calls)
def test_mixed_calls_share_one_sequence(seed: int, plan: list[tuple[str, int]]) -> None:
    stream, reference = Stream(seed), Reference(seed)
    for name, n in plan:
        if name == "rand":
            assert stream.rand((n,)).tolist() == [reference.rand() for _ in range(n)]
        elif name == "randn":
            assert stream.randn((n,)).tolist() == [reference.randn() for _ in range(n)]
        elif name == "randi":
            expected = [-3 + math.floor(8 * reference.rand()) for _ in range(n)]
            assert stream.randi((-3, 4), (n,)).tolist() == expected
        elif name == "randperm":
            keys = [reference.rand() for _ in range(n)]
            assert stream.randperm(n).tolist() == [[i + 1 for i in np.argsort(keys)]]
        else:
            stream.state()  # looking must not move the sequence


def untempered(word: int) -> int:
    """Undo the Mersenne Twister's tempering: the key word that comes out as `word`."""
    word ^= word >> 18
    word ^= (word << 15) & 0xEFC60000
    undone = word
    for _ in range(5):
        undone = word ^ ((undone << 7) & 0x9D2C5680)
    word = undone & 0xFFFFFFFF
    undone = word
    for _ in range(3):
        undone = word ^ (undone >> 11)
    return undone


def state_giving(words: dict[int, int]) -> np.ndarray:
    """Return a state whose next 624 words are a seed's, but for the given ones."""
    bits = np.random.MT19937()
    bits.state = np.random.RandomState(3).get_state(legacy=False)
    coming = bits.random_raw(624)
    for place, word in words.items():
        coming[place] = word
    return np.array([*(untempered(int(w)) for w in coming), 0], dtype=np.uint32)


@pytest.mark.parametrize("place", range(300, 312))
@pytest.mark.parametrize("sign", [0, 0xFFFFFFFF])
def test_a_tail_draw_may_run_into_the_next_block(place: int, sign: int) -> None:
    state = state_giving({2 * place: sign, 2 * place + 1: 0xFF000000 | (sign & 0xFFFFFF)})
    stream, reference = Stream(0), Reference(state=state)
    stream.set_state(state)
    drawn = stream.randn((311,))
    assert drawn.tolist() == [reference.randn() for _ in range(311)]
    extreme = drawn[abs(drawn) > Reference.R]
    assert place == 311 or (len(extreme) == 1 and (extreme[0] > 0) == (sign != 0))
    assert stream.randn((400,)).tolist() == [reference.randn() for _ in range(400)]


def test_rand_never_gives_zero_or_one() -> None:
    stream = Stream(0)
    for shape in ((1,), (300,)):
        stream.set_state(state_giving({0: 31, 1: 63, 2: 0xFFFFFFFF, 3: 0xFFFFFFFF}))
        first = float(stream.rand(shape)[0])
        assert first == 2.0**-53
    assert float(stream.rand((1,))[0]) > 0
    stream.set_state(state_giving({0: 31, 1: 63, 2: 0xFFFFFFFF, 3: 0xFFFFFFFF}))
    assert stream.rand((2,)).tolist() == [2.0**-53, 1 - 2.0**-53]


def test_randi_reproduces_the_documented_sequence_lengths() -> None:
    # Setup of the masked loss examples in MATLAB's l2loss page: randi(15,[1 12]) after rng default.
    lengths_drawn = Stream(0).randi(15, (1, 12))
    assert lengths_drawn.tolist() == [[13, 14, 2, 14, 10, 2, 5, 9, 15, 15, 3, 15]]
    assert lengths_drawn.dtype == np.float64


def test_randi_covers_its_limits_and_nothing_else() -> None:
    assert set(Stream(4).randi((-2, 2), (2000,)).tolist()) == {-2, -1, 0, 1, 2}
    assert set(Stream(4).randi(3, (2000,)).tolist()) == {1, 2, 3}
    assert set(Stream(4).randi([7, 7], (5,)).tolist()) == {7}
    top = Stream(0)
    top.set_state(state_giving({0: 0xFFFFFFFF, 1: 0xFFFFFFFF}))
    assert top.randi(2**53 - 1, (1,)).tolist() == [2**53 - 1]


def test_printed_losses_of_matlabs_pages_follow_from_the_stream() -> None:
    # MATLAB documentation, l2loss: 1.4748; mse of a posted run: 0.3697; crossentropy: 2.3343.
    stream = Stream(0)
    y, t = stream.rand((10, 12)), stream.rand((10, 12))
    assert ((y - t) ** 2).sum() / 12 == pytest.approx(1.474752, abs=5e-7)
    stream = Stream(0)
    y, t = stream.rand((3, 7)), stream.rand((3, 7))
    assert ((y - t) ** 2).sum() / 7 / 2 == pytest.approx(0.36968204814027596, rel=1e-14)
    stream = Stream(0)
    y, classes = stream.rand((10, 12)), stream.randi(10, (1, 12))[0].astype(int)
    log_probability = y - np.log(np.exp(y).sum(axis=0))
    chosen = log_probability[classes - 1, np.arange(12)]
    assert -chosen.sum() / 12 == pytest.approx(2.334334, abs=5e-7)


def test_randperm_is_the_order_that_sorts_rand() -> None:
    assert Stream(0).randperm(6).tolist() == [[6, 3, 5, 1, 2, 4]]
    assert Stream(0).randperm(6, 2).tolist() == [[6, 3]]
    keys = np.random.RandomState(13).random_sample(88)
    assert np.array_equal(Stream(13).randperm(88)[0], np.argsort(keys, kind="stable") + 1)
    assert Stream(0).randperm(0).shape == (1, 0)
    assert Stream(0).randperm(5, 0).shape == (1, 0)
    assert Stream(0).randperm(5).dtype == np.float64


def test_negative_sizes_count_as_zero() -> None:
    stream = Stream(0)
    assert stream.rand((-3, 4)).shape == (0, 4)
    assert stream.randn((2, -1, 3)).shape == (2, 0, 3)
    assert stream.randi(5, (0, 0)).shape == (0, 0)
    assert np.array_equal(stream.rand((2.0, np.int64(2))), Stream(0).rand((2, 2)))


def test_results_are_column_major_and_own_their_memory() -> None:
    for drawn in (
        Stream(0).rand((3, 4, 5)),
        Stream(0).randn((40, 4, 5)),
        Stream(0).randi(9, (3, 4)),
    ):
        assert drawn.flags.f_contiguous and not drawn.flags.c_contiguous
        assert drawn.flags.owndata


@pytest.mark.parametrize("name", ["rand", "randn"])
@pytest.mark.parametrize("before", [0, 1, 100, 312, 40_000])
def test_a_state_brings_back_the_place_in_the_sequence(name: str, before: int) -> None:
    stream = Stream(8)
    getattr(stream, name)((before,))
    state = stream.state()
    assert state.shape == (625,) and state.dtype == np.uint32
    expected = stream.randn((500,))
    other = Stream(99)
    other.set_state(state.reshape(625, 1))
    assert np.array_equal(other.randn((500,)), expected)
    assert np.array_equal(stream.state(), other.state())


def test_a_fresh_state_is_the_seeded_generator() -> None:
    state = Stream(0).state()
    assert state[[0, 1, 2, 624]].tolist() == [5489, 1301868182, 2938499221, 624]


def test_a_stream_survives_pickling_in_the_middle() -> None:
    stream = Stream(8)
    stream.randn((1000,))
    twin = pickle.loads(pickle.dumps(stream))
    assert np.array_equal(twin.randn((1000,)), stream.randn((1000,)))


@pytest.mark.parametrize(
    "state",
    [
        np.zeros(624),
        np.full(625, 2**32),
        np.full(625, 625),
        np.full(625, 0.5),
        np.array(["a"] * 625),
    ],
)
def test_a_wrong_state_is_refused_and_changes_nothing(state: np.ndarray) -> None:
    stream = Stream(8)
    stream.rand((5,))
    with pytest.raises(DlgruValueError, match="625 whole numbers"):
        stream.set_state(state)
    assert stream.rand((5,)).tolist() == Stream(8).rand((10,))[5:].tolist()


def test_rng_seeds_the_stream_all_functions_share() -> None:
    rng(13)
    reference = Stream(13)
    assert np.array_equal(raw_rand((2, 3)), reference.rand((2, 3)))
    assert np.array_equal(raw_randn((40, 3)), reference.randn((40, 3)))
    assert np.array_equal(raw_randi(7, (3, 3)), reference.randi(7, (3, 3)))
    assert np.array_equal(raw_randi((-1, 7), (3, 3)), reference.randi((-1, 7), (3, 3)))
    assert np.array_equal(raw_randperm(9), reference.randperm(9))
    assert np.array_equal(raw_randperm(9, 4), reference.randperm(9, 4))


@pytest.mark.parametrize("call", [("default",), (0,), ("twister",), ("DEFAULT", "Twister"), (0.0,)])
def test_rng_default_is_seed_zero(call: tuple[object, ...]) -> None:
    rng(77)
    raw_rand((10,))
    rng(*call)  # type: ignore[arg-type]
    assert rng().Seed == 0
    assert raw_rand((1, 2)).round(4).tolist() == [[0.8147, 0.9058]]


def test_rng_returns_the_settings_before_the_call() -> None:
    rng(3)
    raw_randn((100,))
    before = rng(4)
    assert (before.Type, before.Seed) == ("twister", 3)
    assert rng().Seed == 4
    after = rng(before)
    assert after.Seed == 4
    reference = Stream(3)
    reference.randn((100,))
    assert np.array_equal(raw_rand((20,)), reference.rand((20,)))


def test_rng_settings_can_be_kept_and_restored_many_times() -> None:
    rng(5, "twister")
    raw_rand((1, 3))
    s = rng()
    assert s == rng()
    first = raw_randn((50,))
    assert s != rng()
    for _ in range(2):
        rng({"Type": np.array(["twister"]), "Seed": np.array([[5]]), "State": s.State[:, None]})
        assert np.array_equal(raw_randn((50,)), first)
        assert rng().Seed == 5


def test_settings_show_what_they_are() -> None:
    rng(5)
    assert repr(rng()) == "RngSettings(Type='twister', Seed=5, State=[625×1 uint32])"
    assert rng() != "twister"
    with pytest.raises(TypeError):
        hash(rng())


def test_shuffle_takes_a_new_seed_and_tells_it() -> None:
    seeds = set()
    for _ in range(4):
        rng("shuffle")
        seed = rng().Seed
        drawn = raw_rand((5,))
        assert np.array_equal(drawn, Stream(seed).rand((5,)))
        seeds.add(seed)
    assert len(seeds) > 1


@pytest.mark.parametrize("seed", [-1, 2**32, 1.5, float("nan"), float("inf")])
def test_a_bad_seed_is_refused(seed: float) -> None:
    with pytest.raises(DlgruValueError, match=r"rng: seed is .*whole number from 0 to 4294967295"):
        rng(seed)


@pytest.mark.parametrize(
    "seed", [dl.dlarray(13), dl.dlarray(13, "C"), dl.single(13), np.array([[13.0]]), np.int64(13)]
)
def test_a_seed_may_be_an_array_of_one_element(seed: Any) -> None:
    rng(13)
    expected = raw_rand((1, 3))
    rng(seed)
    assert rng().Seed == 13 and type(rng().Seed) is int
    assert np.array_equal(raw_rand((1, 3)), expected)
    settings = rng()
    rng({"Type": "twister", "Seed": dl.dlarray(settings.Seed), "State": settings.State})
    assert rng() == settings


@pytest.mark.parametrize("seed", [True, [1], b"default"])
def test_a_seed_that_is_no_number_is_refused(seed: object) -> None:
    with pytest.raises(DlgruTypeError, match="rng: seed is"):
        rng(seed)  # type: ignore[arg-type]


def test_other_generators_are_refused_by_name() -> None:
    with pytest.raises(DlgruValueError, match=r'generator of MATLAB is not in dlgru.*"philox"'):
        rng(1, "philox")
    with pytest.raises(DlgruValueError, match='"Threefry"'):
        rng("Threefry")
    with pytest.raises(DlgruValueError, match='"twistr", expected "twister", or "default"'):
        rng("twistr")
    with pytest.raises(DlgruValueError, match=r'a struct without "Seed" and "State"'):
        rng({"Type": "twister"})
    rng(1)
    with pytest.raises(DlgruValueError, match='"combRecursive"'):
        rng(RngSettings("combRecursive", 3, rng().State))
    assert rng().Seed == 1


def test_bad_arguments_are_refused() -> None:
    stream = Stream(0)
    for bad in (0, -1, 1.5, 2**53 + 2, float("nan")):
        with pytest.raises(DlgruValueError, match="randi: imax is"):
            stream.randi(bad, (2, 2))
    for limits in ((3, 2), (1, 2, 3), (-(2**53), 2**53)):
        with pytest.raises(DlgruValueError, match="randi: limits is"):
            stream.randi(limits, (2, 2))
    with pytest.raises(DlgruValueError, match=r"rand: size is 2\.5, expected a whole number\."):
        stream.rand((2.5, 1))
    with pytest.raises(DlgruTypeError, match="randn: size is 'a'"):
        stream.randn(("a",))  # type: ignore[arg-type]
    with pytest.raises(DlgruTypeError, match=r"Write \(3, 3\) for a square"):
        stream.rand(3)  # type: ignore[arg-type]
    with pytest.raises(DlgruValueError, match="randperm: n is -1, expected a whole number from 0"):
        stream.randperm(-1)
    with pytest.raises(DlgruValueError, match="randperm: k is 4, expected at most n = 3"):
        stream.randperm(3, 4)
    assert np.array_equal(stream.rand((5,)), Stream(0).rand((5,)))  # nothing was drawn


def test_threads_share_the_stream_without_losing_or_repeating_numbers() -> None:
    rng(6)
    drawn: list[np.ndarray] = []

    def work() -> None:
        for _ in range(200):
            drawn.append(raw_rand((37,)))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    everything = np.concatenate(drawn)
    assert np.array_equal(np.sort(everything), np.sort(Stream(6).rand((8 * 200 * 37,))))
    starts = {piece[0]: piece for piece in drawn}
    for piece in Stream(6).rand((37, 1600)).T:
        assert np.array_equal(starts[piece[0]], piece)  # each draw is one unbroken piece


def test_a_million_normal_numbers_take_no_loop_over_them() -> None:
    stream = Stream(1)
    stream.randn((1000,))
    best = math.inf
    for _ in range(5):
        start = time.perf_counter()
        stream.randn((1000, 1000))
        best = min(best, time.perf_counter() - start)
    assert best < 0.2  # 0.02 s measured; a Python loop per number takes about 0.5 s
