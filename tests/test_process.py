"""One process at a time in a folder, signals that ask to stop, names that are free."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mixtrast.process import exclusive, free_folder, free_name, stop_signals

HOLDS = """
import sys
from pathlib import Path
from mixtrast.process import exclusive
with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


BUSY = r"another process is at work on .*Wait for it"


def test_a_folder_is_locked_once_in_a_process(tmp_path):
    with exclusive(tmp_path), pytest.raises(BlockingIOError, match=BUSY), exclusive(tmp_path):
        pass
    with exclusive(tmp_path):  # free again
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_lock_ends_with_its_process_however_it_ends(tmp_path):
    other = subprocess.Popen([sys.executable, "-c", HOLDS, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert other.stdout.readline() == b"held\n"
    with pytest.raises(BlockingIOError), exclusive(tmp_path):
        pass
    other.kill()
    other.communicate()
    with exclusive(tmp_path):
        pass


def test_an_error_inside_frees_the_folder(tmp_path):
    with pytest.raises(KeyError), exclusive(tmp_path):
        raise KeyError
    with exclusive(tmp_path):
        pass


def test_a_folder_that_does_not_exist_cannot_be_locked(tmp_path):
    with pytest.raises(FileNotFoundError), exclusive(tmp_path / "none"):
        pass


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_signals_are_collected_and_handlers_come_back():
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with stop_signals(second_interrupts=False) as received:
        assert received == []
        send(signal.SIGTERM)
        send(signal.SIGINT)
        assert received == [signal.SIGTERM, signal.SIGINT]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_second_signal_interrupts_where_it_is_wanted():
    before = signal.getsignal(signal.SIGINT)
    with stop_signals(second_interrupts=True) as received:
        send(signal.SIGTERM)
        assert received == [signal.SIGTERM]
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_in_a_thread_no_handler_is_set():
    before, found = signal.getsignal(signal.SIGTERM), []

    def work() -> None:
        with stop_signals(second_interrupts=True) as received:
            found.append((signal.getsignal(signal.SIGTERM), list(received)))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [(before, [])]


def test_the_first_free_name_is_taken():
    assert free_name("a", set().__contains__) == "a"
    assert free_name("a", {"a", "a-2", "a-4"}.__contains__) == "a-3"
    assert free_name("a b", {"a b"}.__contains__, "{} ({})") == "a b (2)"


def test_a_free_folder_is_not_made_and_its_name_is_one_word(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert free_folder("my data/x-imix") == Path("runs/my-data-x-imix")
    assert not Path("runs").exists()
    Path("runs/my-data-x-imix").mkdir(parents=True)
    Path("runs/my-data-x-imix-2").write_text("a file counts too")
    assert free_folder("my data/x-imix") == Path("runs/my-data-x-imix-3")
    assert free_folder("a", tmp_path) == tmp_path / "a"
