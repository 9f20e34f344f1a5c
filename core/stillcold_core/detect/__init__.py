"""Detectors: pure functions of a state and samples; time is the sample's.

Each has ``step(subject, state, sample) -> (state, findings)``. A state is an immutable :class:`msgspec.Struct`, so that
saving it, restoring it elsewhere and going on changes nothing.
"""
