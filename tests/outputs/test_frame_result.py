import threading
import time

import pytest

from livefan.measures.head_pose import head_pose
from livefan.outputs import frame_result


def test_outputs_that_need_the_measures_at_once_compute_them_once(result, monkeypatch: pytest.MonkeyPatch):
    calls = []

    def slow_head_pose(*arguments):
        calls.append(threading.get_ident())
        time.sleep(0.05)
        return head_pose(*arguments)

    monkeypatch.setattr(frame_result, "head_pose", slow_head_pose)
    shared, found = result(), []
    threads = [threading.Thread(target=lambda: found.append(shared.measured)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(calls) == len(shared.faces)
    assert all(each is found[0] for each in found)
