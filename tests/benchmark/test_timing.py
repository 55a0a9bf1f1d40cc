import pytest

from livefan.benchmark.timing import summarise, time_in_blocks, time_in_turn


def test_times_are_summarised_in_milliseconds():
    timing = summarise([0.001, 0.002, 0.003, 0.004, 0.1], [0.0005] * 5)
    assert timing.processor == pytest.approx(0.5)
    assert timing.median == pytest.approx(3)
    assert timing.p95 == pytest.approx(80.8)
    assert timing.per_second == pytest.approx(1000 / 3)


def test_tasks_run_in_turn_without_counting_the_first_items():
    done: list[str] = []
    timings = time_in_turn(
        {"a": lambda item: done.append(f"a{item}"), "b": lambda item: done.append(f"b{item}")},
        [0, 1, 2],
        warm_up=1,
    )
    assert done == ["a0", "b0", "a1", "b1", "a2", "b2"]
    assert timings["a"].n == timings["b"].n == 2


def test_tasks_run_in_blocks_on_fresh_copies():
    done: list[str] = []
    timings = time_in_blocks(
        {"a": lambda item: done.append(f"a{item}"), "b": lambda item: done.append(f"b{item}")},
        [0, 1, 2, 3, 4],
        block=3,
        warm_up=1,
        fresh=lambda item: 10 * item,
    )
    assert done == ["a0", "a10", "a20", "b0", "b10", "b20", "a30", "a40", "b30", "b40"]
    assert timings["a"].n == timings["b"].n == 3
