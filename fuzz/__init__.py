"""Damaged inputs of every kind, killed runs and races: nothing may crash, hang or be lost.

::

    python -m fuzz --cases 20000 --seed 1      mutated files of all kinds
    python -m fuzz case audio 1234 --seed 1    one of them again, with its traceback
    python -m fuzz kills --count 200           runs killed at random moments
    python -m fuzz races --count 60            runs side by side in one folder
    python -m fuzz farm --count 50             a cluster whose parts are killed

Reading order: `mutation` damages bytes and text, `checkpoints` damages networks,
`seeds` makes the good files, `targets` does with a damaged file what the program
does, `cage` runs that in a child process with bounds, `__main__` counts.
"""
