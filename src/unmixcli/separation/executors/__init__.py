"""Executors: where the recordings of a batch are separated.

`Batch` decides what is to be done and reports what was done; an executor does it.
`interface` says what an executor is, `one` separates one recording, `here` does so in
this process, and `cluster` on the workers of a Dask cluster.
"""
