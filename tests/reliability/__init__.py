"""Kills, crowds and long runs: what no ordinary test sees.

Everything here happens in real processes that get real signals. Small versions with few
moments run with all other tests; the full ones, of minutes, run with::

    pytest -m slow tests/reliability -n 0

- `test_kills.py`: SIGKILL and SIGINT at random moments of `fit`, `partial_fit` and of a
  search. Nothing that was finished is lost, nothing half-trained looks finished, and
  what is started again ends as an undisturbed run does, to the last bit.
- `test_crowds.py`: six processes on one folder of checkpoints, each killed and started
  again.
- `test_folders.py`: disks that are full, folders that can't be written to or that are
  gone.
- `test_callers.py`: threads that predict beside threads that train, and forked servers.
- `test_lines.py`: interrupts at each line of a training.
- `test_long_runs.py`: memory, threads and open files over hundreds of calls.

`_processes.py` starts functions in processes of their own; `_jobs.py` holds those that
train.
"""
