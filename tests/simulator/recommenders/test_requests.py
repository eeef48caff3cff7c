import numpy as np

from simulator.recommenders.planted import requests_of

REQUESTS = requests_of([np.array([5, 6, 7]), np.array([], dtype=np.int64), np.array([8])], [np.array([1])] * 3)


def test_rows_and_ages_count_from_the_newest():
    assert REQUESTS.row().tolist() == [0, 0, 0, 2]
    assert REQUESTS.age().tolist() == [2, 1, 0, 0]


def test_a_part_is_a_batch_of_its_own():
    part = REQUESTS.part(1, 3)
    assert part.history.tolist() == [8]
    assert part.starts.tolist() == [0, 0, 1]
    assert part.exclude_starts.tolist() == [0, 1, 2]
    assert part.user_id.tolist() == [1, 2]


def test_withheld_items_are_excluded_too():
    some = REQUESTS.barring([np.array([2, 3]), np.array([], dtype=np.int64), np.array([4])], np.array([0, 2, 1]))
    rows = [
        some.exclude[first:last].tolist()
        for first, last in zip(some.exclude_starts[:-1], some.exclude_starts[1:], strict=True)
    ]
    assert rows == [[1, 2, 3], [1, 4], [1]]
    assert some.history.tolist() == REQUESTS.history.tolist()
    uneven = requests_of([np.array([1])] * 3, [np.array([1]), np.array([], dtype=np.int64), np.array([5, 6])])
    some = uneven.barring([np.array([9])], np.zeros(3, dtype=np.int64))
    assert some.exclude.tolist() == [1, 9, 9, 5, 6, 9]
    assert some.exclude_starts.tolist() == [0, 2, 3, 6]
