"""Signal processing on torch tensors: pure functions, and streams built from them.

Spectra have the shape (..., frames, bins) with contiguous bins, so that frames
can arrive in blocks and every pass over a range of bins works in cache.
"""
