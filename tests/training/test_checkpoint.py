import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from training_family import recipe, settings

from latentsweep.training import checkpoint as checkpoints
from latentsweep.training.checkpoint import (
    Checkpoint,
    Writer,
    from_named_arrays,
    last_checkpoint,
    named_arrays,
    remove_checkpoints,
    write_checkpoint,
)
from latentsweep.training.steps import initial_state


def checkpoint(epochs: int) -> Checkpoint:
    state = initial_state(settings(2, seed=epochs), recipe(3))
    terms = np.arange(epochs, dtype=np.float32)[:, None]
    first = np.ones(1, np.float32)
    return Checkpoint(jax.device_get(state), terms, terms + 1, first, 2.5 * epochs)


def test_leaves_are_named_by_their_path_and_come_back():
    state = checkpoint(0).state
    arrays = named_arrays(state)
    assert {"vae/encoder/heads/weight", "vae/decoder/output/bias", "epoch", "alive"} <= set(arrays)
    assert "optimiser/mu/encoder/hidden/weight" in arrays
    jax.tree.map(np.testing.assert_array_equal, from_named_arrays(state, arrays), state)


def test_two_files_are_written_in_turn_and_the_newest_is_read(tmp_path):
    for epochs in (1, 2, 3):
        write_checkpoint(tmp_path, checkpoint(epochs))
    assert {f.name for f in tmp_path.iterdir()} == {"a.safetensors", "b.safetensors"}
    got = last_checkpoint(tmp_path, checkpoint(0).state)
    assert got is not None
    assert (got.epoch, got.seconds) == (3, 7.5)
    np.testing.assert_array_equal(got.penalty, checkpoint(3).penalty)
    jax.tree.map(np.testing.assert_array_equal, got.state, checkpoint(3).state)


def test_a_damaged_newest_file_leaves_the_one_before(tmp_path):
    for epochs in (1, 2):
        write_checkpoint(tmp_path, checkpoint(epochs))
    newest = tmp_path / "a.safetensors"
    newest.write_bytes(newest.read_bytes()[:-50])
    got = last_checkpoint(tmp_path, checkpoint(0).state)
    assert got is not None
    assert got.epoch == 1


def test_no_checkpoint_is_none_and_removing_is_harmless(tmp_path):
    remove_checkpoints(tmp_path)
    assert last_checkpoint(tmp_path, checkpoint(0).state) is None
    write_checkpoint(tmp_path, checkpoint(1))
    remove_checkpoints(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_types_survive(tmp_path):
    write_checkpoint(tmp_path, checkpoint(1))
    got = last_checkpoint(tmp_path, checkpoint(0).state)
    assert got is not None
    assert got.state.alive.dtype == jnp.bool_
    assert got.state.epoch.dtype == jnp.int32


def test_writing_takes_at_most_a_tenth_of_the_time(tmp_path, monkeypatch):
    now, written = [0.0], []

    def slowly(folder, each):
        assert folder == tmp_path
        written.append(each.epoch)
        now[0] += 0.02

    monkeypatch.setattr(checkpoints, "_TIMES_AS_LONG", 10)
    monkeypatch.setattr(checkpoints.time, "perf_counter", lambda: now[0])
    monkeypatch.setattr(checkpoints, "write_checkpoint", slowly)
    writer, state = Writer(tmp_path), checkpoint(0)
    for epoch in range(100):
        now[0] += 0.005
        writer.write(dataclasses.replace(state, penalty=np.zeros((epoch, 1), np.float32)))
    assert written[0] == 0
    assert 2 <= len(written) <= 0.1 * now[0] / 0.02 + 1
    written.clear()
    for epoch in range(3):  # epochs of a second
        now[0] += 1
        writer.write(dataclasses.replace(state, penalty=np.zeros((epoch, 1), np.float32)))
    assert written == [0, 1, 2]
