"""Vocabulary, file formats, wire contract, profiles, detectors and evidence of Stillcold.

Nothing here opens a socket, reads a clock or writes a log: time, bytes and configuration come in as values.
"""
