import gc

from simulator.execution.collector import YOUNG, rarely_collecting


def test_the_collector_is_left_as_it_was() -> None:
    before = gc.get_threshold()
    with rarely_collecting():
        assert gc.get_threshold() == (YOUNG, *before[1:])
    assert gc.get_threshold() == before
