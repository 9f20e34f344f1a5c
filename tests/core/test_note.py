"""Signed notes and checkpoints are C2SP's, and each has one form."""

import base64

import pytest

from stillcold_core.evidence.keys import Ed25519PrivateKey
from stillcold_core.evidence.note import (
    BadNote,
    Checkpoint,
    NoteKey,
    checkpoint_text,
    open_checkpoint,
    open_note,
    parse_note_key,
    sign_note,
)

# The example of c2sp.org/signed-note and of golang.org/x/mod/sumdb/note.
KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
NOTE = f"{TEXT}\n\u2014 PeterNeumann {SIGNATURE}\n".encode()


@pytest.mark.requirement("evidence.note")
def test_the_specification_s_example_is_read() -> None:
    key = parse_note_key(KEY)
    assert key.text == KEY
    assert open_note(NOTE, [key]) == (TEXT, key)


@pytest.mark.requirement("evidence.note")
def test_each_byte_of_a_note_counts() -> None:
    key = parse_note_key(KEY)
    for at in range(len(NOTE)):
        for bit in range(8):
            with pytest.raises(BadNote):
                open_note(NOTE[:at] + bytes([NOTE[at] ^ 1 << bit]) + NOTE[at + 1 :], [key])
    again = NOTE.decode().partition("\n\n")[2].encode()
    for changed in (NOTE + b"\n", NOTE + again, NOTE[:-1], b"", NOTE.replace(b"\n\n", b"\n\n\n")):
        with pytest.raises(BadNote):
            open_note(changed, [key])


def test_a_note_of_a_stranger_or_of_another_of_its_keys_is_refused() -> None:
    mine = Ed25519PrivateKey.generate()
    note = sign_note("said\n", "log", mine).encode()
    assert open_note(note, [NoteKey("log", mine.public_key())])[0] == "said\n"
    with pytest.raises(BadNote, match="no trusted key"):
        open_note(note, [NoteKey("log", Ed25519PrivateKey.generate().public_key()), parse_note_key(KEY)])


@pytest.mark.requirement("evidence.note")
def test_a_checkpoint_is_read_back_and_no_other_note_is_one() -> None:
    key = Ed25519PrivateKey.generate()
    keys = [NoteKey("example.org/log", key.public_key())]
    root = bytes(range(32))

    def signed(text: str) -> bytes:
        return sign_note(text, "example.org/log", key).encode()

    found = open_checkpoint(signed(checkpoint_text("example.org/log", 7, root)), keys)
    assert found == Checkpoint("example.org/log", 7, root)
    encoded = base64.b64encode(root).decode()
    for text in (
        "said\n",
        checkpoint_text("example.org/other", 7, root),
        f"example.org/log\n07\n{encoded}\n",
        f"example.org/log\n7\n{encoded}\nmore\n",
        checkpoint_text("example.org/log", 7, root[:31]),
    ):
        with pytest.raises(BadNote):
            open_checkpoint(signed(text), keys)


@pytest.mark.parametrize("text", ["", "log", "log+00000000+AQ==", KEY.replace("c74f20a3", "c74f20a4"), KEY[:-4]])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"expected <name>|the key's id"):
        parse_note_key(text)
