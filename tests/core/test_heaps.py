"""What the C library keeps of the memory that threads have freed."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

THREADS = """
import ctypes, sys, threading
from core.models.heaps import share_few_heaps
if sys.argv[1] == "shared":
    share_few_heaps()
libc, over = ctypes.CDLL("libc.so.6"), threading.Event()
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def work(done):
    libc.free(libc.malloc(10_000))
    done.set()
    over.wait()
for _ in range(6):
    done = threading.Event()
    threading.Thread(target=work, args=(done,)).start()
    done.wait()
libc.malloc_stats()
over.set()
"""


def heaps(mode: str) -> int:
    command = [sys.executable, "-c", THREADS, mode]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stderr
    return told.count("Arena ")


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc is told")
def test_threads_of_a_server_share_two_heaps() -> None:
    assert heaps("each its own") > 2
    assert heaps("shared") <= 2
