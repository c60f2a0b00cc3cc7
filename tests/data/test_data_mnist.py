import gzip
import hashlib
import os
import re
import socket
import struct
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from latentsweep.data import catalogue
from latentsweep.data.prepare import prepare
from latentsweep.data.sources import mnist
from latentsweep.errors import DataError
from latentsweep.study import Study

REAL = os.environ.get("LATENTSWEEP_DATA")
needs_mnist = pytest.mark.skipif(
    not REAL, reason="LATENTSWEEP_DATA is unset: the real MNIST is not at hand"
)
IMAGES, LABELS, TEST_LABELS = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-labels-idx1-ubyte",
)


def idx_file(array):
    lengths = struct.pack(f">{array.ndim}I", *array.shape)
    return bytes([0, 0, 8, array.ndim]) + lengths + array.astype(np.uint8).tobytes()


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.fixture
def tiny(monkeypatch, tmp_path):
    """Published files of 7 training and 3 test images, and a user without any of them."""
    contents = {
        "train-images-idx3-ubyte": idx_file(np.arange(7 * 20).reshape(7, 4, 5)),
        "t10k-images-idx3-ubyte": idx_file(np.arange(140, 200).reshape(3, 4, 5)),
        "train-labels-idx1-ubyte": idx_file(np.arange(7)),
        "t10k-labels-idx1-ubyte": idx_file(np.arange(7, 10)),
    }
    monkeypatch.setattr(mnist, "FILES", {name: digest(c) for name, c in contents.items()})
    monkeypatch.setattr(mnist, "user_cache_path", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv("LATENTSWEEP_DATA", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return contents


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "latentsweep" / "mnist"


@pytest.fixture
def serve():
    """Start a mirror on 127.0.0.1 that serves some files; returns its address."""
    servers = []

    def start(files):
        class Mirror(BaseHTTPRequestHandler):
            def do_HEAD(self):
                self.answer(with_body=False)

            def do_GET(self):
                self.answer(with_body=True)

            def answer(self, *, with_body):
                body = files.get(self.path[1:])
                self.send_response(404 if body is None else 200)
                self.send_header("Content-Length", str(len(body or b"")))
                self.end_headers()
                if with_body and body is not None:
                    self.wfile.write(body)

            def log_message(self, *arguments):
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Mirror)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        servers.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}/"

    yield start
    for server, thread in servers:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def refusing():
    """A mirror at whose port nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


@pytest.fixture
def silent():
    """A mirror that accepts connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/"


def gzipped(contents):
    return {f"{name}.gz": gzip.compress(content) for name, content in contents.items()}


def put(folder, files):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)


def everything_in(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def load(mirrors):
    return prepare(mnist.read(mirrors=mirrors), Study(name="x"))


def is_tiny(data):
    np.testing.assert_array_equal(data.values, np.arange(200).reshape(10, 4, 5, 1))
    np.testing.assert_array_equal(data.labels, np.arange(10))
    np.testing.assert_array_equal(data.splits["train"], np.arange(7))
    np.testing.assert_array_equal(data.splits["test"], np.arange(7, 10))
    return True


@pytest.mark.parametrize("wrap", [gzipped, dict])
def test_files_are_read_from_the_users_own_folder_gzipped_or_not(
    tiny, monkeypatch, tmp_path, cache, wrap
):
    put(tmp_path / "own" / "mnist", wrap(tiny))
    monkeypatch.setenv("LATENTSWEEP_DATA", str(tmp_path / "own"))
    data = load(mirrors=())
    assert is_tiny(data)
    assert data.source == str(tmp_path / "own" / "mnist")
    assert not cache.exists()


def test_the_users_own_folder_goes_before_the_cache(tiny, monkeypatch, tmp_path, cache):
    put(cache, gzipped(tiny))
    assert mnist.find() == cache
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("LATENTSWEEP_DATA", str(tmp_path / "own"))
    assert mnist.places() == (tmp_path / "own" / "mnist", cache)
    assert mnist.find() == cache
    put(tmp_path / "own" / "mnist", tiny)
    assert mnist.find() == tmp_path / "own" / "mnist"
    (tmp_path / "own" / "mnist" / IMAGES).unlink()
    assert mnist.find() == cache


def test_an_own_folder_that_does_not_exist(tiny, monkeypatch, tmp_path):
    monkeypatch.setenv("LATENTSWEEP_DATA", str(tmp_path / "none"))
    with pytest.raises(DataError) as caught:
        mnist.find()
    assert str(caught.value) == (
        f"LATENTSWEEP_DATA: must be an existing folder, got '{tmp_path / 'none'}'; create it, or "
        "unset the variable"
    )


def test_a_file_that_is_not_the_published_one(tiny, cache):
    other = idx_file(np.arange(1, 8))
    put(cache, gzipped({**tiny, LABELS: other}))
    with pytest.raises(DataError) as caught:
        load(mirrors=())
    assert str(caught.value) == (
        f"{cache / LABELS}.gz: the SHA-256 of the decompressed bytes must be "
        f"{digest(tiny[LABELS])}, got {digest(other)}; delete it to download it again, or replace "
        "it"
    )


def test_a_file_that_is_cut_short(tiny, cache):
    files = gzipped(tiny)
    put(cache, {**files, f"{IMAGES}.gz": files[f"{IMAGES}.gz"][:-9]})
    text = re.escape(f"{cache / IMAGES}.gz: damaged gzip data (")
    with pytest.raises(DataError, match=rf"^{text}.+\); get the published file again$"):
        load(mirrors=())


def test_a_file_larger_than_the_published_one_is_not_read_whole(tiny, cache, monkeypatch):
    put(cache, tiny)
    with (cache / LABELS).open("ab") as file:
        file.truncate(2**40)
    with pytest.raises(DataError, match="the SHA-256 of the decompressed bytes must be"):
        mnist.read()


def test_a_mirror_that_sends_more_than_was_published_is_left(tiny, serve, monkeypatch):
    monkeypatch.setattr(mnist, "_most_read", lambda _: 10)
    mirror = serve({f"{name}.gz": gzip.compress(content) for name, content in tiny.items()})
    with pytest.raises(DataError, match="more bytes than were published"):
        mnist.read(mirrors=[mirror])


def test_a_file_that_cannot_be_read(tiny, cache, monkeypatch):
    put(cache, tiny)

    def refuse(path, *mode):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError) as caught:
        load(mirrors=())
    assert str(caught.value) == (
        f"{cache / IMAGES}: cannot be read (Permission denied); make it readable"
    )


def test_a_download_is_kept_and_found_the_next_time(tiny, cache, serve):
    files = gzipped(tiny)
    mirror = serve(files)
    data = load(mirrors=[mirror])
    assert is_tiny(data)
    assert data.source == mirror
    assert everything_in(cache) == sorted(files)
    again = load(mirrors=())
    assert is_tiny(again)
    assert (again.source, again.hash) == (str(cache), data.hash)


def test_a_mirror_may_send_the_files_unwrapped(tiny, cache, serve):
    mirror = serve({f"{name}.gz": content for name, content in tiny.items()})
    assert is_tiny(load(mirrors=[mirror]))
    assert is_tiny(load(mirrors=()))


@pytest.mark.parametrize("first", ["refusing", "silent"])
def test_the_second_mirror_is_used_if_the_first_is_down(tiny, serve, request, first):
    mirrors = [request.getfixturevalue(first), serve(gzipped(tiny))]
    began = time.monotonic()
    assert mnist.answering(mirrors) == mirrors[1]
    assert is_tiny(load(mirrors))
    assert time.monotonic() - began < mnist.PROBE_SECONDS


@pytest.mark.parametrize("damage", [lambda raw: raw[:-5], lambda raw: gzip.compress(raw)])
def test_the_second_mirror_is_used_for_a_file_that_the_first_has_wrong(
    tiny, serve, monkeypatch, damage
):
    files = gzipped(tiny)
    name = f"{TEST_LABELS}.gz"
    mirrors = [serve({**files, name: damage(files[name])}), serve(files)]
    monkeypatch.setattr(mnist, "answering", lambda mirrors: mirrors[0])
    assert is_tiny(load(mirrors))


def test_a_wrong_download_leaves_nothing_behind(tiny, tmp_path, cache, serve):
    other = idx_file(np.arange(1, 4))
    mirror = serve(gzipped({**tiny, TEST_LABELS: other}))
    with pytest.raises(DataError) as caught:
        load(mirrors=[mirror])
    assert str(caught.value) == (
        f"{mirror}{TEST_LABELS}.gz: the SHA-256 of the decompressed bytes must be "
        f"{digest(tiny[TEST_LABELS])}, got {digest(other)}; try again later, or put the four files "
        f"({', '.join(tiny)}; gzipped or not) into {cache}, or set LATENTSWEEP_DATA to the folder "
        "that holds mnist/"
    )
    assert everything_in(tmp_path) == []


def test_where_all_mirrors_fail_the_first_failure_is_told(tiny, serve, monkeypatch):
    mirrors = [serve(gzipped({**tiny, LABELS: b"other"})), serve({})]
    monkeypatch.setattr(mnist, "answering", lambda mirrors: mirrors[0])
    with pytest.raises(DataError, match=rf"^{mirrors[0]}{LABELS}\.gz: the SHA-256 .+"):
        load(mirrors)


def test_a_download_that_fails_leaves_nothing_behind(tiny, tmp_path, cache, serve):
    files = gzipped(tiny)
    del files[f"{LABELS}.gz"]
    mirror = serve(files)
    with pytest.raises(DataError) as caught:
        load(mirrors=[mirror])
    assert str(caught.value) == (
        f"{mirror}{LABELS}.gz: the download failed (404 Client Error: Not Found for url: "
        f"{mirror}{LABELS}.gz); try again later, or put the four files ({', '.join(tiny)}; gzipped "
        f"or not) into {cache}, or set LATENTSWEEP_DATA to the folder that holds mnist/"
    )
    assert everything_in(tmp_path) == []


def test_where_it_is_neither_on_disk_nor_to_be_downloaded(
    tiny, monkeypatch, tmp_path, cache, refusing
):
    (tmp_path / "own").mkdir()
    monkeypatch.setenv("LATENTSWEEP_DATA", str(tmp_path / "own"))
    with pytest.raises(DataError) as caught:
        load(mirrors=[refusing])
    assert str(caught.value) == (
        "mnist: the four files must be on disk or to be downloaded, but they are not in "
        f"{tmp_path / 'own' / 'mnist'} and {cache} and no mirror ({refusing}) answered within 5 "
        f"seconds; connect to the internet, or put the four files ({', '.join(tiny)}; gzipped or "
        f"not) into {cache}, or set LATENTSWEEP_DATA to the folder that holds mnist/"
    )
    assert everything_in(tmp_path) == ["own"]


def test_one_probe_bounds_the_wait_for_all_mirrors(silent, serve):
    began = time.monotonic()
    assert mnist.answering([silent] * 5, seconds=0.3) is None
    assert time.monotonic() - began < 1.0


def test_mirrors_that_fail_one_after_another_get_no_more_time(monkeypatch):
    def fail_late(mirror, seconds, answers):
        time.sleep(float(mirror))
        answers.put(None)

    monkeypatch.setattr(mnist, "_ask", fail_late)
    began = time.monotonic()
    assert mnist.answering(["0.2", "0.4", "0.6", "0.8", "1.0"], seconds=0.3) is None
    assert 0.25 < time.monotonic() - began < 0.6


def test_mirrors_that_refuse_or_lack_the_files_are_known_at_once(refusing, serve):
    began = time.monotonic()
    assert mnist.answering([refusing, serve({})]) is None
    assert time.monotonic() - began < 2.0


def test_a_cache_that_cannot_be_made_is_a_warning(tiny, tmp_path, cache, serve):
    (tmp_path / "cache").write_text("a file where the folder should be")
    with pytest.warns(UserWarning, match="MNIST") as caught:
        data = load(mirrors=[serve(gzipped(tiny))])
    assert is_tiny(data)
    assert [str(warning.message) for warning in caught] == [
        f"{cache}: MNIST cannot be kept there (Not a directory) and will be downloaded again next "
        "time; make the folder writable"
    ]
    assert caught[0].filename == __file__


def test_a_cache_that_cannot_be_written_is_a_warning(tiny, monkeypatch, cache, serve):
    def refuse(path, content):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(Path, "write_bytes", refuse)
    with pytest.warns(UserWarning, match=r"kept there \(No space left on device\)"):
        data = load(mirrors=[serve(gzipped(tiny))])
    assert is_tiny(data)
    assert everything_in(cache) == []


@needs_mnist
def test_the_real_mnist():
    data = load(mirrors=())
    assert data.values.shape == (70000, 28, 28, 1)
    assert data.values.dtype == np.uint8
    assert data.is_image
    assert data.unit_interval
    assert {name: len(indices) for name, indices in data.splits.items()} == {
        "train": 60000,
        "test": 10000,
    }
    # The counts that are published with the database.
    train, test = (np.bincount(data.labels[data.splits[s]]).tolist() for s in ("train", "test"))
    assert train == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert test == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert data.label_names == ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9")
    assert data.hash == "945407111b757c6acdebb702f0a65b591fbd8568e160c09a612380e6defee463"


@needs_mnist
def test_the_real_mnist_from_a_mirror_is_the_same(monkeypatch, tmp_path, serve):
    folder = mnist.find()
    files = {f"{name}.gz": mnist._file(folder, name).read_bytes() for name in mnist.FILES}
    mirror = serve(files)
    here = load(mirrors=()).hash
    monkeypatch.delenv("LATENTSWEEP_DATA")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(mnist, "user_cache_path", lambda name: tmp_path / name)
    assert load(mirrors=[mirror]).hash == here
    assert everything_in(tmp_path / "latentsweep" / "mnist") == sorted(files)


def test_mnist_is_known_by_its_values_whatever_it_is_called(mnist_folder, tmp_path):
    values = mnist.read().values
    assert catalogue.known_as(values) == "mnist"
    assert catalogue.known_as(values[::-1]) is None
    np.savez(tmp_path / "mnist.npz", x=np.arange(200).reshape(10, 4, 5), y=np.arange(10))
    asked = Study(name="x", data=str(tmp_path / "mnist.npz"))
    named = catalogue.load_dataset(asked)
    assert (named.name, catalogue.known_as(named.values)) == ("mnist", None)
