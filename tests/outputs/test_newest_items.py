"""A queue between threads that keeps the newest items."""

from livefan.outputs.newest_items import NewestItems


def test_full_queue_drops_the_oldest_and_counts_it():
    items: NewestItems[int] = NewestItems(2)
    for item in (1, 2, 3):
        items.put(item)
    assert (items.take(), items.take(), items.dropped) == (2, 3, 1)


def test_waiting_items_are_taken_after_the_end_and_no_further_ones_added():
    items: NewestItems[int] = NewestItems(2)
    items.put(1)
    items.end()
    items.put(2)
    assert (items.take(), items.take(), items.dropped) == (1, None, 0)
