"""Signal processing on torch tensors: pure functions and the streams made of them.

Spectra are laid out (..., frames, bins), bins contiguous, so that frames can
arrive in blocks and every pass over a range of bins works in cache.
"""
